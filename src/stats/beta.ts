import betainc from '@stdlib/math-base-special-betainc';
import gammaln from '@stdlib/math-base-special-gammaln';

import { integrate } from './quadrature.ts';

const HALF_LN_TWO_PI = 0.5 * Math.log(2 * Math.PI);
/** From here the continued fraction of betainc loses digits (1e-10 at 1e6, 1e-4 at 1e8), and quadrature does not. */
const LARGE_SHAPE = 1000;
/** Beyond this logit the first term of the tail's series is the whole of it, to all digits. */
const FAR_OUT = 100;

/**
 * The law of y = log(x / (1 - x)) for x ~ Beta(alpha, beta). Its density is smooth and log-concave for all shapes (that
 * of x is not when a shape is below 1), and y keeps full precision near x = 1.
 */
export interface LogitBeta {
  readonly alpha: number;
  readonly beta: number;
  /** The mode of y, log(alpha / beta). */
  readonly mode: number;
  /** The width of the bulk: the standard deviation of the normal that fits at the mode. */
  readonly spread: number;
  /** Log of the density of y. */
  logPdf(y: number): number;
  /** Derivative of logPdf. */
  slope(y: number): number;
}

/** What Stirling's formula of ln Γ(a) leaves out: ln Γ(a) - (a - ½) ln a + a - ½ ln 2π (Abramowitz, Stegun 6.1.41). */
function stirlingRest(a: number): number {
  if (a < 10) return gammaln(a) - (a - 0.5) * Math.log(a) + a - HALF_LN_TWO_PI;
  const r = 1 / (a * a);
  const tail = 1 / 1260 - r * (1 / 1680 - r * (1 / 1188 - r * (691 / 360360 - r / 156)));
  return (1 / 12 - r * (1 / 360 - r * tail)) / a;
}

function checkShapes(alpha: number, beta: number): void {
  if (!(alpha > 0 && beta > 0 && alpha + beta < Infinity)) {
    throw new RangeError(`The shapes of a beta law are above 0 and finite: ${alpha}, ${beta}.`);
  }
}

/**
 * The logit of a beta law; shapes > 0, RangeError otherwise. The density is taken relative to its peak, where the terms
 * of size alpha and beta cancel on paper instead of in floating point, as in Loader's saddle-point form (C. Loader, Fast
 * and accurate computation of binomial probabilities, 2000): full precision for shapes of 1e-3 as of 1e9.
 */
export function logitBeta(alpha: number, beta: number): LogitBeta {
  checkShapes(alpha, beta);
  const total = alpha + beta;
  const p = alpha / total;
  const q = beta / total;
  const mode = Math.log(alpha / beta);
  const logPeak =
    0.5 * Math.log(alpha * q) - HALF_LN_TWO_PI - stirlingRest(alpha) - stirlingRest(beta) + stirlingRest(total);
  return {
    alpha,
    beta,
    mode,
    spread: Math.sqrt(1 / alpha + 1 / beta),
    logPdf(y) {
      const d = y - mode;
      if (d <= 0) return logPeak + alpha * d - total * Math.log1p(p * Math.expm1(d));
      return logPeak - beta * d - total * Math.log1p(q * Math.expm1(-d));
    },
    slope(y) {
      const d = y - mode;
      if (d <= 0) return (-alpha * q * Math.expm1(d)) / (1 + p * Math.expm1(d));
      return (beta * p * Math.expm1(-d)) / (1 + q * Math.expm1(-d));
    },
  };
}

/** Mass beyond `y`, away from the mode in `direction`, panel by panel until nothing is added. */
function integrateTail(law: LogitBeta, y: number, direction: 1 | -1): number {
  const pdf = (u: number): number => Math.exp(law.logPdf(u));
  let mass = 0;
  for (let at = y; ;) {
    const next = at + direction * Math.min(1.5 * law.spread, 6 / Math.abs(law.slope(at)));
    const part = direction * integrate(pdf, at, next);
    mass += part;
    if (part <= mass * 1e-17) return mass;
    at = next;
  }
}

/** P(logit X <= y) for X ~ Beta, with full relative precision in the lower tail. */
export function logitBetaLowerTail(law: LogitBeta, y: number): number {
  const { alpha, beta } = law;
  if (Math.min(alpha, beta) >= LARGE_SHAPE) {
    if (y === -Infinity) return 0;
    if (y === Infinity) return 1;
    return y <= law.mode ? integrateTail(law, y, -1) : 1 - integrateTail(law, y, 1);
  }
  // Out there x or 1 - x may underflow, while a tail x^alpha / (alpha B(alpha, beta)) with a tiny alpha is still large.
  if (y < -FAR_OUT) return Math.exp(law.logPdf(y)) / alpha;
  if (y > FAR_OUT) return 1 - Math.exp(law.logPdf(y)) / beta;
  // Of x and 1 - x the smaller is handed over: the other would be rounded.
  if (y <= 0) return betainc(1 / (1 + Math.exp(-y)), alpha, beta, true, false);
  return betainc(1 / (1 + Math.exp(y)), beta, alpha, true, true);
}

/**
 * The y with lowerTail(y) = p, by Newton on the log of the tail inside a bracket that bisection narrows. For a
 * log-concave density the log of the tail is concave, so that Newton converges from every start; the bracket is for
 * tails that underflow. `spread` is the width of the bulk around `start`. Needs 0 < p < 1.
 */
export function invertLowerTail(
  lowerTail: (y: number) => number,
  logPdf: (y: number) => number,
  p: number,
  start: number,
  spread: number,
): number {
  const logP = Math.log(p);
  let low = -Infinity;
  let high = Infinity;
  let reach = spread;
  let y = start;
  for (let round = 0; round < 400; round++) {
    const tail = lowerTail(y);
    const excess = Math.log(tail) - logP;
    if (excess === 0) return y;
    if (excess > 0) high = y;
    else low = y;
    let next = y - excess * Math.exp(Math.log(tail) - logPdf(y));
    if (!(next > low && next < high)) {
      if (high === Infinity) next = low + reach;
      else if (low === -Infinity) next = high - reach;
      else next = (low + high) / 2;
      reach *= 2;
    }
    if (Math.abs(next - y) <= 2e-16 * Math.max(Math.abs(y), spread)) return next;
    y = next;
  }
  return y;
}

/**
 * The x with P(X <= x) = p for X ~ Beta(alpha, beta). p in [0, 1], shapes > 0; RangeError otherwise. Relative precision
 * about 1e-12 (that of the distribution function) in x and near 1 in 1 - x, as far as a double near 1 can show it.
 */
export function betaQuantile(p: number, alpha: number, beta: number): number {
  const isLower = p <= 0.5;
  const law = isLower ? logitBeta(alpha, beta) : logitBeta(beta, alpha);
  if (!(p >= 0 && p <= 1)) throw new RangeError(`A probability is in [0, 1]: ${p}.`);
  if (p === 0 || p === 1) return p;
  const y = invertLowerTail(
    (y) => logitBetaLowerTail(law, y),
    (y) => law.logPdf(y),
    isLower ? p : 1 - p,
    law.mode,
    law.spread,
  );
  return isLower ? 1 / (1 + Math.exp(-y)) : 1 / (1 + Math.exp(y));
}
