import { Buffer } from 'node:buffer';

import { Redis } from 'ioredis';
import { test } from 'tap';

import { createStores } from '../../src/edges/features/stores.ts';
import { createEnricher } from '../../src/gateway/enrich.ts';
import { field, Journal, makeFacts, makeView, Meter, realClock, placed } from './feature-fixtures.ts';
import { startRedis } from '../support/redis-server.ts';

const timeoutMs = 40;
/** What may be added to the time limit, beyond what a busy machine adds to any timer. */
const slackMs = 25;

/** How much later than asked for a timer of the same length comes now. */
async function timerDelay(): Promise<number> {
  const startMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, timeoutMs));
  return Math.max(0, performance.now() - startMs - timeoutMs);
}

async function start() {
  const server = await startRedis();
  const writer = new Redis(server.url);
  for (let i = 0; i < 50; i++) await writer.hset(`flower:${i}`, { a: String(i), b: '0.5' });
  writer.disconnect();
  const view = makeView({
    store: { kind: 'redis-hash', id: server.url, url: server.url },
    entity: [{ name: 'id', source: { from: 'column', name: 'id' }, type: 'int' }],
    key: { literals: ['flower:', ''], parts: [0] },
    fields: [field('a', 'float', -1), field('b', 'float', -1)],
    into: { kind: 'columns', position: 'append' },
    timeoutMs,
  });
  const meter = new Meter();
  const journal = new Journal();
  const stores = createStores({ logger: journal, metrics: meter, watch: () => ({ close: () => undefined }) });
  await stores.adopt([view]);
  const enricher = createEnricher({ stores: stores.storeOf, clock: realClock, metrics: meter, logger: journal });
  enricher.adopt({ views: [view], limits: { bodyBytes: 1e6, bufferBytes: 1e6, rows: 100 } });
  const request = async (ids: readonly number[]) => {
    const body = Buffer.from(JSON.stringify({ instances: ids.map((id) => ({ id })) }));
    const startMs = performance.now();
    const result = placed(
      await enricher.enrich({ enrich: [view] }, makeFacts({}, body, 'kserve-v1'), body, null),
      body,
    );
    const tookMs = performance.now() - startMs;
    const text = result.ok && result.body !== null ? result.body.toString() : '{"instances":[]}';
    const enriched: { instances: { id: number; a: number; b: number }[] } = JSON.parse(text);
    return { result, rows: enriched.instances, tookMs };
  };
  const close = async () => {
    await stores.close();
    await server.stop();
  };
  return { server, request, meter, close };
}

test('a batch of many entities gets the values of each', async (t) => {
  const { request, close } = await start();
  t.teardown(close);
  const ids = Array.from({ length: 60 }, (_, i) => i);
  const { rows } = await request(ids);
  t.strictSame(
    rows,
    ids.map((id) => (id < 50 ? { id, a: id, b: 0.5 } : { id, a: -1, b: -1 })),
  );
});

for (const [name, breakIt, repairIt] of [
  ['killed', 'kill', 'restart'],
  ['frozen', 'pause', 'resume'],
] as const) {
  test(`a Redis that is ${name} fails no request, delays none beyond the limit, and is used again after it returns`, async (t) => {
    const { server, request, meter, close } = await start();
    t.teardown(close);
    t.equal((await request([7])).rows[0]?.a, 7);
    await server[breakIt]();
    let longestMs = 0;
    const untilMs = performance.now() + 3500;
    while (performance.now() < untilMs) {
      const [busyMs, ...results] = await Promise.all([timerDelay(), request([1]), request([2, 3])]);
      for (const { result, rows, tookMs } of results) {
        if (!result.ok || rows.some((row) => row.a !== -1)) t.fail('a request failed or got a value from nowhere');
        longestMs = Math.max(longestMs, tookMs - busyMs);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    t.ok(longestMs < timeoutMs + slackMs, `longest ${longestMs} ms`);
    t.equal(meter.of('makas_degraded features'), 1);
    t.ok(meter.of('makas_feature_errors_total flower store') > 0);
    await server[repairIt]();
    while ((await request([7])).rows[0]?.a !== 7) await new Promise((resolve) => setTimeout(resolve, 10));
    while (meter.of('makas_degraded features') === 1) {
      await request([7]);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
}
