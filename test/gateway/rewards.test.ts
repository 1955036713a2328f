import { Redis } from 'ioredis';
import { test, type Test } from 'tap';

import { openEmbeddedState } from '../../src/edges/embedded/state.ts';
import { RedisState } from '../../src/edges/redis/state.ts';
import { Degradation } from '../../src/gateway/degradation.ts';
import type { StateStore } from '../../src/gateway/ports.ts';
import { RewardDesk } from '../../src/gateway/rewards.ts';
import { DecisionTokens, signingKeyFrom } from '../../src/gateway/token.ts';
import { startRedis } from '../support/redis-server.ts';
import { makeSnapshot } from '../support/state-bandits.ts';
import { armOf, createClock, createLog, createMeter, temporaryFolder, until } from '../support/state-fixtures.ts';

const tokens = new DecisionTokens(signingKeyFrom('rewards test'));
const BANDIT = 'iris.live:1';
const START = 1_750_000_000_000;

async function setUp(t: Test, { store, bufferLimit = 100 }: { store?: StateStore; bufferLimit?: number } = {}) {
  const log = createLog();
  const used = store ?? (await openEmbeddedState({ path: temporaryFolder() }, log));
  const clock = createClock(START);
  const metrics = createMeter();
  let snapshot = makeSnapshot({}, { name: 'gauss', reward: { kind: 'gaussian', min: -10, max: 10 } });
  const degradation = new Degradation('state', metrics.gauge('makas_degraded', 'state'), log);
  const desk = new RewardDesk({
    store: used,
    tokens,
    snapshot: () => snapshot,
    clock,
    logger: log,
    metrics,
    degradation,
    bufferLimit,
    retryMs: 20,
  });
  t.teardown(async () => {
    await desk.close();
    await used.close();
  });
  const issue = (arm = 0, bandit = 0) => {
    const { id, arms } = snapshot.bandits[bandit]!;
    return tokens.issue(clock.now(), id, arms[arm]!.id, 0.5, 1)!;
  };
  const send = async (...items: unknown[]) => (await desk.submit(items)).map(({ result }) => result);
  const sums = async (arm = 'a') => armOf(await used.readSums([BANDIT]), arm);
  return {
    desk,
    store: used,
    clock,
    metrics,
    log,
    issue,
    send,
    sums,
    reload: (next: typeof snapshot) => void (snapshot = next),
  };
}

test('a reward is counted once, for its arm, whatever its form', async (t) => {
  const { issue, send, sums, metrics } = await setUp(t);
  const [first, second, third, fourth] = [issue(), issue(), issue(1), issue()];
  t.same(
    await send({ decision: first, reward: 1 }, { decision: second, reward: true }, { decision: third, reward: false }),
    ['counted', 'counted', 'counted'],
  );
  t.same(await send({ decision: fourth, reward: 0.25, id: 'order-1', at: new Date(START).toISOString() }), ['counted']);
  t.same(await send({ decision: first, reward: 1 }), ['repeated']);
  t.same(await send({ decision: fourth, reward: 0.25, id: 'order-1' }), ['repeated']);
  t.same(await send({ decision: fourth, reward: 0.5, id: 'order-2' }), ['conflict']);
  t.match(await sums('a'), { count: 3, sum: 2.25, sumOfSquares: 2.0625 });
  t.match(await sums('b'), { count: 1, sum: 0 });
  t.equal(metrics.value('makas_rewards_total', 'iris.live', 'counted'), 4);
  t.equal(metrics.value('makas_rewards_total', 'iris.live', 'repeated'), 2);
  t.equal(metrics.value('makas_rewards_total', 'iris.live', 'conflict'), 1);
});

