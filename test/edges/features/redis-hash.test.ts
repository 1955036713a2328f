import { createServer, connect, type Socket } from 'node:net';
import { once } from 'node:events';

import { Cluster, Redis } from 'ioredis';
import t, { test } from 'tap';

import type { FeatureView } from '../../../src/core/snapshot.ts';
import { RedisClusterStore } from '../../../src/edges/features/redis-cluster.ts';
import { RedisHashStore } from '../../../src/edges/features/redis-hash.ts';
import { slotOf } from '../../../src/edges/features/redis-slot.ts';
import { field, Journal, makeView, readAll } from '../../gateway/feature-fixtures.ts';
import { startRedis, startRedisCluster } from '../../support/redis-server.ts';

const server = await startRedis();
const writer = new Redis(server.url);
t.teardown(async () => {
  writer.disconnect();
  await server.stop();
});

const view = makeView({ fields: [field('f'), field('i', 'int')], timestamp: 'at' });

async function open(url = server.url) {
  const logger = new Journal();
  const store = new RedisHashStore({ settings: { url }, name: 'features', longestPauseMs: 100, logger });
  await store.ready(5000);
  return store;
}

/** Passes bytes on to Redis and counts how often the client writes. */
async function startCounter(port: number) {
  const counter = { writes: 0, commands: 0, url: '', close: () => {} };
  const sockets: Socket[] = [];
  const proxy = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    sockets.push(client, upstream);
    client.on('data', (chunk) => {
      counter.writes++;
      counter.commands += chunk.toString('latin1').split('HMGET').length - 1;
      upstream.write(chunk);
    });
    upstream.pipe(client);
    client.on('error', () => {}).on('close', () => upstream.destroy());
    upstream.on('error', () => {});
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  counter.url = `redis://127.0.0.1:${address.port}`;
  counter.close = () => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  };
  return counter;
}

test('values are read with their types and their time', async (t) => {
  await writer.hset('k1', { f: '1.5', i: '9007199254740993', at: '1700000000' });
  await writer.hset('k2', { f: 'x', at: 'soon' });
  await writer.hset('other', { z: '1' });
  const store = await open();
  t.teardown(() => store.close());
  const [rows] = await readAll(store, [{ view, keys: ['k1', 'k2', 'other', 'none'] }]);
  t.strictSame(rows, [
    { found: true, values: [1.5, 9007199254740993n], timeMs: 1.7e12, bad: [] },
    { found: true, values: [undefined, undefined], timeMs: null, bad: ['f', 'at'] },
    { found: false, values: [undefined, undefined], timeMs: null, bad: [] },
    { found: false, values: [undefined, undefined], timeMs: null, bad: [] },
  ]);
});

test('names and keys may be of any letters', async (t) => {
  const letters = makeView({ fields: [field('größe'), field('名', 'string')] });
  await writer.hset('schlüssel:😀', { größe: '1.75', 名: 'é😀' });
  await writer.hset('plain', { größe: '2' });
  const store = await open();
  t.teardown(() => store.close());
  t.match(await readAll(store, [{ view: letters, keys: ['schlüssel:😀', 'plain'] }]), [
    [{ values: [1.75, 'é😀'] }, { values: [2, undefined] }],
  ]);
});

test('a key of another type is an error of that entity alone', async (t) => {
  await writer.set('text', 'x');
  await writer.hset('k1', { f: '1.5' });
  const store = await open();
  t.teardown(() => store.close());
  const [rows] = await readAll(store, [{ view, keys: ['text', 'k1'] }]);
  t.strictSame(
    rows?.map((row) => row.bad),
    [['f', 'i'], []],
  );
  t.strictSame((await readAll(store, [{ view, keys: ['text'] }]))[0]?.[0]?.bad, ['f', 'i'], 'also when it is alone');
});

test('values that are too long are not passed on', async (t) => {
  const texts = makeView({ fields: [field('s', 'string')] });
  await writer.hset('long', { s: 'x'.repeat(64 * 1024 + 1) });
  await writer.hset('wide', { s: 'é'.repeat(32 * 1024) });
  const store = await open();
  t.teardown(() => store.close());
  const [rows] = await readAll(store, [{ view: texts, keys: ['long', 'wide'] }]);
  t.strictSame(
    rows?.map((row) => row.bad),
    [['s'], []],
  );
});

