import { betaQuantile } from '../../stats/beta.ts';
import { studentTQuantile } from '../../stats/student-t.ts';

/** What is kept of an arm's rewards: all additive, so replicas add up their parts in any order. */
export interface RewardSums {
  /** How many rewards. */
  readonly count: number;
  readonly sum: number;
  readonly sumOfSquares: number;
}

/** The success rate is Beta(alpha, beta): on a flat start, alpha - 1 successes and beta - 1 failures. Both above 0. */
export interface BetaPrior {
  readonly alpha: number;
  readonly beta: number;
}

/**
 * Normal-Inverse-Gamma: the variance of one reward is Inverse-Gamma(shape, rate) and, given it, the mean reward is
 * N(mean, variance / strength). `strength` is how many rewards the belief about the mean is worth. All but the mean are
 * above 0.
 */
export interface NormalPrior {
  readonly mean: number;
  readonly strength: number;
  readonly shape: number;
  readonly rate: number;
}

export type BetaPosterior = { readonly kind: 'beta' } & BetaPrior;
export type NormalPosterior = { readonly kind: 'normal' } & NormalPrior;
/** What is believed about the mean reward of an arm. Before any reward it is the prior itself. */
export type Posterior = BetaPosterior | NormalPosterior;

/** A Student t law with a place and a width. */
export interface LocatedT {
  readonly df: number;
  readonly location: number;
  readonly scale: number;
}

export const emptySums: RewardSums = { count: 0, sum: 0, sumOfSquares: 0 };

function requirePositive(values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!(value > 0 && value < Infinity)) throw new RangeError(`${name} is above 0 and finite: ${value}.`);
  }
}

/**
 * The belief after rewards in [0, 1], whole or fractional: alpha grows by the sum, beta by the rest (Agrawal and Goyal,
 * Analysis of Thompson sampling, 2012). Throws RangeError for a prior that is not above 0 and for a sum outside
 * [0, count] by more than rounding.
 */
export function betaPosterior(prior: BetaPrior, sums: RewardSums): BetaPosterior {
  requirePositive({ alpha: prior.alpha, beta: prior.beta });
  const slack = 1e-9 * (1 + sums.count);
  if (!(sums.sum >= -slack && sums.sum <= sums.count + slack)) {
    throw new RangeError(`The sum of ${sums.count} rewards in [0, 1] is ${sums.sum}.`);
  }
  return {
    kind: 'beta',
    alpha: prior.alpha + Math.max(0, sums.sum),
    beta: prior.beta + Math.max(0, sums.count - sums.sum),
  };
}

/**
 * The belief after rewards of any size and unknown variance, with n, r̄ of the sums and S = Σr² - n r̄²:
 * strength' = strength + n, mean' = (strength mean + n r̄) / strength', shape' = shape + n / 2,
 * rate' = rate + S / 2 + strength n (r̄ - mean)² / (2 strength'). (K. Murphy, Conjugate Bayesian analysis of the
 * Gaussian distribution, 2007, section 3.) S is never taken below 0, which rounding could do when rewards hardly vary.
 * Throws RangeError for a prior whose strength, shape or rate is not above 0 and for sums that are not finite.
 */
export function normalPosterior(prior: NormalPrior, sums: RewardSums): NormalPosterior {
  requirePositive({ strength: prior.strength, shape: prior.shape, rate: prior.rate });
  const { count, sum, sumOfSquares } = sums;
  if (!(count >= 0 && Number.isFinite(count + sum + sumOfSquares))) throw new RangeError('The sums are finite.');
  if (count === 0) return { ...prior, kind: 'normal' };
  const average = sum / count;
  const strength = prior.strength + count;
  const spread = Math.max(0, sumOfSquares - sum * average);
  const surprise = (prior.strength * count * (average - prior.mean) ** 2) / strength;
  return {
    kind: 'normal',
    mean: (prior.strength * prior.mean + sum) / strength,
    strength,
    shape: prior.shape + count / 2,
    rate: prior.rate + (spread + surprise) / 2,
  };
}

/** The belief after rewards, by the kind of the prior: see `betaPosterior` and `normalPosterior`. */
export function posteriorOf(prior: Posterior, sums: RewardSums): Posterior {
  return prior.kind === 'beta' ? betaPosterior(prior, sums) : normalPosterior(prior, sums);
}

/** The law of the mean reward with the variance integrated out: t of 2 shape degrees, scale √(rate / (shape strength)). */
export function meanLawOf(posterior: NormalPosterior): LocatedT {
  const { mean, strength, shape, rate } = posterior;
  return { df: 2 * shape, location: mean, scale: Math.sqrt(rate / shape / strength) };
}

/** The expected mean reward of an arm. (For a normal one with shape <= ½ it is the centre; no expectation exists.) */
export function posteriorMean(posterior: Posterior): number {
  return posterior.kind === 'beta' ? posterior.alpha / (posterior.alpha + posterior.beta) : posterior.mean;
}

/** The standard deviation of the belief about the mean reward; Infinity where the t law has none (shape <= 1). */
export function posteriorSd(posterior: Posterior): number {
  if (posterior.kind === 'beta') {
    const { alpha, beta } = posterior;
    const total = alpha + beta;
    return Math.sqrt(((alpha / total) * (beta / total)) / (total + 1));
  }
  const { df, scale } = meanLawOf(posterior);
  return df > 2 ? scale * Math.sqrt(df / (df - 2)) : Infinity;
}

/** The central interval that holds the mean reward with probability `level` (in (0, 1), RangeError otherwise). */
export function credibleInterval(posterior: Posterior, level = 0.95): [low: number, high: number] {
  if (!(level > 0 && level < 1)) throw new RangeError(`A level is in (0, 1): ${level}.`);
  const tail = (1 - level) / 2;
  if (posterior.kind === 'beta') {
    const { alpha, beta } = posterior;
    return [betaQuantile(tail, alpha, beta), betaQuantile(1 - tail, alpha, beta)];
  }
  const { df, location, scale } = meanLawOf(posterior);
  const reach = -studentTQuantile(tail, df) * scale;
  return [location - reach, location + reach];
}
