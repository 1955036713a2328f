import { test } from 'tap';

import { createDraws, drawOf } from '../../src/core/draws.ts';
import { bucketOf } from '../../src/core/hash.ts';

test('equal seeds give equal streams and neighbouring seeds unrelated ones', (t) => {
  const take = (seed: number): number[] => Array.from({ length: 5 }, createDraws(seed));
  t.same(take(7), take(7));
  t.equal(new Set([...take(0), ...take(1), ...take(-1)]).size, 15);
  t.end();
});

test('the stream stays what it is, since logged decisions are made again from it', (t) => {
  const draw = createDraws(42);
  // By a separate implementation of splitmix32 and sfc32 in Python with unbounded integers.
  t.same([draw() * 2 ** 32, draw() * 2 ** 32, draw() * 2 ** 32], [3398404915, 1005869237, 3374281156]);
  t.end();
});

test('draws are uniform in one and in two dimensions', (t) => {
  const draw = createDraws(1);
  const cells = new Float64Array(100);
  let sum = 0;
  for (let i = 0; i < 50_000; i++) {
    const [x, y] = [draw(), draw()];
    if (!(x >= 0 && x < 1)) t.fail(`${x} is outside [0, 1)`);
    sum += x;
    cells[Math.floor(x * 10) * 10 + Math.floor(y * 10)]! += 1;
  }
  const chiSquare = cells.reduce((total, n) => total + (n - 500) ** 2 / 500, 0);
  // scipy.stats.chi2.ppf([0.001, 0.999], 99) = [60.3, 148.2]
  t.ok(chiSquare > 60.3 && chiSquare < 148.2, `chi-square ${chiSquare}`);
  t.ok(Math.abs(sum / 50_000 - 0.5) < 3 * Math.sqrt(1 / 12 / 50_000), `mean ${sum / 50_000}`);
  t.end();
});

test('a draw for a key and a purpose is the bucket of both', (t) => {
  t.equal(drawOf('request-1', 'shadow'), bucketOf('request-1', 'shadow'));
  t.not(drawOf('request-1', 'shadow'), drawOf('request-1', 'endpoint'));
  t.end();
});