test('a reward that is malformed or out of range is told why', async (t) => {
  const { desk, issue, sums, metrics } = await setUp(t);
  const decision = issue();
  const gaussian = issue(0, 1);
  const cases: [unknown, RegExp][] = [
    [null, /object/],
    [[], /object/],
    ['text', /object/],
    [{}, /decision is the text/],
    [{ decision: 7, reward: 1 }, /decision is the text/],
    [{ decision }, /reward is a number/],
    [{ decision, reward: '1' }, /reward is a number/],
    [{ decision, reward: 1.01 }, /from 0 to 1/],
    [{ decision, reward: -0.01 }, /from 0 to 1/],
    [{ decision, reward: Number.NaN }, /from 0 to 1/],
    [{ decision: gaussian, reward: 11 }, /from -10 to 10/],
    [{ decision: gaussian, reward: true }, /binary/],
    [{ decision, reward: 1, id: 3 }, /id is a text/],
    [{ decision, reward: 1, id: 'x'.repeat(129) }, /id is a text/],
    [{ decision, reward: 1, at: 'yesterday' }, /at is a time/],
    [{ decision, reward: 1, at: '2026-02-31' }, /at is a time/],
    [{ decision, reward: 1, at: -1 }, /at is a time/],
    [{ decision, reward: 1, at: null }, /at is a time/],
    [{ decision, rewrad: 1 }, /no key "rewrad"/],
  ];
  const results = await desk.submit(cases.map(([item]) => item));
  cases.forEach(([item, pattern], i) => {
    t.equal(results[i]?.result, 'invalid', JSON.stringify(item));
    t.match(results[i]?.message, pattern);
  });
  t.match(await sums(), { count: 0 });
  t.equal(
    metrics.value('makas_rewards_total', 'iris.live', 'invalid') +
      metrics.value('makas_rewards_total', 'gauss', 'invalid'),
    5,
  );
  t.equal(metrics.value('makas_rewards_total', 'unknown', 'invalid'), cases.length - 5);
});

test('forged tokens and bandits or arms that are gone have answers of their own', async (t) => {
  const { issue, send, reload, metrics } = await setUp(t);
  const [a, b] = [issue(0), issue(1)];
  const tampered = a.slice(0, -1) + (a.endsWith('A') ? 'B' : 'A');
  t.same(await send({ decision: tampered, reward: 1 }, { decision: 'abc', reward: 1 }), ['forged', 'forged']);
  reload(makeSnapshot({ arms: ['a', 'c'] }));
  t.same(await send({ decision: b, reward: 1 }, { decision: a, reward: 1 }), ['unknown', 'counted']);
  reload(makeSnapshot({ epoch: 2 }));
  t.same(await send({ decision: b, reward: 1 }), ['unknown']);
  t.equal(metrics.value('makas_rewards_total', 'unknown', 'forged'), 2);
  t.equal(metrics.value('makas_rewards_total', 'iris.live', 'unknown'), 1);
  t.equal(metrics.value('makas_rewards_total', 'unknown', 'unknown'), 1);
});

test('a paused arm takes its rewards', async (t) => {
  const { issue, send, sums, reload } = await setUp(t);
  const decision = issue();
  reload(makeSnapshot({ arms: [{ name: 'a', paused: true }, 'b'] }));
  t.same(await send({ decision, reward: 1 }), ['counted']);
  t.match(await sums(), { count: 1 });
});

test('a reward after wait and grace is late, unless its outcome was seen in time', async (t) => {
  const { clock, issue, send } = await setUp(t);
  const decisions = Array.from({ length: 4 }, () => issue());
  clock.advance(66_000);
  t.same(await send({ decision: decisions[0], reward: 1 }), ['counted']);
  clock.advance(1);
  t.same(await send({ decision: decisions[1], reward: 1 }), ['late']);
  t.same(await send({ decision: decisions[1], reward: 1, at: START + 5_000 }), ['counted']);
  t.same(await send({ decision: decisions[2], reward: 1, at: START + 999_000_000 }), ['late']);
  clock.advance(60_000);
  t.same(await send({ decision: decisions[3], reward: 1, at: START + 5_000 }), ['late']);
});

test('1,000 rewards that are sent twice at once are counted once', async (t) => {
  const { issue, send, sums } = await setUp(t);
  const items = Array.from({ length: 1_000 }, () => ({ decision: issue(), reward: 1 }));
  const results = (await Promise.all([...items, ...items].map((item) => send(item)))).flat();
  t.equal(results.filter((result) => result === 'counted').length, 1_000);
  t.match(await sums(), { count: 1_000, sum: 1_000 });
});

