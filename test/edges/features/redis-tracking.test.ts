import { createServer } from 'node:net';
import { once } from 'node:events';

import { Redis } from 'ioredis';
import t, { test } from 'tap';

import { startDelayProxy } from '../../support/delay-proxy.ts';
import { startRedis } from '../../support/redis-server.ts';
import { startBench, trackedView, type TrackingBench, until } from './tracking-bench.ts';

const server = await startRedis();
const writer = new Redis(server.url);
t.teardown(async () => {
  writer.disconnect();
  await server.stop();
});
t.beforeEach(() => writer.flushall());

/** A gateway behind a proxy, which tracks and has read nothing yet. */
async function start(
  t: { teardown(close: () => Promise<void>): void },
  overrides: Parameters<typeof trackedView>[1] = {},
) {
  const proxy = await startDelayProxy(server.port);
  const view = trackedView(`redis://127.0.0.1:${proxy.port}`, overrides);
  const bench = await startBench([view]);
  t.teardown(async () => {
    await bench.close();
    proxy.close();
  });
  await bench.tracked(view.name);
  return { ...bench, proxy, view };
}

type Asking = Pick<TrackingBench, 'ask' | 'hits'>;

/** Whether a value is served without reading it. */
async function isCached({ ask, hits }: Asking, id: string): Promise<boolean> {
  const before = hits();
  await ask(id);
  return hits() > before;
}

/** Waits until a value is served and kept. What is read while its change is being told is served and not kept. */
async function settles(bench: Asking, id: string, value: number): Promise<void> {
  await until(async () => (await bench.ask(id)) === value && (await isCached(bench, id)));
}

test('a value is read once, and read anew when it changed', async (t) => {
  const bench = await start(t);
  await writer.hset('user:a', 'v', 1);
  await settles(bench, 'a', 1);
  const { writes } = bench.proxy;
  const hits = bench.hits();
  // Longer than the time to live, which counts only while changes go unsaid.
  await new Promise((resolve) => setTimeout(resolve, 120));
  for (let i = 0; i < 100; i++) t.equal(await bench.ask('a'), 1);
  t.equal(bench.proxy.writes, writes, 'hits cost nothing');
  t.equal(bench.hits() - hits, 100);
  await writer.hset('user:a', 'v', 2);
  await until(async () => (await bench.ask('a')) === 2);
  t.equal(bench.meter.of('makas_feature_cache_invalidations_total user'), 1);
});

test('that there is nothing is forgotten when something is written', async (t) => {
  const bench = await start(t);
  t.equal(await bench.ask('a'), -1);
  t.ok(await isCached(bench, 'a'));
  await writer.hset('user:a', 'v', 3);
  await until(async () => (await bench.ask('a')) === 3);
});

test('deleting, renaming, expiring and emptying are changes', async (t) => {
  const bench = await start(t);
  for (const [change, undo] of [
    [() => writer.del('user:a'), () => undefined],
    [() => writer.rename('user:a', 'user:b'), () => writer.del('user:b')],
    [() => writer.pexpire('user:a', 20), () => undefined],
    [() => writer.flushall(), () => undefined],
    [() => writer.flushdb(), () => undefined],
  ] as const) {
    await writer.hset('user:a', 'v', 5);
    await settles(bench, 'a', 5);
    await change();
    await until(async () => (await bench.ask('a')) === -1);
    await undo();
  }
  t.equal(bench.meter.of('makas_feature_cache_flushes_total user flush'), 2);
});

test('writes to other keys leave the cache alone', async (t) => {
  const bench = await start(t);
  await bench.ask('a');
  await writer.hset('users:a', 'v', 1);
  await writer.hset('user:b', 'v', 1);
  await writer.hset('user:c', 'v', 1);
  await until(async () => (await bench.ask('c')) === 1);
  t.ok(await isCached(bench, 'a'));
});

