import * as fc from 'fast-check';
import { test } from 'tap';

import { probabilityBest } from '../../../src/core/bandit/best-arm.ts';
import { emptySums, posteriorOf, type Posterior, type RewardSums } from '../../../src/core/bandit/posterior.ts';
import { armWeights, type ArmWeightsInput } from '../../../src/core/bandit/weights.ts';
import { createDraws } from '../../../src/core/draws.ts';
import { createSplit, pickArm } from '../../../src/core/split.ts';

const flatBetaPrior: Posterior = { kind: 'beta', alpha: 1, beta: 1 };
const weakNormalPrior: Posterior = { kind: 'normal', mean: 0, strength: 0.01, shape: 1, rate: 1 };
const addReward = ({ count, sum, sumOfSquares }: RewardSums, reward: number): RewardSums => ({
  count: count + 1,
  sum: sum + reward,
  sumOfSquares: sumOfSquares + reward * reward,
});

const rate = (alpha: number, beta: number): Posterior => ({ kind: 'beta', alpha, beta });
const weightsOf = (posteriors: readonly Posterior[], input: Partial<ArmWeightsInput> = {}): number[] => [
  ...armWeights({
    posteriors,
    counts: posteriors.map(() => 1000),
    active: posteriors.map(() => true),
    floor: 0,
    burnIn: 100,
    ...input,
  }),
];
const isNear = (found: readonly number[], expected: readonly number[]): boolean =>
  found.length === expected.length && found.every((p, i) => Math.abs(p - expected[i]!) < 1e-12);

const pair = [rate(121, 881), rate(141, 861)];

test('without floor and ceiling the weights are the probabilities of being best', (t) => {
  t.ok(isNear(weightsOf(pair), [...probabilityBest(pair)]));
  t.end();
});

test('until every active arm has its burn-in all active arms are served alike', (t) => {
  t.same(weightsOf(pair, { counts: [99, 1e6] }), [0.5, 0.5]);
  t.notSame(weightsOf(pair, { counts: [100, 100] }), [0.5, 0.5]);
  const three = [...pair, rate(1, 1)];
  const waiting = weightsOf(three, { counts: [100, 100, 0], active: [true, true, false] });
  t.ok(isNear(waiting, [...probabilityBest(pair), 0]), 'a paused arm holds nobody up');
  t.same(weightsOf(three, { counts: [0, 0, 0], active: [false, true, true] }), [0, 0.5, 0.5]);
  t.end();
});

test('the floor is added, so that the order stays and the sum is 1', (t) => {
  const [a, b] = probabilityBest(pair);
  t.ok(isNear(weightsOf(pair, { floor: 0.01 }), [0.01 + 0.98 * a!, 0.01 + 0.98 * b!]));
  t.same(weightsOf(pair, { floor: 0.5 }), [0.5, 0.5]);
  t.same(weightsOf(pair, { floor: 0.9 }), [0.5, 0.5]);
  t.end();
});

test('the excess over the ceiling goes to the others in proportion', (t) => {
  const arms = [rate(500, 500), rate(450, 550), rate(440, 560)];
  const free = weightsOf(arms);
  const [top, second, third] = weightsOf(arms, { ceiling: 0.8 });
  t.ok(Math.abs(top! - 0.8) < 1e-15);
  t.ok(Math.abs(second! / third! - free[1]! / free[2]!) < 1e-9);
  t.ok(
    isNear(weightsOf(arms, { ceiling: 0.4 }).slice(0, 2), [0.4, 0.4]),
    'an arm that the excess lifts above is cut too',
  );
  t.ok(isNear(weightsOf(arms, { ceiling: 0.3 }), [1 / 3, 1 / 3, 1 / 3]), 'ceilings that cannot hold all');
  const certain = [rate(1e6, 1), rate(1, 1e6), rate(1, 1e6)];
  t.ok(isNear(weightsOf(certain, { ceiling: 0.8 }), [0.8, 0.1, 0.1]), 'arms that have nothing share alike');
  t.end();
});

