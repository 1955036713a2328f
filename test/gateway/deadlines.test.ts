import fc from 'fast-check';
import { test } from 'tap';

import { Deadlines, Timed } from '../../src/gateway/deadlines.ts';
import { RetryBudget } from '../../src/gateway/retry-budget.ts';

class Alarm extends Timed {
  readonly rings: number[] = [];
  onRing: () => void = () => {};
  readonly #now: () => number;

  constructor(now: () => number) {
    super();
    this.#now = now;
  }

  expire(): void {
    this.rings.push(this.#now());
    this.onRing();
  }
}

/** A wheel whose time the test moves on. */
function wheel() {
  let nowMs = 1000;
  const now = (): number => nowMs;
  const errors: unknown[] = [];
  const deadlines = new Deadlines(now, (error) => errors.push(error));
  const pass = (ms: number): void => {
    nowMs += ms;
    deadlines.advance();
  };
  return { deadlines, errors, now, pass, alarm: () => new Alarm(now) };
}

test('deadlines fire once, never early and at most a step late, in any order and over several turns', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 30 }), (delays) => {
      const { deadlines, pass, alarm } = wheel();
      const alarms = delays.map((delay) => {
        const one = alarm();
        deadlines.set(one, delay);
        return { one, delay };
      });
      for (let ms = 0; ms <= 20_020; ms += 5) pass(5);
      for (const { one } of alarms) deadlines.clear(one);
      deadlines.advance();
      return alarms.every(({ one, delay }) => {
        const [at = Number.NaN] = one.rings;
        return one.rings.length === 1 && at - 1000 >= delay && at - 1000 <= delay + 20;
      });
    }),
    { seed: 3, numRuns: 100 },
  );
  t.pass();
});

test('what is cleared does not fire, also when a neighbour clears it while firing', async (t) => {
  const { deadlines, pass, alarm } = wheel();
  const [first, second, third] = [alarm(), alarm(), alarm()];
  for (const one of [first, second, third]) deadlines.set(one, 50);
  first.onRing = () => deadlines.clear(second);
  pass(100);
  t.equal(first.rings.length, 1);
  t.equal(second.rings.length, 0);
  t.equal(third.rings.length, 1);
  deadlines.clear(second);
  pass(10_000);
  t.equal(third.rings.length, 1);
});

test('what is set while firing fires in its own time', async (t) => {
  const { deadlines, pass, alarm } = wheel();
  const one = alarm();
  deadlines.set(one, 20);
  one.onRing = () => {
    if (one.rings.length < 3) deadlines.set(one, 100);
  };
  for (let ms = 0; ms < 400; ms += 10) pass(10);
  t.equal(one.rings.length, 3);
  t.ok(one.rings[1]! - one.rings[0]! >= 100);
});

test('what one throws while firing is heard, and keeps no other from firing', async (t) => {
  const { deadlines, errors, pass, alarm } = wheel();
  const [first, second, third] = [alarm(), alarm(), alarm()];
  deadlines.set(first, 50);
  deadlines.set(second, 50);
  deadlines.set(third, 200);
  const error = new Error('thrown');
  first.onRing = () => {
    throw error;
  };
  pass(100);
  t.same([first.rings.length, second.rings.length, third.rings.length], [1, 1, 0]);
  t.strictSame(errors, [error]);
  pass(200);
  t.equal(third.rings.length, 1);
});

test('real time moves the wheel', async (t) => {
  const deadlines = new Deadlines(
    () => performance.now(),
    () => {},
  );
  const one = new Alarm(() => performance.now());
  const startMs = performance.now();
  await new Promise<void>((resolve) => {
    one.onRing = resolve;
    deadlines.set(one, 30);
  });
  t.ok(performance.now() - startMs >= 30);
});

test('retries are a fifth of the requests, and three a second at least', async (t) => {
  let nowMs = 0;
  const budget = new RetryBudget(() => nowMs);
  const take = (): number => {
    let taken = 0;
    while (taken < 1000 && budget.withdraw()) taken++;
    return taken;
  };
  t.equal(take(), 3);
  for (let i = 0; i < 50; i++) budget.deposit();
  t.equal(take(), 10);
  nowMs += 10_000;
  t.equal(take(), 3, 'time alone saves up no more');
  for (let i = 0; i < 10_000; i++) budget.deposit();
  t.equal(take(), 100, 'nor do requests without end');
});
