import { Redis } from 'ioredis';
import { test, type Test } from 'tap';

import type { NormalPosterior } from '../../src/core/bandit/posterior.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { openEmbeddedState } from '../../src/edges/embedded/state.ts';
import { RedisState } from '../../src/edges/redis/state.ts';
import { BanditLearner } from '../../src/gateway/bandits.ts';
import { Degradation } from '../../src/gateway/degradation.ts';
import type { Clock, StateStore } from '../../src/gateway/ports.ts';
import { DecisionTokens, signingKeyFrom } from '../../src/gateway/token.ts';
import { startRedis } from '../support/redis-server.ts';
import { assignmentTo, makeSnapshot } from '../support/state-bandits.ts';
import {
  armOf,
  createClock,
  createLog,
  createMeter,
  rewardWrite,
  systemClock,
  temporaryFolder,
  until,
} from '../support/state-fixtures.ts';

const weakNormalPrior: NormalPosterior = { kind: 'normal', mean: 0, strength: 0.01, shape: 1, rate: 1 };

const tokens = new DecisionTokens(signingKeyFrom('bandits test'));
const BANDIT = 'iris.live:1';
const START = 1_750_000_000_000;

function learnFrom(store: StateStore, clock: Clock, snapshot: Snapshot) {
  const log = createLog();
  const metrics = createMeter();
  const degradation = new Degradation('state', metrics.gauge('makas_degraded', 'state'), log);
  const learner = new BanditLearner({ store, tokens, clock, logger: log, metrics, degradation, random: () => 0.5 });
  return { learner, log, metrics, weights: learner.adopt(snapshot) };
}

async function setUp(t: Test, snapshot: Snapshot) {
  const store = await openEmbeddedState({ path: temporaryFolder() }, createLog());
  const clock = createClock(START);
  const parts = learnFrom(store, clock, snapshot);
  t.teardown(async () => {
    await parts.learner.close();
    await store.close();
  });
  let decisions = 0;
  const reward = async (arm: string, rewards: readonly number[]) => {
    await store.addRewards(rewards.map((value) => rewardWrite(++decisions, { arm, reward: value })));
  };
  return { ...parts, store, clock, reward, sums: async (arm = 'a') => armOf(await store.readSums([BANDIT]), arm) };
}

const repeat = (value: number, times: number): number[] => Array.from({ length: times }, () => value);

test('arms are served alike before the posterior was read, and by it afterwards', async (t) => {
  const { learner, weights, reward, metrics } = await setUp(t, makeSnapshot({}));
  t.match(weights[0], { version: 0, shares: new Float64Array([0.5, 0.5]) });
  await reward('a', repeat(0, 20));
  await reward('b', repeat(1, 20));
  await learner.refresh();
  t.ok(weights[0]!.shares[1]! > 0.98);
  t.equal(weights[0]!.shares[0]! + weights[0]!.shares[1]!, 1);
  t.not(weights[0]!.version, 0);
  t.equal(metrics.value('makas_bandit_share', 'iris.live', 'b'), weights[0]!.shares[1]);
  t.equal(metrics.value('makas_bandit_mean', 'iris.live', 'b'), 21 / 22);
  t.equal(metrics.value('makas_bandit_rewards', 'iris.live', 'b'), 20);
  t.equal(metrics.value('makas_bandit_refresh_total', 'iris.live', 'ok'), 1);
});

test('a bandit that burns in is served alike until every arm has its rewards', async (t) => {
  const { learner, weights, reward } = await setUp(t, makeSnapshot({ burnIn: 10 }));
  await reward('a', repeat(1, 10));
  await reward('b', repeat(0, 9));
  await learner.refresh();
  t.same([...weights[0]!.shares], [0.5, 0.5]);
  await reward('b', [0]);
  await learner.refresh();
  t.ok(weights[0]!.shares[0]! > 0.9);
});

test('the version changes with the sums and with nothing else', async (t) => {
  const { learner, weights, reward } = await setUp(t, makeSnapshot({}));
  await reward('a', [1, 0]);
  await learner.refresh();
  const first = weights[0]!;
  await learner.refresh();
  t.equal(weights[0], first, 'the same cell: nothing was made anew');
  await reward('a', [1]);
  await learner.refresh();
  t.not(weights[0]!.version, first.version);
});

test('a served decision gets a token that names it, and is reported with the next refresh', async (t) => {
  const snapshot = makeSnapshot({});
  const { learner, sums, clock } = await setUp(t, snapshot);
  const bandit = snapshot.bandits[0]!;
  for (let i = 0; i < 30; i++) {
    const token = learner.serve(assignmentTo(bandit, i % 3 === 0 ? 1 : 0, 0.25), clock.now());
    t.match(tokens.verify(token!), {
      banditId: bandit.id,
      armId: bandit.arms[i % 3 === 0 ? 1 : 0]!.id,
      propensity: 0.25,
      timeMs: clock.now(),
    });
    clock.advance(700);
  }
  t.match(await sums('a'), { served: 0 });
  await learner.refresh();
  await learner.refresh();
  t.match(await sums('a'), { served: 20 });
  t.match(await sums('b'), { served: 10 });
  t.equal(learner.serve({ ...assignmentTo(bandit, 0), bandit: null }, START), null);
});

