import * as fc from 'fast-check';
import { test } from 'tap';

import { probabilityBest } from '../../../src/core/bandit/best-arm.ts';
import type { BetaPosterior, NormalPosterior } from '../../../src/core/bandit/posterior.ts';
import { createDraws } from '../../../src/core/draws.ts';

const rate = (alpha: number, beta: number): BetaPosterior => ({ kind: 'beta', alpha, beta });
/** A posterior whose mean has Student's t law with these three parameters. */
const level = (df: number, location: number, scale: number): NormalPosterior => ({
  kind: 'normal',
  mean: location,
  strength: 1,
  shape: df / 2,
  rate: (scale * scale * df) / 2,
});
const isNear = (found: Float64Array, expected: readonly number[], error: number): boolean =>
  found.length === expected.length && found.every((p, i) => Math.abs(p - expected[i]!) <= error);

test('the probability of being best agrees with SciPy for beta arms', (t) => {
  // [quad(lambda x: beta(*arm[k]).pdf(x) * prod(beta(*arm[j]).cdf(x) for j != k), lo, hi)] over pieces of [0, 1]
  const rows: readonly [arms: BetaPosterior[], expected: number[]][] = [
    [
      [rate(121, 881), rate(141, 861)],
      [0.09212741362977737, 0.90787258637078],
    ],
    [
      [rate(3, 9), rate(5, 7), rate(2, 2)],
      [0.060948591723258574, 0.34748050778135586, 0.5915709004953855],
    ],
    [
      [rate(31, 71), rate(34, 68), rate(300, 800), rate(1, 1)],
      [0.10692198724499374, 0.23156894539231185, 0.009113089392162597, 0.6523959779705368],
    ],
    [
      [rate(1000, 9000), rate(1050, 8950), rate(20, 180)],
      [0.07182605538699988, 0.5472023617563874, 0.38097158286293453],
    ],
    [
      [rate(0.5, 0.5), rate(5, 7)],
      [1 - 0.44448471069311757, 0.44448471069311757],
    ],
    [
      [rate(0.01, 0.01), rate(5, 7)],
      [1 - 0.49819350892660647, 0.49819350892660647],
    ],
    [
      [rate(0.001, 0.001), rate(5, 7)],
      [1 - 0.4998169395595032, 0.4998169395595032],
    ],
  ];
  for (const [arms, expected] of rows) {
    const found = probabilityBest(arms);
    t.ok(isNear(found, expected, 1e-10), found.join(', '));
  }
  t.end();
});

test('shapes so small that the mass lies beyond the smallest doubles are exact', (t) => {
  // quad over y = logit x of exp(-a logaddexp(0, -y) - b logaddexp(0, y) - betaln(a, b)) · F(y), where F is betainc for
  // |y| < 100 and exp(c y - betaln(c, d)) / c, or its mirror image, beyond.
  t.ok(
    isNear(probabilityBest([rate(0.001, 0.001), rate(0.002, 0.003)]), [0.550000409554606, 0.449999590445394], 1e-12),
  );
  t.ok(isNear(probabilityBest([rate(0.01, 0.01), rate(0.02, 0.01)]), [0.3888621340632359, 0.6111378659367641], 1e-12));
  t.end();
});

test('the probability of being best agrees with SciPy for normal arms', (t) => {
  // As above with scipy.stats.t(df, loc, scale); 1e6 draws of numpy.random.default_rng(1) give .296132 .486785 .217083.
  t.ok(
    isNear(
      probabilityBest([level(4, 0, 1), level(10, 0.5, 0.5), level(200, 0.3, 0.1)]),
      [0.29560864717838176, 0.4873750863163109, 0.21701626650530742],
      1e-10,
    ),
  );
  t.ok(isNear(probabilityBest([level(1, 0, 1), level(3, 1, 1)]), [0.323174294660538, 0.6768257053394622], 1e-10));
  t.ok(
    isNear(probabilityBest([level(50, 1, 0.01), level(2, 0, 3)]), [0.6147069732793145, 1 - 0.6147069732793145], 1e-10),
  );
  t.end();
});

test('a very narrow and a very wide belief together are exact', (t) => {
  // A flat arm is above the narrow one with probability 1 - E[narrow].
  t.ok(isNear(probabilityBest([rate(1, 1), rate(1e6, 1.1e6)]), [11 / 21, 10 / 21], 1e-12));
  t.ok(isNear(probabilityBest([rate(1, 1), rate(1e9, 1)]), [1e-9, 1 - 1e-9], 1e-12));
  // With 2 degrees of freedom P(T <= t) = ½ + t / (2 √(2 + t²)), and the other arm is all but a point.
  const t2 = 1e-3;
  const below = 0.5 + t2 / (2 * Math.sqrt(2 + t2 * t2));
  t.ok(isNear(probabilityBest([level(2, 0, 1e3), level(1e5, 1, 1e-6)]), [1 - below, below], 1e-10));
  t.end();
});

