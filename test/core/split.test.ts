import * as fc from 'fast-check';
import { test } from 'tap';

import { bucketOf } from '../../src/core/hash.ts';
import { createSplit, pickArm, rangesOf, shareOf, type Split } from '../../src/core/split.ts';

const sumOf = (weights: readonly number[]): number => weights.reduce((a, b) => a + b, 0);
const toShares = (weights: readonly number[]): number[] => weights.map((weight) => weight / sumOf(weights));

/** Edges of equal tables may differ by this much where their weights were divided by sums that differ in rounding. */
const ROUNDING = 1e-13;

/** Every change of arm between two tables: how much of the circle goes from which arm to which. */
function movesOf(before: Split, after: Split): { from: number; to: number; size: number }[] {
  const edges = [...before.ends, ...after.ends].sort((a, b) => a - b);
  let low = 0;
  return edges.flatMap((edge) => {
    const size = edge - low;
    const middle = (low + edge) / 2;
    low = edge;
    const [from, to] = [pickArm(before, middle), pickArm(after, middle)];
    return size > ROUNDING && from !== to ? [{ from, to, size }] : [];
  });
}
const movedOf = (before: Split, after: Split): number => sumOf(movesOf(before, after).map((move) => move.size));

const weight = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 1, max: 1000 }).map((n) => n / 10),
  fc.nat({ max: 5 }),
);
const weights = fc.array(weight, { minLength: 1, maxLength: 40 }).filter((weights) => sumOf(weights) > 0);

test('every arm owns its share to 1e-12, an arm of weight 0 nothing, and the ranges fill the circle', (t) => {
  fc.assert(
    fc.property(weights, (weights) => {
      const split = createSplit(weights);
      toShares(weights).forEach((share, arm) => {
        if (Math.abs(shareOf(split, arm) - share) > 1e-12) throw new Error(`arm ${arm}: ${shareOf(split, arm)}`);
        if (share === 0 && rangesOf(split, arm).length > 0) throw new Error(`arm ${arm} of weight 0 owns something`);
      });
      const ranges = weights.flatMap((_, arm) => rangesOf(split, arm)).sort(([a], [b]) => a - b);
      ranges.forEach(([from, to], i) => {
        if (from !== (ranges[i - 1]?.[1] ?? 0) || !(to > from)) throw new Error(`gap at ${from}`);
      });
      return ranges.at(-1)?.[1] === 1;
    }),
    { seed: 1, numRuns: 1_000 },
  );
  t.end();
});

test('a bucket goes to the arm whose range holds it, with few segments as with many', (t) => {
  fc.assert(
    fc.property(weights, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (weights, bucket) => {
      const split = createSplit(weights);
      const edges = [bucket, 0, 1 - 2 ** -32, ...split.ends.subarray(0, -1)];
      return edges.every((x) => rangesOf(split, pickArm(split, x)).some(([from, to]) => from <= x && x < to));
    }),
    { seed: 2, numRuns: 1_000 },
  );
  t.end();
});

test('two arms lie as cumulative ranges', (t) => {
  const split = createSplit([80, 20]);
  t.same(rangesOf(split, 0), [[0, 0.8]]);
  t.same(rangesOf(split, 1), [[0.8, 1]]);
  t.equal(pickArm(split, 0.8), 1);
  t.equal(pickArm(split, 0.7999999999), 0);
  t.same(createSplit([0.8, 0.2]), split);
  t.end();
});

test('arms after the first grow downward from 1, 1/2, 3/4 and 1/4', (t) => {
  const split = createSplit([75, 5, 5, 10, 5]);
  t.same(rangesOf(split, 1), [[0.95, 1]]);
  t.same(rangesOf(split, 2), [[0.45, 0.5]]);
  t.same(rangesOf(split, 3), [[0.65, 0.75]]);
  t.same(rangesOf(split, 4), [[0.2, 0.25]]);
  t.end();
});

test('an arm that reaches another goes round it, and past 0 on from 1', (t) => {
  const isAt = (weights: readonly number[], arm: number, expected: readonly number[][]): void => {
    const found = rangesOf(createSplit(weights), arm);
    const isClose =
      found.length === expected.length && found.flat().every((x, i) => Math.abs(x - expected.flat()[i]!) < 1e-12);
    t.ok(isClose, JSON.stringify(found));
  };
  isAt([10, 0, 40, 50], 2, [[0.1, 0.5]]);
  isAt([10, 0, 40, 50], 3, [
    [0, 0.1],
    [0.5, 0.75],
    [0.85, 1],
  ]);
  isAt([0.2, 0, 0.8], 2, [
    [0, 0.5],
    [0.7, 1],
  ]);
  t.end();
});

