import { Redis } from 'ioredis';
import { test } from 'tap';
import { RedisState, type RedisStateSettings } from '../../src/edges/redis/state.ts';
import { startRedis, startRedisCluster } from '../support/redis-server.ts';
import { armOf, createLog, rewardWrite, until, WINDOW } from '../support/state-fixtures.ts';
import { testStateStore } from './state.ts';

let prefixes = 0;
const BANDIT = 'iris.live:1';

/** `count` decisions of arm a, each in a window of its own. */
const servedCounts = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    bandit: BANDIT,
    arm: 'a',
    window: { startMs: WINDOW.startMs + i * WINDOW.lengthMs, lengthMs: WINDOW.lengthMs },
    count: 1,
  }));

async function open(
  settings: Partial<RedisStateSettings> & { prefix: string },
  log = createLog(),
): Promise<RedisState> {
  const state = new RedisState({ timeoutMs: 1_000, ...settings }, log);
  await state.signingKey();
  return state;
}

test('the Redis store keeps the contract of state', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  let prefix = '';
  await testStateStore(
    t,
    () => open({ url: server.url, prefix: (prefix = `t${++prefixes}:`) }),
    () => open({ url: server.url, prefix }),
  );
});

test('the store keeps the contract of state on a Redis Cluster', async (t) => {
  const servers = await startRedisCluster();
  t.teardown(() => servers.stop());
  let prefix = '';
  await testStateStore(
    t,
    () => open({ cluster: servers.urls, prefix: (prefix = `t${++prefixes}:`) }),
    () => open({ cluster: servers.urls, prefix }),
  );
});

test('a killed Redis fails calls at once, and is used again when it is back', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const log = createLog();
  const state = await open({ url: server.url, prefix: 'k:' }, log);
  t.teardown(() => state.close());
  await state.addRewards([rewardWrite(1)]);
  await server.kill();
  await until('the loss is seen', () => !state.isHealthy());
  const startMs = performance.now();
  await t.rejects(state.addRewards([rewardWrite(2)]));
  t.ok(performance.now() - startMs < 500);
  await server.restart();
  await until('rewards are stored again', () =>
    state.addRewards([rewardWrite(2)]).then(
      () => true,
      () => false,
    ),
  );
  t.ok(state.isHealthy());
  t.match(armOf(await state.readSums([BANDIT]), 'a'), { count: 2 });
  t.equal(log.lines.filter(({ level }) => level === 'warn').length, 1);
  t.equal(log.lines.filter(({ level }) => level === 'info').length, 1);
});

test('a Redis that hangs holds nobody up, and what it did in secret is not done twice', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const state = await open({ url: server.url, prefix: 'h:', timeoutMs: 100 });
  t.teardown(() => state.close());
  server.pause();
  const startMs = performance.now();
  const served = state.addServed([{ bandit: BANDIT, arm: 'a', window: WINDOW, count: 5 }]);
  await t.rejects(state.addRewards([rewardWrite(1)]));
  await served;
  t.ok(performance.now() - startMs < 1_000);
  t.notOk(state.isHealthy());
  server.resume();
  await until('rewards are stored again', () =>
    state.addRewards([rewardWrite(1)]).then(
      () => true,
      () => false,
    ),
  );
  await until('served counts are stored again', () =>
    state.addServed([{ bandit: BANDIT, arm: 'a', window: WINDOW, count: 2 }]).then(
      () => true,
      () => false,
    ),
  );
  t.same(armOf(await state.readSums([BANDIT]), 'a'), { count: 1, sum: 1, sumOfSquares: 1, served: 7 });
});

test('what was served in a long outage is counted once, however much it is', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const state = await open({ url: server.url, prefix: 'l:' });
  t.teardown(() => state.close());
  await state.addServed(servedCounts(60_000));
  await state.addServed(servedCounts(1));
  t.match(armOf(await state.readSums([BANDIT]), 'a'), { served: 60_001 });
});

test('served counts of several calls whose answer is lost are counted once', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const state = await open({ url: server.url, prefix: 'l:', timeoutMs: 100 });
  t.teardown(() => state.close());
  server.pause();
  await state.addServed(servedCounts(2_500));
  server.resume();
  await until('served counts are stored again', () =>
    state.addServed(servedCounts(1)).then(
      () => true,
      () => false,
    ),
  );
  t.match(armOf(await state.readSums([BANDIT]), 'a'), { served: 2_501 });
});