test('arms so far apart that one is surely best give 1 and 0, in any coordinate', (t) => {
  t.ok(isNear(probabilityBest([rate(1e6, 1), rate(1, 1e6)]), [1, 0], 1e-12));
  t.ok(isNear(probabilityBest([level(100, 1e9, 1e-3), level(100, -1e9, 1e-3)]), [1, 0], 1e-12));
  t.ok(isNear(probabilityBest([level(100, 1e9 + 1, 1e-3), level(100, 1e9, 1e-3)]), [1, 0], 1e-12));
  t.end();
});

test('ties are exactly equal, for 2 to 64 arms', (t) => {
  for (const count of [2, 3, 10, 64]) {
    for (const arm of [rate(1, 1), rate(0.01, 0.01), rate(3e6, 7e6), level(1, 5, 2), level(1e4, -1, 1e-3)]) {
      const found = probabilityBest(Array.from({ length: count }, () => arm));
      t.equal(new Set(found).size, 1, `${count} arms`);
      t.ok(Math.abs(found[0]! - 1 / count) < 1e-12);
    }
  }
  t.end();
});

test('for beta laws with whole shapes the closed sum comes out', (t) => {
  /** P(B > A) = Σ_{i < α_B} B(α_A + i, β_A + β_B) / ((β_B + i) B(1 + i, β_B) B(α_A, β_A)), by its ratio of terms. */
  const closedSum = (a: BetaPosterior, b: BetaPosterior): number => {
    let term = 1;
    for (let j = 0; j < b.beta; j++) term *= (a.beta + j) / (a.alpha + a.beta + j);
    let sum = 0;
    for (let i = 0; i < b.alpha; i++) {
      sum += term;
      term *= ((a.alpha + i) * (b.beta + i)) / ((a.alpha + a.beta + b.beta + i) * (i + 1));
    }
    return sum;
  };
  const shape = fc.integer({ min: 1, max: 60 });
  const arm = fc.tuple(shape, shape).map(([alpha, beta]) => rate(alpha, beta));
  fc.assert(
    fc.property(arm, arm, (a, b) => Math.abs(probabilityBest([a, b])[1]! - closedSum(a, b)) < 1e-11),
    { seed: 1, numRuns: 500 },
  );
  t.end();
});

test('with any arms the probabilities follow the arms when their order changes', (t) => {
  const shape = fc.double({ min: Math.log(0.05), max: Math.log(1e7), noNaN: true }).map(Math.exp);
  const betas = fc.array(
    fc.tuple(shape, shape).map(([a, b]) => rate(a, b)),
    { minLength: 2, maxLength: 12 },
  );
  const normal = fc
    .tuple(shape, fc.double({ min: -5, max: 5, noNaN: true }), shape)
    .map(([df, location, scale]) => level(Math.max(0.5, df), location, 1 / scale));
  fc.assert(
    fc.property(fc.oneof(betas, fc.array(normal, { minLength: 2, maxLength: 12 })), (arms) => {
      const found = probabilityBest(arms);
      const sum = found.reduce((a, b) => a + b, 0);
      const turned = probabilityBest(arms.toReversed()).toReversed();
      return Math.abs(sum - 1) < 1e-12 && isNear(turned, [...found], 1e-12) && found.every((p) => p >= 0);
    }),
    { seed: 2, numRuns: 300 },
  );
  t.end();
});

test('with three arms the probability agrees with drawn means', (t) => {
  // Beta with whole shapes: the alpha-th smallest of alpha + beta - 1 uniform draws.
  const draw = createDraws(5);
  const sample = ({ alpha, beta }: BetaPosterior): number =>
    Float64Array.from({ length: alpha + beta - 1 }, draw).sort()[alpha - 1]!;
  const arms = [rate(4, 9), rate(6, 8), rate(2, 3)];
  const rounds = 20_000;
  const wins = [0, 0, 0];
  for (let i = 0; i < rounds; i++) {
    const means = arms.map(sample);
    wins[means.indexOf(Math.max(...means))]! += 1;
  }
  probabilityBest(arms).forEach((p, i) => {
    t.ok(
      Math.abs(wins[i]! / rounds - p) < 3 * Math.sqrt((p * (1 - p)) / rounds),
      `arm ${i}: ${p} and ${wins[i]! / rounds}`,
    );
  });
  t.end();
});

test('one arm is best, none or two kinds are refused', (t) => {
  t.same([...probabilityBest([rate(3, 4)])], [1]);
  t.throws(() => probabilityBest([]), RangeError);
  t.throws(() => probabilityBest([rate(1, 1), level(3, 0, 1)]), RangeError);
  t.end();
});