test('all reads of one turn of the loop are one write, and nothing is read twice', async (t) => {
  const counter = await startCounter(server.port);
  t.teardown(counter.close);
  const store = await open(counter.url);
  t.teardown(() => store.close());
  const other = makeView({ name: 'other', fields: [field('z')] });
  const before = counter.writes;
  const results = await Promise.all(
    Array.from({ length: 50 }, async (_, i) => {
      // Each from a callback of the loop of its own, as requests come from their sockets.
      await new Promise((resolve) => setImmediate(resolve));
      return readAll(store, [
        { view, keys: ['k1', `k${i % 5}`, 'k1'] },
        { view: other, keys: ['k1'] },
      ]);
    }),
  );
  t.equal(counter.writes - before, 1, 'writes');
  t.equal(counter.commands, 5 + 1, 'commands');
  for (const [rows] of results) t.equal(rows?.[0]?.values[0], 1.5);
});

test('a frozen Redis is not asked again after a while, and answers after it thaws', async (t) => {
  const frozen = await startRedis();
  t.teardown(() => frozen.stop());
  const store = await open(frozen.url);
  t.teardown(() => store.close());
  frozen.pause();
  const first = readAll(store, [{ view, keys: ['a'] }]);
  t.ok(store.isHealthy());
  await waitFor(() => !store.isHealthy());
  await t.rejects(readAll(store, [{ view, keys: ['a'] }]), /does not answer/, 'at once');
  frozen.resume();
  t.match(await first, [[{ found: false }]]);
  t.ok(store.isHealthy());
  t.match(await readAll(store, [{ view, keys: ['a'] }]), [[{ found: false }]]);
});

test('a frozen Redis is connected to anew, and is used after it thaws', async (t) => {
  const frozen = await startRedis();
  t.teardown(() => frozen.stop());
  const store = await open(frozen.url);
  t.teardown(() => store.close());
  frozen.pause();
  await t.rejects(readAll(store, [{ view, keys: ['a'] }]), 'the silent connection is given up');
  await t.rejects(readAll(store, [{ view, keys: ['a'] }]), /no connection/, 'at once');
  frozen.resume();
  await waitFor(() => store.isHealthy());
  t.match(await readAll(store, [{ view, keys: ['a'] }]), [[{ found: false }]]);
});

test('a Redis that is gone fails reads at once, and is used again when it is back', async (t) => {
  const gone = await startRedis();
  t.teardown(() => gone.stop());
  const store = await open(gone.url);
  t.teardown(() => store.close());
  await gone.kill();
  await t.rejects(readAll(store, [{ view, keys: ['a'] }]));
  await waitFor(() => !store.isHealthy());
  const startMs = performance.now();
  await t.rejects(readAll(store, [{ view, keys: ['a'] }]), /no connection/);
  t.ok(performance.now() - startMs < 20, 'at once');
  await gone.restart();
  await waitFor(() => store.isHealthy());
  t.match(await readAll(store, [{ view, keys: ['a'] }]), [[{ found: false }]]);
});

test('closing lets the reads under way end', async (t) => {
  const store = await open();
  const read = readAll(store, [{ view, keys: ['k1'] }]);
  await store.close();
  t.match(await read, [[{ found: true }]]);
  t.notOk(store.isHealthy());
});

test('slots of a Cluster follow the specification', async (t) => {
  for (const [key, slot] of [
    ['123456789', 0x31c3],
    ['foo', 12182],
    ['{user1000}.following', slotOf('user1000')],
    ['foo{}{bar}', 8363],
    ['foo{{bar}}zap', slotOf('{bar')],
    ['foo{bar}{zap}', slotOf('bar')],
    ['é{ö}', slotOf('ö')],
  ] as const) {
    t.equal(slotOf(key), slot, key);
  }
});

test('a Cluster is read with one write for each node', async (t) => {
  const cluster = await startRedisCluster();
  t.teardown(() => cluster.stop());
  const store = new RedisClusterStore({ cluster: cluster.urls }, 'features', 100, new Journal());
  await store.ready(5000);
  t.teardown(() => store.close());
  const keys = Array.from({ length: 60 }, (_, i) => `user:${i}`);
  const nodes = new Cluster(cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })));
  for (const [i, key] of keys.entries()) await nodes.hset(key, { f: String(i) });
  nodes.disconnect();
  const views: FeatureView[] = [view, makeView({ name: 'twice', fields: [field('f')] })];
  const read = await readAll(
    store,
    views.map((each) => ({ view: each, keys })),
  );
  for (const rows of read)
    t.strictSame(
      rows.map((row) => row.values[0]),
      keys.map((_, i) => i),
    );
});

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