test('a connection that is killed leaves nothing behind, and is tracked again', async (t) => {
  const bench = await start(t);
  for (let round = 1; round <= 5; round++) {
    await writer.hset('user:a', 'v', round);
    await until(async () => (await bench.ask('a')) === round);
    const killed = await writer.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    t.equal(killed, 1, 'there is one connection');
    await writer.hset('user:a', 'v', -round);
    // No change was told; that the connection is new is enough.
    await until(async () => (await bench.ask('a')) === -round);
    await bench.tracked();
    t.equal(await bench.ask('a'), -round);
  }
});

test('while the connection is lost a value lives for its time to live only', async (t) => {
  const bench = await start(t, { cache: { mode: 'tracking', max: 10, ttlMs: 300 } });
  await writer.hset('user:a', 'v', 1);
  await settles(bench, 'a', 1);
  bench.proxy.close();
  await until(() => !bench.isTracked());
  const lostMs = performance.now();
  t.equal(await bench.ask('a'), 1, 'it was good a moment ago');
  await until(async () => (await bench.ask('a')) === null);
  const keptMs = performance.now() - lostMs;
  t.ok(keptMs > 200, `${keptMs} ms`);
});

test('a Redis that restarts with other values is read anew', async (t) => {
  const other = await startRedis();
  t.teardown(() => other.stop());
  const bench = await startBench([trackedView(other.url)]);
  t.teardown(() => bench.close());
  await bench.tracked();
  const client = new Redis(other.url);
  await client.hset('user:a', 'v', 1);
  await until(async () => (await bench.ask('a')) === 1);
  client.disconnect();
  await other.restart();
  const again = new Redis(other.url);
  await again.hset('user:a', 'v', 2);
  again.disconnect();
  await settles(bench, 'a', 2);
  await bench.tracked();
  await settles(bench, 'a', 2);
});

test('a connection that goes silent is found although nobody reads', async (t) => {
  const bench = await start(t);
  await writer.hset('user:a', 'v', 1);
  t.equal(await bench.ask('a'), 1);
  const startMs = performance.now();
  bench.proxy.delay.toClient = 1e6;
  await writer.hset('user:a', 'v', 2);
  await until(() => !bench.isTracked());
  const foundMs = performance.now() - startMs;
  t.ok(foundMs < 4500, `${foundMs} ms`);
  bench.proxy.delay.toClient = 0;
  await until(async () => (await bench.ask('a')) === 2);
});

test('a read that was made before a change and answered after it leaves nothing behind', async (t) => {
  const bench = await start(t);
  for (let round = 1; round <= 5; round++) {
    await writer.hset('user:a', 'v', round);
    await settles(bench, 'a', round);
    await writer.hset('user:a', 'v', 50 + round);
    bench.proxy.delay.toClient = 60;
    const early = bench.ask('a');
    // The read has been made when the proxy holds its reply; then it changes.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await writer.hset('user:a', 'v', 100 + round);
    await early;
    bench.proxy.delay.toClient = 0;
    await settles(bench, 'a', 100 + round);
    t.equal(await bench.ask('a'), 100 + round);
  }
});

test('a server that tells of a change before the reply that it outdates is not trusted with the reply', async (t) => {
  const replies: string[] = [];
  const fake = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      const text = chunk.toString('latin1');
      for (const command of text.split(/(?=\*\d+\r\n\$\d+\r\n[A-Z]{2,})/)) {
        socket.write(command.includes('HMGET') ? (replies.shift() ?? '*1\r\n$1\r\n9\r\n') : '+OK\r\n');
      }
    });
  });
  fake.listen(0, '127.0.0.1');
  await once(fake, 'listening');
  const address = fake.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const bench = await startBench([trackedView(`redis://127.0.0.1:${address.port}`)]);
  t.teardown(async () => {
    await bench.close();
    fake.close();
  });
  await bench.tracked();
  replies.push('>2\r\n$10\r\ninvalidate\r\n*1\r\n$6\r\nuser:a\r\n*1\r\n$1\r\n1\r\n');
  t.equal(await bench.ask('a'), 1);
  t.equal(await bench.ask('a'), 9, 'it was not kept');
  t.ok(await isCached(bench, 'a'));
  replies.push('>2\r\n$10\r\ninvalidate\r\n_\r\n*1\r\n$1\r\n1\r\n');
  await bench.ask('b');
  t.equal(await bench.ask('b'), 9, 'neither after everything was forgotten');
});

