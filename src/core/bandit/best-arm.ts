import { logitBeta, logitBetaLowerTail } from '../../stats/beta.ts';
import { gaussLegendre, gaussLegendreCumulative } from '../../stats/quadrature.ts';
import { studentTCdf, studentTLogPeak } from '../../stats/student-t.ts';
import { meanLawOf, type BetaPosterior, type NormalPosterior, type Posterior } from './posterior.ts';

/** Nodes of a panel. Over a panel a density changes by a factor of e^6 or so: 16 nodes then have all digits. */
const ORDER = 16;
/** The support ends where the density has fallen by e^-38, that is 3e-17, from its peak. */
const LOG_DROP = 38;

/** The density of one arm in the coordinate that all arms share, and how fast it changes there. */
interface Curve {
  /** The support: outside lies less than rounding error. */
  readonly low: number;
  readonly high: number;
  logPdf(x: number): number;
  cdf(x: number): number;
  /** How wide a panel from x on may be for the rule to be exact. */
  panelWidth(x: number): number;
}

/** The y at which logit-beta has fallen by LOG_DROP, on the lower side: Newton from the left of a concave function. */
function lowerReach(alpha: number, beta: number): number {
  const law = logitBeta(alpha, beta);
  const peak = law.logPdf(law.mode);
  // The asymptote of the log density lies above it, so its crossing lies to the left of the one sought.
  let y = law.mode + ((alpha + beta) * Math.log(beta / (alpha + beta)) - LOG_DROP) / alpha;
  for (let round = 0; round < 60; round++) {
    const short = peak - LOG_DROP - law.logPdf(y);
    if (short < 0.5) break;
    y += short / law.slope(y);
  }
  return y;
}

/** Beta arms share the logit coordinate, in which every beta density is smooth and log-concave. */
function betaCurve({ alpha, beta }: BetaPosterior): Curve {
  const law = logitBeta(alpha, beta);
  return {
    low: lowerReach(alpha, beta),
    high: -lowerReach(beta, alpha),
    logPdf: (y) => law.logPdf(y),
    cdf: (y) => logitBetaLowerTail(law, y),
    panelWidth(y) {
      // The logistic function bends at 0 over a width of about 3, however wide the density itself.
      const bend = Math.max(3, Math.abs(y) / 2);
      const bulk = Math.max(1.5 * law.spread, Math.abs(y - law.mode) / 2);
      return Math.min(bend, bulk, 6 / Math.abs(law.slope(y)));
    },
  };
}

/** Normal arms share the coordinate of the reward itself. */
function normalCurve(posterior: NormalPosterior): Curve {
  const { df, location, scale } = meanLawOf(posterior);
  const logPeak = studentTLogPeak(df) - Math.log(scale);
  const power = (df + 1) / 2;
  // With t = √df sinh w the density falls as cosh(w)^-df; capped where the numbers themselves end.
  const excess = Math.expm1(Math.min(LOG_DROP / df, 300));
  const reach = scale * Math.sqrt(df) * Math.sqrt(excess) * Math.sqrt(2 + excess);
  const narrow = 1.5 * scale * Math.min(1, Math.sqrt(df));
  return {
    low: location - reach,
    high: location + reach,
    logPdf(x) {
      const z = (x - location) / scale;
      return logPeak - power * Math.log1p((z / df) * z);
    },
    cdf: (x) => studentTCdf((x - location) / scale, df),
    panelWidth(x) {
      const distance = Math.abs(x - location);
      const z = distance / scale;
      const slope = ((df + 1) / scale) * (z / (df + z * z));
      return Math.min(Math.max(narrow, distance / 2), 6 / slope);
    },
  };
}

function curveOf(posterior: Posterior, kind: Posterior['kind']): Curve {
  if (posterior.kind !== kind) throw new RangeError('The arms of one bandit have posteriors of one kind.');
  return posterior.kind === 'beta' ? betaCurve(posterior) : normalCurve(posterior);
}

/** The end of the panel that begins at x: as wide as the most demanding arm there allows. */
function panelEnd(curves: readonly Curve[], x: number, end: number): number {
  let width = end - x;
  for (const curve of curves) if (x < curve.high) width = Math.min(width, curve.panelWidth(x));
  // A width below the spacing of doubles at x would not move on.
  return Math.min(end, x + Math.max(width, Math.abs(x) * 1e-14));
}

/**
 * The probability of each arm that its mean reward is the highest: P_k = ∫ f_k Π_{j≠k} F_j, for independent posteriors of
 * one kind (RangeError otherwise, and for none). Sums to 1; arms with equal posteriors get equal values; below 1e-16 the
 * digits mean nothing.
 *
 * Gauss-Legendre on panels that follow the narrowest posterior at each place. Only densities are evaluated: each F_j is
 * carried from panel to panel by the integrals of its density up to each node. Below the highest of the arms' lower ends
 * the product vanishes, above the highest upper end all densities do, so the panels lie between the two.
 */
export function probabilityBest(posteriors: readonly Posterior[]): Float64Array {
  const first = posteriors[0];
  if (first === undefined) throw new RangeError('There is no arm.');
  const best = new Float64Array(posteriors.length);
  if (posteriors.length === 1) return best.fill(1);

  const curves = posteriors.map((posterior) => curveOf(posterior, first.kind));
  const start = Math.max(...curves.map((curve) => curve.low));
  const end = Math.max(...curves.map((curve) => curve.high));
  const below = Float64Array.from(curves, (curve) => (start < curve.high ? curve.cdf(start) : 1));
  for (let x = start; x < end;) {
    const next = panelEnd(curves, x, end);
    addPanel(curves, x, next, below, best);
    x = next;
  }

  let sum = 0;
  for (const share of best) sum += share;
  return best.map((share) => share / sum);
}

/** Adds the integrals over [from, to] to `best`, and moves `below`, the F_j at `from`, on to `to`. */
function addPanel(curves: readonly Curve[], from: number, to: number, below: Float64Array, best: Float64Array): void {
  const { nodes, weights } = gaussLegendre(ORDER);
  const cumulative = gaussLegendreCumulative(ORDER);
  const half = (to - from) / 2;
  const middle = from + half;
  const product = new Float64Array(ORDER).fill(1);
  const pdf = new Float64Array(ORDER);
  const hazards = new Float64Array(ORDER * curves.length);
  for (let j = 0; j < curves.length; j++) {
    const curve = curves[j]!;
    if (from >= curve.high) continue;
    let mass = 0;
    for (let i = 0; i < ORDER; i++) {
      pdf[i] = Math.exp(curve.logPdf(middle + half * nodes[i]!));
      mass += weights[i]! * pdf[i]!;
    }
    for (let i = 0; i < ORDER; i++) {
      let part = 0;
      for (let m = 0; m < ORDER; m++) part += cumulative[i * ORDER + m]! * pdf[m]!;
      // Floored, so that f_k / F_k is finite where F_k is all rounding error.
      const reached = Math.max(below[j]! + half * part, 1e-300);
      product[i]! *= reached;
      hazards[j * ORDER + i] = pdf[i]! / reached;
    }
    below[j]! += half * mass;
  }
  for (let j = 0; j < curves.length; j++) {
    let sum = 0;
    for (let i = 0; i < ORDER; i++) sum += weights[i]! * hazards[j * ORDER + i]! * product[i]!;
    best[j]! += half * sum;
  }
}