test('a single active arm gets everything, paused arms exactly 0, and no active arm is refused', (t) => {
  t.same(weightsOf(pair, { active: [false, true], counts: [0, 0], floor: 0.1, ceiling: 0.5 }), [0, 1]);
  t.throws(() => weightsOf(pair, { active: [false, false] }), RangeError);
  t.throws(() => weightsOf([]), RangeError);
  t.end();
});

test('settings out of range and lists of different length are refused', (t) => {
  t.throws(() => weightsOf(pair, { floor: -0.1 }), RangeError);
  t.throws(() => weightsOf(pair, { ceiling: 0 }), RangeError);
  t.throws(() => weightsOf(pair, { ceiling: 1.1 }), RangeError);
  t.throws(() => weightsOf(pair, { counts: [1] }), RangeError);
  t.throws(() => weightsOf(pair, { active: [true] }), RangeError);
  t.end();
});

test('weights always add up to exactly 1 and stay between floor and ceiling', (t) => {
  const shape = fc.integer({ min: 1, max: 300 });
  const arm = fc.record({ alpha: shape, beta: shape, isActive: fc.boolean(), count: fc.nat({ max: 3000 }) });
  const share = fc.integer({ min: 0, max: 1000 }).map((n) => n / 1000);
  fc.assert(
    fc.property(fc.array(arm, { minLength: 1, maxLength: 12 }), share, share, (arms, floor, top) => {
      fc.pre(arms.some((arm) => arm.isActive));
      const ceiling = Math.max(0.001, top);
      const weights = weightsOf(
        arms.map((arm) => rate(arm.alpha, arm.beta)),
        { active: arms.map((arm) => arm.isActive), counts: arms.map((arm) => arm.count), floor, ceiling },
      );
      const count = arms.filter((arm) => arm.isActive).length;
      const least = Math.min(floor, 1 / count) - 1e-12;
      const most = Math.max(ceiling, 1 / count) + 1e-12;
      const isBounded = weights.every((w, i) => (arms[i]!.isActive ? w >= least && w <= most : w === 0));
      return isBounded && weights.reduce((a, b) => a + b, 0) === 1;
    }),
    { seed: 1, numRuns: 2_000 },
  );
  t.end();
});

/** Serves units by the weights, refreshes them every 50 rewards; the share of the better second arm over all pulls. */
function simulate(prior: Posterior, rewardOf: (arm: number, draw: () => number) => number, seed: number): number[] {
  const draw = createDraws(seed);
  let sums = [emptySums, emptySums];
  let split = createSplit([1, 1]);
  let last = [0.5, 0.5];
  let better = 0;
  const pulls = 2_000;
  for (let pull = 1; pull <= pulls; pull++) {
    const arm = pickArm(split, draw());
    better += arm;
    sums = sums.with(arm, addReward(sums[arm]!, rewardOf(arm, draw)));
    if (pull % 50 > 0) continue;
    const posteriors = sums.map((part) => posteriorOf(prior, part));
    last = weightsOf(posteriors, { counts: sums.map((part) => part.count), floor: 0.01, burnIn: 20 });
    split = createSplit(last);
  }
  return [better / pulls, last[1]!];
}

test('after 2,000 rewarded pulls the better of two arms has had most of the traffic', (t) => {
  for (const seed of [1, 2, 3]) {
    const [served, last] = simulate(flatBetaPrior, (arm, draw) => (draw() < [0.3, 0.7][arm]! ? 1 : 0), seed);
    t.ok(served! > 0.85, `success rates 0.3 and 0.7: ${served}`);
    t.ok(last! > 0.98);
    // Box and Muller's normal draws; 1 - u keeps the logarithm finite.
    const normal = (draw: () => number): number =>
      Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
    const [normalServed, normalLast] = simulate(weakNormalPrior, (arm, draw) => [1, 2][arm]! + 2 * normal(draw), seed);
    t.ok(normalServed! > 0.85, `means 1 and 2 with deviation 2: ${normalServed}`);
    t.ok(normalLast! > 0.98);
  }
  t.end();
});
