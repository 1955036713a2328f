import { probabilityBest } from '../core/bandit/best-arm.ts';
import {
  credibleInterval,
  emptySums,
  posteriorMean,
  posteriorOf,
  posteriorSd,
  type Posterior,
  type RewardSums,
} from '../core/bandit/posterior.ts';
import { armWeights } from '../core/bandit/weights.ts';
import { evenSplit } from '../core/decide.ts';
import type { ArmWeights } from '../core/decision.ts';
import { murmur3 } from '../core/hash.ts';
import type { Bandit, Prior } from '../core/snapshot.ts';
import { createSplit, shareOf } from '../core/split.ts';
import type { BanditSums } from './ports.ts';

/** What one arm of `/admin/bandits` shows. */
export interface ArmView {
  readonly name: string;
  readonly backend: string;
  readonly paused: boolean;
  readonly share: number;
  readonly mean: number;
  /** null where the law of the mean has none. */
  readonly sd: number | null;
  /** Holds the mean reward with probability 0.95. */
  readonly interval: readonly [low: number, high: number];
  /** null while the arm is paused. */
  readonly probabilityBest: number | null;
  /** Rewards, default rewards among them. */
  readonly count: number;
  readonly served: number;
}

/** What a bandit believes after some sums, and the shares that follow; a pure function of configuration and sums. */
export interface BanditPosterior {
  readonly weights: ArmWeights;
  readonly posteriors: readonly Posterior[];
  readonly sums: readonly RewardSums[];
  /** Names of arms whose sums cannot come from rewards of this bandit; they count as unseen. */
  readonly invalid: readonly string[];
}

/** What names a bandit's state: a new epoch begins with none. */
export function banditKey({ name, epoch }: Pick<Bandit, 'name' | 'epoch'>): string {
  return `${name}:${epoch}`;
}

/** The posterior of a bandit. `sums` null: they were never read, all arms are served alike. */
export function banditPosterior(bandit: Bandit, sums: BanditSums | null): BanditPosterior {
  const invalid: string[] = [];
  const armSums: RewardSums[] = [];
  const posteriors = bandit.arms.map(({ name, prior }, i) => {
    const { count, sum, sumOfSquares } = sums?.arms.get(name) ?? emptySums;
    try {
      const posterior = posteriorOf(prior, { count, sum, sumOfSquares });
      armSums[i] = { count, sum, sumOfSquares };
      return posterior;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      invalid.push(name);
      armSums[i] = emptySums;
      return posteriorOf(prior, emptySums);
    }
  });
  const weights = sums === null ? evenWeights(bandit) : learnedWeights(bandit, posteriors, armSums);
  return { weights, posteriors, sums: armSums, invalid };
}

function evenWeights(bandit: Bandit): ArmWeights {
  const split = evenSplit(bandit);
  return { version: 0, shares: Float64Array.from(bandit.arms, (_, i) => shareOf(split, i)), split };
}

function learnedWeights(bandit: Bandit, posteriors: readonly Posterior[], sums: readonly RewardSums[]): ArmWeights {
  const { floor, ceiling, burnIn, arms } = bandit;
  const shares = armWeights({
    posteriors,
    counts: sums.map(({ count }) => count),
    active: arms.map(({ paused }) => !paused),
    floor,
    ceiling,
    burnIn,
  });
  return { version: versionOf(bandit, sums), shares, split: createSplit([...shares]) };
}

/** Names everything that the shares were made from: equal on every replica, whatever the order of the writes. */
function versionOf(bandit: Bandit, sums: readonly RewardSums[]): number {
  const { name, epoch, floor, ceiling, burnIn, arms } = bandit;
  const parts = arms.map((arm, i) => [arm.name, arm.paused, priorParts(arm.prior), sums[i]]);
  // 0 means that nothing was read yet.
  return murmur3(JSON.stringify([name, epoch, floor, ceiling, burnIn, parts])) || 1;
}

function priorParts(prior: Prior): readonly (string | number)[] {
  if (prior.kind === 'beta') return [prior.kind, prior.alpha, prior.beta];
  return [prior.kind, prior.mean, prior.strength, prior.shape, prior.rate];
}

/** The arms as people read them. Integrates anew, so it is for the admin API and not for the request path. */
export function viewArms(bandit: Bandit, posterior: BanditPosterior, sums: BanditSums | null): ArmView[] {
  const active = bandit.arms.flatMap(({ paused }, i) => (paused ? [] : [i]));
  const best = active.length === 0 ? new Float64Array() : probabilityBest(active.map((i) => posterior.posteriors[i]!));
  return bandit.arms.map(({ name, backend, paused }, i) => {
    const own = posterior.posteriors[i]!;
    const sd = posteriorSd(own);
    return {
      name,
      backend: backend.name,
      paused,
      share: posterior.weights.shares[i]!,
      mean: posteriorMean(own),
      sd: Number.isFinite(sd) ? sd : null,
      interval: credibleInterval(own),
      probabilityBest: paused ? null : best[active.indexOf(i)]!,
      count: posterior.sums[i]!.count,
      served: sums?.arms.get(name)?.served ?? 0,
    };
  });
}
