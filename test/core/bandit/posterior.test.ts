import { test } from 'tap';

import {
  betaPosterior,
  credibleInterval,
  emptySums,
  meanLawOf,
  normalPosterior,
  posteriorMean,
  posteriorOf,
  posteriorSd,
  type BetaPosterior,
  type NormalPosterior,
  type RewardSums,
} from '../../../src/core/bandit/posterior.ts';

const flatBetaPrior: BetaPosterior = { kind: 'beta', alpha: 1, beta: 1 };
/** Hardly any belief, for rewards of the order of 1. */
const weakNormalPrior: NormalPosterior = { kind: 'normal', mean: 0, strength: 0.01, shape: 1, rate: 1 };
const addReward = ({ count, sum, sumOfSquares }: RewardSums, reward: number): RewardSums => ({
  count: count + 1,
  sum: sum + reward,
  sumOfSquares: sumOfSquares + reward * reward,
});

const isNear = (found: number, expected: number, error = 1e-12): boolean => Math.abs(found - expected) <= error;
const sumsOf = (...rewards: number[]) => rewards.reduce(addReward, emptySums);

test('whole and fractional rewards raise alpha by themselves and beta by the rest', (t) => {
  t.same(betaPosterior(flatBetaPrior, sumsOf(1, 0, 0.25)), { kind: 'beta', alpha: 2.25, beta: 2.75 });
  t.same(betaPosterior({ alpha: 3, beta: 7 }, emptySums), { kind: 'beta', alpha: 3, beta: 7 });
  t.same(
    betaPosterior(flatBetaPrior, { count: 2, sum: 2.0000000001, sumOfSquares: 2 }).beta,
    1,
    'rounding is no failure',
  );
  t.end();
});

test('rewards outside [0, 1] are refused by a beta posterior', (t) => {
  t.throws(() => betaPosterior(flatBetaPrior, sumsOf(3)), RangeError);
  t.throws(() => betaPosterior(flatBetaPrior, sumsOf(-1)), RangeError);
  t.throws(() => betaPosterior(flatBetaPrior, sumsOf(NaN)), RangeError);
  t.throws(() => betaPosterior({ alpha: 0, beta: 1 }, emptySums), RangeError);
  t.end();
});

test('a normal posterior follows the Normal-Inverse-Gamma update', (t) => {
  // By hand: n 3, r̄ 2, S 2; strength 2 + 3, mean (2·1 + 6)/5, rate 4 + 2/2 + 2·3·(2 - 1)²/(2·5).
  const posterior = normalPosterior({ mean: 1, strength: 2, shape: 3, rate: 4 }, sumsOf(1, 2, 3));
  t.equal(posterior.strength, 5);
  t.ok(isNear(posterior.mean, 1.6));
  t.equal(posterior.shape, 4.5);
  t.ok(isNear(posterior.rate, 5.6));
  const law = meanLawOf(posterior);
  t.equal(law.df, 9);
  t.ok(isNear(law.scale, Math.sqrt(5.6 / (4.5 * 5))));
  t.ok(isNear(posteriorSd(posterior), law.scale * Math.sqrt(9 / 7)));
  t.end();
});

test('two updates give the same belief as one with all rewards', (t) => {
  const prior = { mean: 1, strength: 2, shape: 3, rate: 4 };
  const once = normalPosterior(prior, sumsOf(1, 5, 2, -3));
  const twice = normalPosterior(normalPosterior(prior, sumsOf(1, 5)), sumsOf(2, -3));
  t.ok(isNear(once.mean, twice.mean) && isNear(once.rate, twice.rate) && once.shape === twice.shape);
  t.end();
});

test('rounding never makes the variance of equal rewards negative', (t) => {
  const reward = 1e8 + 0.1;
  const sums = { count: 3, sum: 3 * reward, sumOfSquares: 3 * reward * reward * (1 - 1e-15) };
  const prior = { mean: reward, strength: 1, shape: 1, rate: 1e-6 };
  t.ok(normalPosterior(prior, sums).rate >= 1e-6);
  t.end();
});

test('without rewards the belief is the prior, whose unseen mean is wide', (t) => {
  t.same(posteriorOf(weakNormalPrior, emptySums), weakNormalPrior);
  t.same(posteriorOf(flatBetaPrior, emptySums), flatBetaPrior);
  t.equal(meanLawOf(weakNormalPrior).scale, 10);
  t.equal(posteriorSd(weakNormalPrior), Infinity);
  t.throws(() => normalPosterior({ mean: 0, strength: 0, shape: 1, rate: 1 }, emptySums), RangeError);
  t.throws(() => posteriorOf(weakNormalPrior, sumsOf(Infinity)), RangeError);
  t.end();
});

test('mean, deviation and interval agree with SciPy', (t) => {
  // scipy.stats.beta(121, 881): .mean(), .std(), .interval(.95)
  const rate = { kind: 'beta', alpha: 121, beta: 881 } as const;
  t.ok(isNear(posteriorMean(rate), 0.12075848303393213));
  t.ok(isNear(posteriorSd(rate), Math.sqrt((121 * 881) / (1002 ** 2 * 1003))));
  const [low, high] = credibleInterval(rate);
  t.ok(isNear(low, 0.10132341964422845) && isNear(high, 0.1416269997488508));
  // scipy.stats.t(5, loc=10, scale=2).interval(.95): 10 ± 2 · 2.5705818356363155
  const level = { kind: 'normal', mean: 10, strength: 1, shape: 2.5, rate: 10 } as const;
  t.equal(posteriorMean(level), 10);
  const [from, to] = credibleInterval(level);
  t.ok(isNear(from, 10 - 5.141163671272631) && isNear(to, 10 + 5.141163671272631));
  t.throws(() => credibleInterval(level, 1), RangeError);
  t.end();
});
