import { probabilityBest } from './best-arm.ts';
import type { Posterior } from './posterior.ts';

/** All lists have one entry for each arm, in the order of the configuration. */
export interface ArmWeightsInput {
  readonly posteriors: readonly Posterior[];
  /** Rewards seen so far. */
  readonly counts: readonly number[];
  /** False for an arm that is paused: it gets exactly 0. */
  readonly active: readonly boolean[];
  /** The least share, in [0, 1], of every active arm. */
  readonly floor: number;
  /** The greatest share, in (0, 1], of any active arm; none by default. */
  readonly ceiling?: number;
  /** Until every active arm has this many rewards all are served alike. */
  readonly burnIn: number;
}

/**
 * The served probabilities of the arms: the probability of being the best (Thompson sampling, integrated out), raised to
 * the floor and cut at the ceiling. They are the exact propensities of what is served until the next refresh, and sum to
 * exactly 1. Throws RangeError when no arm is active, or when a floor or ceiling is out of range or the lists differ in length.
 *
 * The floor is additive, π' = f + (1 - K f) π, which keeps the order and the sum; clipping and dividing by the sum would
 * leave shares below the floor. Where K floors need more than there is (K f >= 1), or K ceilings hold less, all active
 * arms are served alike.
 */
export function armWeights(input: ArmWeightsInput): Float64Array {
  const { posteriors, counts, active, floor, ceiling = 1, burnIn } = input;
  if (counts.length !== posteriors.length || active.length !== posteriors.length) {
    throw new RangeError('Posteriors, counts and active have one entry for each arm.');
  }
  if (!(floor >= 0 && floor <= 1)) throw new RangeError(`A floor is in [0, 1]: ${floor}.`);
  if (!(ceiling > 0 && ceiling <= 1)) throw new RangeError(`A ceiling is in (0, 1]: ${ceiling}.`);

  const arms = active.flatMap((isActive, arm) => (isActive ? [arm] : []));
  if (arms.length === 0) throw new RangeError('No arm is active.');
  const isBurningIn = arms.some((arm) => counts[arm]! < burnIn);
  const isForced = arms.length * floor >= 1 || arms.length * ceiling < 1;
  const served =
    arms.length === 1 || isBurningIn || isForced
      ? new Float64Array(arms.length).fill(1 / arms.length)
      : applyCeiling(applyFloor(probabilityBest(arms.map((arm) => posteriors[arm]!)), floor), ceiling);
  settleSum(served);

  const weights = new Float64Array(posteriors.length);
  arms.forEach((arm, i) => (weights[arm] = served[i]!));
  return weights;
}

function applyFloor(shares: Float64Array, floor: number): Float64Array {
  const rest = 1 - shares.length * floor;
  return shares.map((share) => floor + rest * share);
}

/** Cuts shares at the ceiling and hands the excess to the others in proportion, until none is above. Needs K c >= 1. */
function applyCeiling(shares: Float64Array, ceiling: number): Float64Array {
  const capped = Float64Array.from(shares);
  const isCapped = capped.map(() => 0);
  // Every round caps at least one more arm, so that there are no more rounds than arms.
  for (let round = 0; round < capped.length; round++) {
    let excess = 0;
    capped.forEach((share, i) => {
      if (share <= ceiling) return;
      excess += share - ceiling;
      capped[i] = ceiling;
      isCapped[i] = 1;
    });
    if (excess === 0) break;
    let free = 0;
    let freeCount = 0;
    capped.forEach((share, i) => {
      if (isCapped[i] === 1) return;
      free += share;
      freeCount++;
    });
    if (freeCount === 0) break;
    capped.forEach((share, i) => {
      if (isCapped[i] === 1) return;
      // Arms that all have nothing have no proportion: they share alike.
      capped[i] = free > 0 ? share + excess * (share / free) : excess / freeCount;
    });
  }
  return capped;
}

/**
 * Rounds shares to multiples of 2^-53 and gives the largest what is left of 1. Sums of such numbers up to 1 are exact in
 * a double, so the shares add up to exactly 1 in whatever order they are added.
 */
function settleSum(shares: Float64Array): void {
  const largest = shares.indexOf(Math.max(...shares));
  let left = 1;
  shares.forEach((share, i) => {
    if (i === largest) return;
    const rounded = Math.round(share * 2 ** 53) / 2 ** 53;
    shares[i] = rounded;
    left -= rounded;
  });
  shares[largest] = left;
}
