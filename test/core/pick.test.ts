import { array, assert, constantFrom, integer, nat, property, record } from 'fast-check';
import { test } from 'tap';

import { createDraws } from '../../src/core/draws.ts';
import { pickEndpoint } from '../../src/core/pick.ts';

const up = (inflight: number) => ({ inflight, downUntilMs: 0 });
const down = (inflight: number) => ({ inflight, downUntilMs: 100 });
const NONE = -1;
const NOW = 50;

test('without a candidate there is no choice, with one there is no other', (t) => {
  const draw = (): number => t.fail('no draw is needed') as never;
  t.equal(pickEndpoint([], NOW, NONE, draw), -1);
  t.equal(pickEndpoint([up(9)], NOW, NONE, draw), 0);
  t.equal(pickEndpoint([down(9)], NOW, 0, draw), 0, 'also when it is down and excluded');
  t.end();
});

test('of two candidates the one with fewer requests under way is taken, whatever the draws', (t) => {
  for (const first of [0, 0.49, 0.5, 0.999]) {
    t.equal(
      pickEndpoint([up(3), up(2)], NOW, NONE, () => first),
      1,
    );
    t.equal(
      pickEndpoint([up(2), up(3)], NOW, NONE, () => first),
      0,
    );
  }
  t.end();
});

test('a candidate that is down is passed over until its time has come', (t) => {
  const draw = createDraws(1);
  for (let i = 0; i < 100; i++) {
    t.equal(pickEndpoint([down(0), up(9)], NOW, NONE, draw), 1);
    t.not(pickEndpoint([down(0), up(9), up(9)], NOW, NONE, draw), 0);
  }
  t.equal(pickEndpoint([down(0), up(9)], 100, NONE, draw), 0, 'and is back then');
  t.end();
});

test('what may be chosen: never the excluded one, one that is down only when all others are', (t) => {
  const candidate = record({ inflight: nat(5), downUntilMs: constantFrom(0, 100) });
  assert(
    property(
      array(candidate, { minLength: 2, maxLength: 6 }),
      integer({ min: -1, max: 5 }),
      nat(),
      (candidates, exclude, seed) => {
        const index = pickEndpoint(candidates, NOW, exclude, createDraws(seed));
        const others = candidates.filter((_, i) => i !== exclude);
        const isAllDown = others.every(({ downUntilMs }) => downUntilMs > NOW);
        return (
          candidates[index] !== undefined && index !== exclude && (isAllDown || candidates[index].downUntilMs <= NOW)
        );
      },
    ),
    { seed: 42 },
  );
  t.end();
});

test('every pair of candidates is drawn equally often', (t) => {
  const candidates = [up(0), up(1), up(2), up(3)];
  const counts = [0, 0, 0, 0];
  const draw = createDraws(7);
  for (let i = 0; i < 60_000; i++) counts[pickEndpoint(candidates, NOW, NONE, draw)]!++;
  // Of the six pairs, 3 are won by the first, 2 by the second, 1 by the third; 5 sigma of a binomial of 60,000.
  for (const [i, wins] of [3, 2, 1, 0].entries())
    t.ok(Math.abs(counts[i]! - wins * 10_000) < 5 * Math.sqrt(15_000), `${i}: ${counts[i]}`);
  t.end();
});