test('a Redis that knows no tracking, and a user who may not ask for it, mean a time to live', async (t) => {
  await writer.call('ACL', 'SETUSER', 'reader', 'on', '>secret', '~user:*', '+hmget', '+select');
  const old = await startRedis({ args: ['--rename-command', 'HELLO', ''] });
  t.teardown(() => old.stop());
  for (const url of [`redis://reader:secret@127.0.0.1:${server.port}`, old.url]) {
    const bench = await startBench([trackedView(url)]);
    t.teardown(() => bench.close());
    await until(() => bench.journal.lines.some((line) => line.includes('does not tell of changes')));
    const client = url === old.url ? new Redis(url) : writer;
    await client.hset('user:a', 'v', 1);
    t.equal(await bench.ask('a'), 1);
    t.ok(await isCached(bench, 'a'));
    await client.hset('user:a', 'v', 2);
    await until(async () => (await bench.ask('a')) === 2);
    t.notOk(bench.isTracked());
    if (client !== writer) client.disconnect();
  }
});

test('views are tracked beside each other, also when one has the prefix of another, and as they come and go', async (t) => {
  const { url } = server;
  const [user, deep, other] = [
    trackedView(url),
    trackedView(url, { name: 'user:deep' }),
    trackedView(url, { name: 'other' }),
  ];
  const bench = await startBench([user, deep]);
  t.teardown(() => bench.close());
  const checkAll = async (views: readonly (typeof user)[], value: number) => {
    for (const view of views) {
      await bench.tracked(view.name);
      await writer.hset(`${view.name}:a`, 'v', value);
      await settles({ ask: (id) => bench.ask(id, view), hits: () => bench.hits(view.name) }, 'a', value);
      const before = bench.hits(view.name);
      t.equal(await bench.ask('a', view), value);
      t.equal(bench.hits(view.name), before + 1, view.name);
    }
  };
  await checkAll([user, deep], 1);
  await bench.adopt([deep, other]);
  await checkAll([deep, other], 2);
  await checkAll([deep, other], 3);
  t.notOk(bench.isTracked('user'), 'the cache of the view that went lives by its time to live');
  await bench.adopt([user, deep, other]);
  await checkAll([user, deep, other], 4);
  await bench.adopt([]);
});

test('a cache holds no more entities than it may', async (t) => {
  const bench = await start(t, { cache: { mode: 'tracking', max: 5, ttlMs: 50 } });
  for (let i = 0; i < 20; i++) await bench.ask(String(i));
  t.equal(bench.meter.of('makas_feature_cache_entries user'), 5);
});

test('a password and a database number are kept to', async (t) => {
  const guarded = await startRedis({ args: ['--requirepass', 'hunter2'] });
  t.teardown(() => guarded.stop());
  const client = new Redis({ port: guarded.port, password: 'hunter2', db: 3 });
  t.teardown(() => client.disconnect());
  await client.hset('user:a', 'v', 7);
  const bench = await startBench([trackedView(`redis://:hunter2@127.0.0.1:${guarded.port}/3`)]);
  t.teardown(() => bench.close());
  await bench.tracked();
  t.equal(await bench.ask('a'), 7);
  await client.hset('user:a', 'v', 8);
  await until(async () => (await bench.ask('a')) === 8);
  const refused = await startBench([trackedView(`redis://:wrong@127.0.0.1:${guarded.port}`)]);
  t.teardown(() => refused.close());
  t.equal(await refused.ask('a'), null);
  t.notOk(refused.journal.lines.join().includes('wrong'));
});