test('what Redis refuses is added in no part, and is counted once when it is sent again', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const state = await open({ url: server.url, prefix: 'w:' });
  const client = new Redis(server.url);
  t.teardown(async () => {
    client.disconnect();
    await state.close();
  });
  for (const key of ['s', 'w']) {
    await client.flushall();
    await client.set(`w:{b:${BANDIT}}${key}`, 'rubbish');
    for (let attempt = 0; attempt < 2; attempt++) {
      await t.rejects(state.addRewards([rewardWrite(1)]), /WRONGTYPE/);
      await t.rejects(state.addServed(servedCounts(3)), /WRONGTYPE/);
    }
    t.ok(state.isHealthy(), 'Redis itself answers');
    await client.del(`w:{b:${BANDIT}}${key}`);
    t.same(await state.addRewards([rewardWrite(1)]), ['counted']);
    await state.addServed(servedCounts(3));
    t.match(armOf(await state.readSums([BANDIT]), 'a'), { count: 1, sum: 1, served: 3 });
  }
});

test('a bandit whose key is broken does not stop the others', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const log = createLog();
  const state = await open({ url: server.url, prefix: 'w:' }, log);
  const client = new Redis(server.url);
  t.teardown(async () => {
    client.disconnect();
    await state.close();
  });
  await client.set('w:{b:bad:1}s', 'rubbish');
  for (let attempt = 0; attempt < 3; attempt++) {
    const outcomes = await state.addRewards([rewardWrite(1, { bandit: 'bad:1' }), rewardWrite(2 + attempt)]);
    t.same(outcomes, ['failed', 'counted']);
    const sums = await state.readSums(['bad:1', BANDIT]);
    t.same([...sums.keys()], [BANDIT]);
    t.match(armOf(sums, 'a'), { count: 1 + attempt });
  }
  t.ok(state.isHealthy());
  await t.rejects(state.readSums(['bad:1']), /WRONGTYPE/);
  t.equal(log.lines.filter(({ level }) => level === 'warn').length, 2, 'told once for reads and once for rewards');
});

test('what Redis holds is not trusted', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const log = createLog();
  const state = await open({ url: server.url, prefix: 'u:' }, log);
  t.teardown(() => state.close());
  await state.addRewards([rewardWrite(1), rewardWrite(2, { arm: 'b' })]);
  const client = new Redis(server.url);
  t.teardown(() => client.disconnect());
  const key = `u:{b:${BANDIT}}s`;
  for (const [field, value] of [
    ['a:count', '-3'],
    ['a:sum', 'inf'],
    ['a:squares', '-1'],
    ['a:served', '1.5'],
    ['a:missing', 'many'],
    ['a:count', ''],
  ]) {
    const kept = await client.hget(key, field!);
    await client.hset(key, field!, value!);
    const arms = (await state.readSums([BANDIT])).get(BANDIT)!.arms;
    t.same([...arms.keys()], ['b'], `${field} = ${value}`);
    if (kept === null) await client.hdel(key, field!);
    else await client.hset(key, field!, kept);
  }
  t.equal(log.lines.filter(({ message }) => message.includes('not valid')).length, 6);

  await client.hset(key, 'a:sum', 'rubbish', 'a:count', '99999999999999999999999');
  t.same(await state.addRewards([rewardWrite(3, { reward: 0.5 })]), ['counted']);
  t.match(armOf(await state.readSums([BANDIT]), 'a'), { count: 1, sum: 0.5 });

  await client.set('u:signing-key', 'short');
  await t.rejects(state.signingKey(), /not a signing key/);
});

test('a password is used, and a wrong one is told without being shown', async (t) => {
  const server = await startRedis({ args: ['--requirepass', 'open-sesame'] });
  t.teardown(() => server.stop());
  const url = `redis://:open-sesame@127.0.0.1:${server.port}`;
  const right = await open({ url, prefix: 'p:' });
  await right.close();
  const log = createLog();
  const wrong = new RedisState({ url: server.url, password: 'not-the-one', prefix: 'p:', timeoutMs: 100 }, log);
  t.teardown(() => wrong.close());
  await until('the failure is logged', () => log.lines.some(({ level }) => level === 'warn'));
  t.match(JSON.stringify(log.lines), /WRONGPASS|invalid/);
  t.notMatch(JSON.stringify(log.lines), /not-the-one/);
});

test('the master behind a sentinel is found', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const sentinel = await startRedis({ sentinelOf: server.port });
  t.teardown(() => sentinel.stop());
  const state = await open({ sentinel: { nodes: [`127.0.0.1:${sentinel.port}`], name: 'main' }, prefix: 's:' });
  t.teardown(() => state.close());
  t.same(await state.addRewards([rewardWrite(1)]), ['counted']);
});
