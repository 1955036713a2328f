import { writeFileSync } from 'node:fs';
import { quantile } from '../statistics.ts';
import { Connection } from './connection.ts';
import type { OpenLoopResult } from './load.ts';
import { Schedule } from './schedule.ts';
import { readOrder } from './worker-order.ts';

/** Requests that are still open this long after the last was due count as timeouts. */
const GRACE_MS = 5_000;
/** The longest sleep while answers may be under way, and the shortest that is worth it. */
const MOST_SLEEP_MS = 0.02;
const LEAST_SLEEP_MS = 0.005;

const order = readOrder();
const requests = order.requests.map((each) => Buffer.from(each));
const answer = Buffer.from(order.answer);
const failures = { read: 0, timeout: 0, status: 0, body: 0 };
const cell = new Int32Array(new SharedArrayBuffer(4));
const free: Connection[] = [];
const open = new Map<Connection, number>();

try {
  // By default Linux may let a sleep of microseconds last 50 microseconds longer (proc_pid_timerslack_ns(5)).
  writeFileSync('/proc/self/timerslack_ns', '1000');
} catch {
  // Sleeps are then longer, which shows in the lag.
}

const events = {
  onAnswer: (connection: Connection, got: { status: number; body: Buffer }): void => {
    const n = open.get(connection);
    if (n === undefined) return;
    answered += 1;
    if (n >= schedule.firstCounted) latenciesMs.push(performance.now() - schedule.dueMs(n));
    if (got.status !== 200) failures.status += 1;
    else if (!got.body.equals(answer)) failures.body += 1;
    open.delete(connection);
    free.push(connection);
  },
  onEnd: (connection: Connection): void => {
    failures.read += 1;
    open.delete(connection);
    const at = free.indexOf(connection);
    if (at >= 0) free.splice(at, 1);
  },
};
for (let n = 0; n < order.connections; n += 1) free.push(await Connection.open(order.port, events));

const latenciesMs: number[] = [];
const schedule = new Schedule(performance.now(), order.rate, order);
const finished = Promise.withResolvers<void>();
let sent = 0;
let answered = 0;

function sendDue(): void {
  const due = schedule.countDue(performance.now());
  // The connection that has rested the shortest goes first, as in most clients' pools.
  for (let next = free.pop(); next !== undefined; next = free.pop()) {
    const request = requests[sent % requests.length];
    if (sent >= due || request === undefined) {
      free.push(next);
      return;
    }
    open.set(next, sent);
    next.send(request);
    sent += 1;
  }
}

function turn(): void {
  sendDue();
  const nowMs = performance.now();
  const isOver = sent === schedule.total && open.size === 0;
  if (isOver || nowMs > schedule.dueMs(schedule.total) + GRACE_MS) {
    failures.timeout = schedule.total - answered - failures.read;
    finished.resolve();
    return;
  }
  // Timers of Node count whole milliseconds; spinning would take the core from the upstream.
  const sleepMs = Math.min(schedule.untilNextMs(nowMs), MOST_SLEEP_MS);
  if (sleepMs > LEAST_SLEEP_MS) Atomics.wait(cell, 0, 0, sleepMs);
  setImmediate(turn);
}

turn();
await finished.promise;
const us = (list: readonly number[] | Float64Array, p: number): number =>
  list.length === 0 ? 0 : Math.round(quantile([...list], p) * 1e6) / 1e3;
const result: OpenLoopResult = {
  requests: answered,
  seconds: order.seconds,
  p50Us: us(latenciesMs, 0.5),
  p99Us: us(latenciesMs, 0.99),
  lagP99Us: us(schedule.lagMs.subarray(schedule.firstCounted), 0.99),
  failures,
};
process.stdout.write(JSON.stringify(result), () => process.exit(0));