test('decisions without a reward get the default once wait and grace have passed', async (t) => {
  const snapshot = makeSnapshot({ reward: { waitMs: 60_000, default: 0 } });
  const { learner, sums, clock } = await setUp(t, snapshot);
  for (let i = 0; i < 12; i++) learner.serve(assignmentTo(snapshot.bandits[0]!, 0), clock.now());
  clock.advance(60_000);
  await learner.refresh();
  t.match(await sums('a'), { count: 0, served: 12 });
  clock.advance(8_000);
  await learner.refresh();
  t.match(await sums('a'), { count: 12, sum: 0, served: 12 });
});

test('a reload keeps what was learned of arms that stay, come, pause and go', async (t) => {
  const { learner, weights, reward, metrics } = await setUp(t, makeSnapshot({}));
  await reward('a', repeat(1, 30));
  await reward('b', repeat(0, 30));
  await learner.refresh();
  const old = weights[0]!;

  const added = learner.adopt(makeSnapshot({ name: 'first' }, { arms: ['c', 'b', 'a'] }));
  t.equal(added.length, 2);
  t.ok(added[1]!.shares[2]! > added[1]!.shares[1]!, 'a is still better than b');
  t.ok(added[1]!.shares[0]! > added[1]!.shares[1]!, 'c is unknown and tried');
  t.equal(weights[0], old, 'requests of the old snapshot keep their shares');

  const paused = learner.adopt(makeSnapshot({ arms: [{ name: 'a', paused: true }, 'b'] }));
  t.same([...paused[0]!.shares], [0, 1]);
  const removed = learner.adopt(makeSnapshot({ arms: ['b'] }));
  t.same([...removed[0]!.shares], [1]);
  t.equal(metrics.value('makas_bandit_share', 'iris.live', 'a'), 0);
  const restored = learner.adopt(makeSnapshot({}));
  t.same(restored[0], old);
  const forgotten = learner.adopt(makeSnapshot({ epoch: 2 }));
  t.match(forgotten[0], { version: 0, shares: new Float64Array([0.5, 0.5]) });
});

test('other priors count from the next reload, with all rewards kept', async (t) => {
  const { learner, reward } = await setUp(t, makeSnapshot({}));
  await reward('a', repeat(1, 10));
  await learner.refresh();
  const arms = [{ name: 'a', prior: { kind: 'beta', alpha: 5, beta: 15 } as const }, 'b'];
  learner.adopt(makeSnapshot({ arms }));
  t.equal(learner.describe()[0]!.arms[0]!.mean, 15 / 30);
});

test('sums that do not fit the kind of reward count as unseen', async (t) => {
  const { learner, weights, reward, log } = await setUp(t, makeSnapshot({}));
  await reward('a', [100, 200]);
  await reward('b', [1]);
  await learner.refresh();
  t.equal(learner.describe()[0]!.arms[0]!.mean, 0.5);
  t.ok(weights[0]!.version > 0);
  t.match(log.lines.at(-1), { level: 'warn', fields: { arm: 'a' } });
});

test('the description has the belief about each arm', async (t) => {
  const gaussian = makeSnapshot({
    reward: { kind: 'gaussian', default: null },
    arms: [
      { name: 'a', prior: weakNormalPrior },
      { name: 'b', prior: weakNormalPrior, paused: true },
    ],
  });
  const { learner, reward, clock } = await setUp(t, gaussian);
  t.match(learner.describe()[0], { version: 0, refreshedMs: null, healthy: true });
  t.equal(learner.describe()[0]!.arms[0]!.sd, null);
  await reward('a', [1, 2, 3, 4]);
  await learner.refresh();
  const [view] = learner.describe();
  t.match(view, { name: 'iris.live', epoch: 1, refreshedMs: clock.now(), healthy: true });
  const [a, b] = view!.arms;
  t.match(a, { name: 'a', backend: 'a', paused: false, share: 1, probabilityBest: 1, count: 4, served: 0 });
  t.ok(a!.interval[0] < a!.mean && a!.mean < a!.interval[1] && a!.sd! > 0);
  t.match(b, { name: 'b', paused: true, share: 0, probabilityBest: null, count: 0 });
  t.doesNotThrow(() => JSON.stringify(view));
});

