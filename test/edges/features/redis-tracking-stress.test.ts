import { Redis } from 'ioredis';
import t, { test } from 'tap';

import { startDelayProxy } from '../../support/delay-proxy.ts';
import { startRedis } from '../../support/redis-server.ts';
import { startBench, trackedView, until } from './tracking-bench.ts';

const server = await startRedis();
const writer = new Redis(server.url);
t.teardown(async () => {
  writer.disconnect();
  await server.stop();
});

const keys = Array.from({ length: 12 }, (_, i) => `k${i}`);
/** A time to live that matters only while the connection is lost. */
const ttlMs = 50;
const runMs = 2000;
const longestDelayMs = 30;
/** The delay of the proxy both ways, the time to live after a loss, and what a busy machine adds to all of it. */
const boundMs = 2 * longestDelayMs + ttlMs + 200;

/** Mulberry32: the same numbers for the same seed, in [0, 1). */
function draws(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What each key has held, and when the next write to it was acknowledged. */
class History {
  readonly #values = new Map<string, { readonly value: number; replacedMs: number }[]>();

  constructor() {
    for (const key of keys) this.#values.set(key, [{ value: -1, replacedMs: Number.POSITIVE_INFINITY }]);
  }

  /** A write that is on its way may be seen already. */
  begin(key: string, value: number): { acknowledge(): void } {
    const values = this.#values.get(key)!;
    const old = values.at(-1)!;
    values.push({ value, replacedMs: Number.POSITIVE_INFINITY });
    return { acknowledge: () => void (old.replacedMs = performance.now()) };
  }

  /** Whether a read that began at `startMs` may bring this. */
  allows(key: string, value: number, startMs: number): boolean {
    return this.#values.get(key)!.some((each) => each.value === value && each.replacedMs > startMs - boundMs);
  }
}

for (const seed of [1, 2, 3, 4]) {
  test(`no value outlives its replacement, whatever happens to the connection (seed ${seed})`, async (t) => {
    await writer.flushall();
    const draw = draws(seed);
    const pick = () => keys[Math.floor(draw() * keys.length)]!;
    const proxy = await startDelayProxy(server.port);
    const bench = await startBench([
      trackedView(`redis://127.0.0.1:${proxy.port}`, { cache: { mode: 'tracking', max: 10, ttlMs } }),
    ]);
    t.teardown(async () => {
      await bench.close();
      proxy.close();
    });
    await bench.tracked();
    const history = new History();
    const untilMs = performance.now() + runMs;
    const isOver = () => performance.now() > untilMs;
    const wait = (longestMs: number) => new Promise((resolve) => setTimeout(resolve, draw() * longestMs));
    let version = 0;
    let answered = 0;
    const stale: string[] = [];

    const write = async (): Promise<void> => {
      while (!isOver()) {
        const kind = draw();
        if (kind < 0.02) {
          const writes = keys.map((key) => history.begin(key, -1));
          await writer.flushall();
          for (const each of writes) each.acknowledge();
        } else {
          const key = pick();
          const isDeleted = kind < 0.1;
          const each = history.begin(key, isDeleted ? -1 : ++version);
          await (isDeleted ? writer.del(`user:${key}`) : writer.hset(`user:${key}`, 'v', version));
          each.acknowledge();
        }
        if (draw() < 0.5) await wait(8);
      }
    };
    const read = async (): Promise<void> => {
      while (!isOver()) {
        const key = pick();
        const startMs = performance.now();
        const value = await bench.ask(key);
        if (value !== null) answered++;
        if (value !== null && !history.allows(key, value, startMs)) stale.push(`${key} ${value}`);
        await wait(2);
      }
    };
    const disturb = async (): Promise<void> => {
      while (!isOver()) {
        await wait(300);
        const kind = draw();
        if (kind < 0.2) await writer.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
        else if (kind < 0.3) proxy.cut();
        else if (kind < 0.6) proxy.delay.toClient = draw() * longestDelayMs;
        else if (kind < 0.8) proxy.delay.toServer = draw() * longestDelayMs;
        else proxy.delay = { toClient: 0, toServer: 0 };
      }
    };
    await Promise.all([write(), read(), read(), read(), read(), disturb()]);
    t.strictSame(stale, []);
    t.ok(answered > 200, `${answered} reads`);
    t.ok(bench.hits() > answered / 20, `${bench.hits()} hits`);

    // Quiet now: everything must become what Redis has, and stay so.
    proxy.delay = { toClient: 0, toServer: 0 };
    await bench.tracked();
    await writer.hset('user:last', 'v', 1);
    await until(async () => (await bench.ask('last')) === 1);
    for (const round of ['first', 'second']) {
      for (const key of keys) {
        t.equal(await bench.ask(key), Number((await writer.hget(`user:${key}`, 'v')) ?? -1), `${key}, ${round} time`);
      }
    }
  });
}