test('while Redis is away rewards are buffered up to the limit, and stored once when it is back', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const store = new RedisState({ url: server.url, prefix: 'm:', timeoutMs: 250 }, createLog());
  await store.signingKey();
  const { desk, issue, send, sums, metrics, log } = await setUp(t, { store, bufferLimit: 50 });
  const before = Array.from({ length: 20 }, () => ({ decision: issue(), reward: 1 }));
  t.same(new Set(await send(...before)), new Set(['counted']));

  await server.kill();
  const during = Array.from({ length: 50 }, () => ({ decision: issue(), reward: 1 }));
  const startMs = performance.now();
  for (const item of during) t.same(await send(item), ['buffered']);
  t.ok(performance.now() - startMs < 2_000);
  t.same(await send({ decision: issue(), reward: 1 }), ['refused']);
  t.same(await send(during[0]), ['buffered']);
  t.same(await send({ ...during[0], id: 'second' }), ['conflict']);
  t.equal(metrics.value('makas_rewards_buffered'), 50);
  t.equal(metrics.value('makas_degraded', 'state'), 1);
  t.equal(log.lines.filter(({ message }) => message === 'degraded').length, 1);

  await server.restart();
  await until('the buffer is empty', () => metrics.value('makas_rewards_buffered') === 0);
  t.match(await sums(), { count: 70, sum: 70 });
  t.equal(metrics.value('makas_rewards_flushed_total', 'iris.live', 'counted'), 50);
  await until('the desk is well again', () => metrics.value('makas_degraded', 'state') === 0);
  t.same(new Set(await send(...before, ...during)), new Set(['repeated']));
  t.same(await send({ decision: issue(), reward: 1 }), ['counted']);
  await desk.close();
  t.match(await sums(), { count: 71 });
});

test('a Redis that hangs while rewards come loses none and counts none twice', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const store = new RedisState({ url: server.url, prefix: 'm:', timeoutMs: 100 }, createLog());
  await store.signingKey();
  const { issue, send, sums, metrics } = await setUp(t, { store, bufferLimit: 1_000 });
  const items = Array.from({ length: 300 }, () => ({ decision: issue(), reward: 1 }));
  const sending = items.map((item, i) => {
    if (i === 100) server.pause();
    return send(item);
  });
  await Promise.all(sending);
  t.ok(metrics.value('makas_rewards_total', 'iris.live', 'buffered') > 0);
  server.resume();
  await until('the buffer is empty', () => metrics.value('makas_rewards_buffered') === 0);
  t.match(await sums(), { count: 300, sum: 300 });
});

test('a bandit whose key is broken has its rewards wait, and those of others are counted', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const store = new RedisState({ url: server.url, prefix: 'm:', timeoutMs: 250 }, createLog());
  await store.signingKey();
  const client = new Redis(server.url);
  t.teardown(() => client.disconnect());
  const { issue, send, sums, metrics } = await setUp(t, { store, bufferLimit: 1_000 });
  const iris = () => ({ decision: issue(), reward: 1 });
  const gauss = () => ({ decision: issue(0, 1), reward: 2 });
  await client.set('m:{b:gauss:1}s', 'rubbish');
  t.same(await send(gauss(), iris(), gauss()), ['buffered', 'counted', 'buffered']);
  t.same(await send(...Array.from({ length: 600 }, gauss)), Array(600).fill('buffered'));
  t.same(await send(iris()), ['counted']);

  server.pause();
  t.same(await send(iris(), iris()), ['buffered', 'buffered']);
  server.resume();
  await until('rewards of the sound bandit are stored', () => metrics.value('makas_rewards_buffered') === 602);
  t.match(await sums(), { count: 4 });
  t.equal(metrics.value('makas_degraded', 'state'), 1);

  await client.del('m:{b:gauss:1}s');
  await until('the buffer is empty', () => metrics.value('makas_rewards_buffered') === 0);
  t.match(armOf(await store.readSums(['gauss:1']), 'a', 'gauss:1'), { count: 602 });
  await until('the desk is well again', () => metrics.value('makas_degraded', 'state') === 0);
});

test('a full disk is met like a lost Redis', async (t) => {
  const store = await openEmbeddedState({ path: temporaryFolder(), maxBytes: 48 * 1024 }, createLog());
  const { issue, send, metrics, sums } = await setUp(t, { store, bufferLimit: 5_000 });
  const results = await send(...Array.from({ length: 2_000 }, () => ({ decision: issue(), reward: 1 })));
  t.same(new Set(results), new Set(['buffered']));
  t.equal(metrics.value('makas_degraded', 'state'), 1);
  t.match(await sums(), { count: 0 });
});

test('rewards that cannot be stored before the end are told in the log', async (t) => {
  const store = new RedisState({ url: 'redis://127.0.0.1:1', prefix: 'm:', timeoutMs: 50 }, createLog());
  const { desk, issue, send, log } = await setUp(t, { store });
  t.same(await send({ decision: issue(), reward: 1 }), ['buffered']);
  await desk.close();
  t.match(log.lines.at(-1), { level: 'error', fields: { lost: 1 } });
  t.same(await send({ decision: issue(), reward: 1 }), ['refused']);
});