test('an arm whose share is nothing but rounding owns nothing and takes nothing from its neighbours', (t) => {
  // The quarters of these shares do not fill [0, 0.25) to the last digit.
  t.same(rangesOf(createSplit([0, 43, 43, 78, 78]), 0), []);
  t.same(createSplit([50, 50, 1e-300, Number.MIN_VALUE]), createSplit([50, 50, 0, 0]));
  t.end();
});

test('with two arms a change moves exactly its size, all of it into the arm that grew', (t) => {
  const share = fc.integer({ min: 0, max: 100_000 }).map((n) => n / 100_000);
  fc.assert(
    fc.property(share, share, (a, b) => {
      const moves = movesOf(createSplit([1 - a, a]), createSplit([1 - b, b]));
      const grown = b > a ? 1 : 0;
      const size = sumOf(moves.map((move) => move.size));
      return Math.abs(size - Math.abs(a - b)) < 1e-11 && moves.every((move) => move.to === grown);
    }),
    { seed: 3, numRuns: 1_000 },
  );
  t.end();
});

/** Shares of three to nine arms, of which none but the first is larger than its gap. */
const roomy = fc.integer({ min: 2, max: 8 }).chain((others) => {
  const gap = 1 / 2 ** Math.ceil(Math.log2(others));
  const share = fc.integer({ min: 0, max: 990 }).map((n) => (n * gap) / 1000);
  return fc.array(share, { minLength: others, maxLength: others }).map((shares) => ({ gap, shares }));
});
const withBaseline = (shares: readonly number[]): number[] => [1 - sumOf(shares), ...shares];

test('weight between the baseline and one other arm moves nobody else and exactly its size', (t) => {
  fc.assert(
    fc.property(
      roomy,
      fc.nat(),
      fc.integer({ min: 0, max: 990 }).map((n) => n / 1000),
      ({ gap, shares }, pick, part) => {
        const at = pick % shares.length;
        const changed = shares.with(at, gap * part);
        const moves = movesOf(createSplit(withBaseline(shares)), createSplit(withBaseline(changed)));
        const size = sumOf(moves.map((move) => move.size));
        const isBetween = moves.every(
          (move) => Math.min(move.from, move.to) === 0 && Math.max(move.from, move.to) === at + 1,
        );
        return isBetween && Math.abs(size - Math.abs(changed[at]! - shares[at]!)) < 1e-11;
      },
    ),
    { seed: 4, numRuns: 1_000 },
  );
  t.end();
});

test('an arm added at the end moves only the units that it gains', (t) => {
  fc.assert(
    fc.property(roomy, ({ shares }) => {
      const moves = movesOf(createSplit(withBaseline(shares.slice(0, -1))), createSplit(withBaseline(shares)));
      const size = sumOf(moves.map((move) => move.size));
      return (
        moves.every((move) => move.from === 0 && move.to === shares.length) && Math.abs(size - shares.at(-1)!) < 1e-11
      );
    }),
    { seed: 5, numRuns: 1_000 },
  );
  t.end();
});

test('no change moves more than (arms - 1) times the total variation, and 1.5 times on average', (t) => {
  const table = fc.integer({ min: 2, max: 8 }).chain((size) => {
    const shares = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: size, maxLength: size }).map(toShares);
    return fc.tuple(shares, shares);
  });
  let total = 0;
  let count = 0;
  fc.assert(
    fc.property(table, ([a, b]) => {
      const variation = sumOf(a.map((share, i) => Math.abs(share - b[i]!))) / 2;
      const moved = movedOf(createSplit(a), createSplit(b));
      if (variation > 0) total += moved / variation;
      count++;
      return moved >= variation - 1e-9 && moved <= (a.length - 1) * variation + 1e-9;
    }),
    { seed: 6, numRuns: 3_000 },
  );
  t.ok(total / count < 1.5, `average ${total / count}`);
  t.end();
});

test('hashed units are split by weight, within 3 sigma', (t) => {
  const count = (weights: readonly number[], units: number): number => {
    const split = createSplit(weights);
    let last = 0;
    for (let i = 0; i < units; i++) if (pickArm(split, bucketOf(`user-${i}`, 'iris/live')) === 1) last++;
    return last;
  };
  for (const [weights, units] of [
    [[80, 20], 5_000],
    [[99.5, 0.5], 50_000],
    [[66.6, 33.4], 5_000],
  ] as const) {
    const share = weights[1] / 100;
    const found = count(weights, units);
    const sigma = Math.sqrt(units * share * (1 - share));
    t.ok(Math.abs(found - units * share) < 3 * sigma, `${weights.join('/')}: ${found} of ${units}`);
  }
  t.end();
});

test('weights that make no split are refused', (t) => {
  for (const weights of [[], [0], [0, 0], [1, -1], [NaN], [Infinity, 1], [1.7e308, 1.7e308]]) {
    t.throws(() => createSplit(weights), RangeError, JSON.stringify(weights));
  }
  t.end();
});
