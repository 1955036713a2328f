import t, { test } from 'tap';

import { DeadlineLine, type Waiting } from '../../src/gateway/feature-deadlines.ts';
import { realClock } from './feature-fixtures.ts';

// The timers of a line do not keep a process alive; in a gateway the connections of the clients do.
const alive = setInterval(() => undefined, 1000);
t.teardown(() => clearInterval(alive));

class Waiter implements Waiting {
  dueMs = 0;
  before: Waiting | null = null;
  after: Waiting | null = null;
  expiredMs: number | null = null;
  onDue(): void {
    this.expiredMs = performance.now();
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

test('whoever waits is told when the time is up, and whoever left is not', async (t) => {
  const line = new DeadlineLine(30, realClock);
  const waiters = Array.from({ length: 20 }, () => new Waiter());
  const startMs = performance.now();
  for (const waiter of waiters) line.add(waiter, performance.now());
  // The first, the last, and some between.
  const gone = new Set([0, 3, 4, 11, 19].map((i) => waiters[i]!));
  for (const waiter of gone) line.remove(waiter);
  const left = waiters.filter((waiter) => !gone.has(waiter));
  await until(() => left.every((waiter) => waiter.expiredMs !== null));
  for (const waiter of left) t.ok((waiter.expiredMs ?? 0) - startMs > 28);
  for (const waiter of gone) t.equal(waiter.expiredMs, null);
});

test('one that comes while the timer of another runs waits its own time', async (t) => {
  const line = new DeadlineLine(40, realClock);
  const [first, second, third] = [new Waiter(), new Waiter(), new Waiter()];
  line.add(first, performance.now());
  await new Promise((resolve) => setTimeout(resolve, 20));
  const secondMs = performance.now();
  line.add(second, secondMs);
  line.remove(first);
  await until(() => second.expiredMs !== null);
  t.ok((second.expiredMs ?? 0) - secondMs > 38);
  const thirdMs = performance.now();
  line.add(third, thirdMs);
  await until(() => third.expiredMs !== null);
  t.ok((third.expiredMs ?? 0) - thirdMs > 38, 'an empty line starts anew');
});

test('one whose time began to run earlier goes before those that came before it', async (t) => {
  const line = new DeadlineLine(60, realClock);
  const [late, early] = [new Waiter(), new Waiter()];
  const nowMs = performance.now();
  line.add(late, nowMs);
  line.add(early, nowMs - 50);
  await until(() => early.expiredMs !== null);
  t.equal(late.expiredMs, null);
  await until(() => late.expiredMs !== null);
  t.ok((late.expiredMs ?? 0) - nowMs > 58);
});
