import betainc from '@stdlib/math-base-special-betainc';
import betaln from '@stdlib/math-base-special-betaln';

import { invertLowerTail } from './beta.ts';

function checkFreedom(df: number): void {
  if (!(df > 0 && df < Infinity)) throw new RangeError(`The degrees of freedom are above 0 and finite: ${df}.`);
}

/** Natural log of the density of Student's t with `df` > 0 degrees of freedom (RangeError otherwise) at 0: its peak. */
export function studentTLogPeak(df: number): number {
  checkFreedom(df);
  return -betaln(df / 2, 0.5) - 0.5 * Math.log(df);
}

/** P(T <= t) for t <= 0, with full relative precision however deep in the tail. */
function lowerTail(t: number, df: number): number {
  const square = t * t;
  // Of df / (df + t²) and t² / (df + t²) the smaller is handed over: the other would be rounded.
  if (square > df) return 0.5 * betainc(df / (df + square), df / 2, 0.5, true, false);
  return 0.5 * betainc(square / (df + square), 0.5, df / 2, true, true);
}

/**
 * P(T <= t) for Student's t with `df` > 0 degrees of freedom (RangeError otherwise), precise where it is small.
 * Abramowitz and Stegun 26.7.1, through the incomplete beta function.
 */
export function studentTCdf(t: number, df: number): number {
  checkFreedom(df);
  return t <= 0 ? lowerTail(t, df) : 1 - lowerTail(-t, df);
}

/**
 * The t with P(T <= t) = p. p in [0, 1] (-Infinity at 0, Infinity at 1), df > 0; RangeError otherwise. Solved in w with
 * t = √df sinh w, where the density is a power of 1 / cosh w and so log-concave, for tails as heavy as may be.
 */
export function studentTQuantile(p: number, df: number): number {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`A probability is in [0, 1]: ${p}.`);
  const logPeak = studentTLogPeak(df);
  if (p === 0.5) return 0;
  if (p > 0.5) return p === 1 ? Infinity : -studentTQuantile(1 - p, df);
  if (p === 0) return -Infinity;
  const root = Math.sqrt(df);
  const w = invertLowerTail(
    (w) => studentTCdf(root * Math.sinh(w), df),
    (w) => logPeak + Math.log(root) - df * logCosh(w),
    p,
    0,
    1 / root,
  );
  return root * Math.sinh(w);
}

/** ln cosh w without overflow, precise near 0. */
function logCosh(w: number): number {
  const size = Math.abs(w);
  if (size < 1) return 0.5 * Math.log1p(Math.sinh(size) ** 2);
  return size + Math.log1p(Math.exp(-2 * size)) - Math.LN2;
}
