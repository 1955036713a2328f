import { Redis } from 'ioredis';
import { test } from 'tap';

import { startRedis } from '../../support/redis-server.ts';
import { startBench, trackedView, until } from './tracking-bench.ts';

test('when a replica becomes master its values are served, and no value of the old one is kept', async (t) => {
  const master = await startRedis();
  const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] });
  const sentinel = await startRedis({ sentinelOf: master.port });
  const [old, next, watcher] = [master, replica, sentinel].map(({ url }) => new Redis(url)) as [Redis, Redis, Redis];
  // That the old one is gone is what the test is about.
  old.on('error', () => undefined);
  const nodes = [sentinel.url];
  const view = trackedView('', { store: { kind: 'redis-hash', id: 'failover', sentinel: { nodes, name: 'main' } } });
  const bench = await startBench([view]);
  t.teardown(async () => {
    await bench.close();
    for (const client of [old, next, watcher]) client.disconnect();
    for (const server of [sentinel, replica, master]) await server.stop();
  });
  const isCached = async (): Promise<boolean> => {
    const before = bench.hits();
    await bench.ask('a');
    return bench.hits() > before;
  };

  await bench.tracked();
  await old.hset('user:a', 'v', 1);
  await until(async () => (await bench.ask('a')) === 1 && (await isCached()));
  await until(async () => (await next.hget('user:a', 'v')) === '1');
  await until(async () => String(await watcher.call('SENTINEL', 'replicas', 'main')).includes(String(replica.port)));

  await master.kill();
  await until(async () => (await next.info('replication')).includes('role:master'));
  await next.hset('user:a', 'v', 2);
  await until(async () => (await bench.ask('a')) === 2);
  await bench.tracked();
  await until(isCached);
  await next.hset('user:a', 'v', 3);
  await until(async () => (await bench.ask('a')) === 3);

  // The old master comes back and holds itself for one until a sentinel tells it otherwise: nobody asks it.
  await master.restart();
  for (let i = 0; i < 20; i++) t.equal(await bench.ask('a'), 3);
  await next.hset('user:a', 'v', 4);
  await until(async () => (await bench.ask('a')) === 4);
});