test('two learners on one Redis agree within 2 s, and serve on when it is away', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const open = async () => {
    const store = new RedisState({ url: server.url, prefix: 'm:', timeoutMs: 250 }, createLog());
    await store.signingKey();
    return store;
  };
  const stores = [await open(), await open()] as const;
  const snapshots = [makeSnapshot({}), makeSnapshot({})] as const;
  const [one, two] = [learnFrom(stores[0], systemClock, snapshots[0]), learnFrom(stores[1], systemClock, snapshots[1])];
  t.teardown(async () => {
    await Promise.all([one.learner.close(), two.learner.close()]);
    await Promise.all(stores.map((store) => store.close()));
  });
  one.learner.start();
  two.learner.start();
  const agree = () => one.weights[0]!.version === two.weights[0]!.version && one.weights[0]!.version !== 0;
  await until('both have read', agree);

  const before = one.weights[0]!.version;
  one.learner.serve(assignmentTo(snapshots[0].bandits[0]!, 0), Date.now());
  two.learner.serve(assignmentTo(snapshots[1].bandits[0]!, 0), Date.now());
  const startMs = performance.now();
  await Promise.all(
    [0, 1].map((i) =>
      stores[i]!.addRewards(Array.from({ length: 50 }, (_, n) => rewardWrite(100 * i + n, { arm: 'b' }))),
    ),
  );
  await until(
    'both have learned',
    () => agree() && one.weights[0]!.version !== before && two.learner.describe()[0]!.arms[1]!.count === 100,
  );
  t.ok(performance.now() - startMs < 2_000);
  t.same(one.weights[0], two.weights[0]);
  await until(
    'both have reported',
    async () => Number((await stores[0].readSums([BANDIT])).get(BANDIT)?.arms.get('a')?.served) === 2,
  );

  const last = one.weights[0]!;
  await server.kill();
  await until('the loss is told', () => one.metrics.value('makas_degraded', 'state') === 1);
  t.equal(one.weights[0], last);
  t.notOk(one.learner.describe()[0]!.healthy);
  for (let i = 0; i < 5; i++) one.learner.serve(assignmentTo(snapshots[0].bandits[0]!, 0), Date.now());
  await one.learner.refresh();
  await server.restart();
  await until('the gap is over', () => one.metrics.value('makas_degraded', 'state') === 0);
  await until('what was served in the gap is reported', async () => {
    const sums = await stores[1].readSums([BANDIT]).catch(() => null);
    return sums?.get(BANDIT)?.arms.get('a')?.served === 7;
  });
  t.equal(one.log.lines.filter(({ message }) => message === 'degraded').length, 1);
});

test('broken state of a bandit stops neither the others nor what can still be read of it', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const store = new RedisState({ url: server.url, prefix: 'm:', timeoutMs: 1_000 }, createLog());
  await store.signingKey();
  const snapshot = makeSnapshot({}, { name: 'other' });
  const { learner, metrics } = learnFrom(store, systemClock, snapshot);
  const client = new Redis(server.url);
  t.teardown(async () => {
    client.disconnect();
    await learner.close();
    await store.close();
  });
  await store.addRewards([rewardWrite(1), rewardWrite(2, { bandit: 'other:1' })]);
  const seen = () => learner.describe().map(({ healthy, arms }) => [healthy, arms[0]!.count]);

  // Served counts and windows cannot be written; sums can be read.
  await client.set('m:{b:iris.live:1}w', 'rubbish');
  learner.serve(assignmentTo(snapshot.bandits[0]!, 0), Date.now());
  learner.serve(assignmentTo(snapshot.bandits[1]!, 0), Date.now());
  await learner.refresh();
  t.same(seen(), [
    [true, 1],
    [true, 1],
  ]);
  t.match(armOf(await store.readSums(['other:1']), 'a', 'other:1'), { served: 1 });
  t.equal(metrics.value('makas_degraded', 'state'), 1);

  await client.del('m:{b:iris.live:1}w');
  await learner.refresh();
  t.match(await store.readSums([BANDIT]).then((sums) => armOf(sums, 'a')), { served: 1 });
  t.equal(metrics.value('makas_degraded', 'state'), 0);

  await client.set('m:{b:iris.live:1}s', 'rubbish');
  await store.addRewards([rewardWrite(3, { bandit: 'other:1' })]);
  await learner.refresh();
  t.same(seen(), [
    [false, 1],
    [true, 2],
  ]);
  t.equal(metrics.value('makas_degraded', 'state'), 1);
  t.equal(metrics.value('makas_bandit_refresh_total', 'iris.live', 'failed'), 1);
  t.equal(metrics.value('makas_bandit_refresh_total', 'other', 'ok'), 3);
});

test('the last decisions are reported at the end', async (t) => {
  const path = temporaryFolder();
  const store = await openEmbeddedState({ path }, createLog());
  t.teardown(() => store.close());
  const snapshot = makeSnapshot({});
  const { learner } = learnFrom(store, createClock(START), snapshot);
  learner.start();
  await learner.refresh();
  learner.serve(assignmentTo(snapshot.bandits[0]!, 0), START);
  await learner.close();
  t.match(armOf(await store.readSums([BANDIT]), 'a'), { served: 1 });
});
