import * as fc from 'fast-check';
import { test } from 'tap';
import {
  closableBeforeMs,
  graceMs,
  isLate,
  rememberMs,
  windowLengthMs,
  windowOf,
} from '../../../src/core/bandit/window.ts';

const wait = fc.integer({ min: 100, max: 7 * 86_400_000 });
const time = fc.integer({ min: 0, max: 4_000_000_000_000 });

test('the length of a window follows the wait in steps', async (t) => {
  const lengths = [1_000, 20_000, 199_999, 200_000, 600_000, 3_600_000, 86_400_000, 7 * 86_400_000].map(windowLengthMs);
  t.same(lengths, [1_000, 1_000, 1_000, 10_000, 10_000, 60_000, 3_600_000, 3_600_000]);
});

test('a window holds its time and lies side by side with the next', async () => {
  fc.assert(
    fc.property(time, wait, (timeMs, waitMs) => {
      const { startMs, lengthMs } = windowOf(timeMs, waitMs);
      const next = windowOf(startMs + lengthMs, waitMs);
      return startMs <= timeMs && timeMs < startMs + lengthMs && next.startMs === startMs + lengthMs;
    }),
    { seed: 11 },
  );
});

test('no window closes while a reward without a time of its own is still in time', async () => {
  fc.assert(
    fc.property(time, wait, fc.double({ min: 0, max: 1, noNaN: true }), (decisionMs, waitMs, part) => {
      const nowMs = decisionMs + part * (waitMs + graceMs(waitMs));
      const { startMs, lengthMs } = windowOf(decisionMs, waitMs);
      const isOpen = startMs + lengthMs > closableBeforeMs(nowMs, waitMs);
      return isOpen && !isLate({ decisionMs, eventMs: nowMs, nowMs, waitMs });
    }),
    { seed: 12 },
  );
});

test('a rewarded decision is remembered for as long as another reward could be let through', async () => {
  fc.assert(
    fc.property(time, wait, fc.nat(), fc.nat(), (decisionMs, waitMs, early, later) => {
      const firstMs = decisionMs + (early % (2 * waitMs + graceMs(waitMs) + 1));
      const forgottenMs = firstMs + rememberMs(decisionMs, firstMs, waitMs);
      const secondMs = forgottenMs - graceMs(waitMs) + later;
      return isLate({ decisionMs, eventMs: decisionMs, nowMs: secondMs + 1, waitMs });
    }),
    { seed: 13 },
  );
});

test('an outcome counts by when it was seen, if it arrives within one more wait', async (t) => {
  const times = { decisionMs: 1_000_000, waitMs: 60_000 };
  const inTimeMs = 1_000_000 + 66_000;
  t.notOk(isLate({ ...times, eventMs: inTimeMs, nowMs: inTimeMs }));
  t.ok(isLate({ ...times, eventMs: inTimeMs + 1, nowMs: inTimeMs + 1 }));
  t.notOk(isLate({ ...times, eventMs: inTimeMs, nowMs: inTimeMs + 60_000 }));
  t.ok(isLate({ ...times, eventMs: inTimeMs, nowMs: inTimeMs + 60_001 }));
});

test('the grace is a tenth of the wait between a second and a minute', async (t) => {
  t.same([1_000, 60_000, 86_400_000].map(graceMs), [1_000, 6_000, 60_000]);
});
