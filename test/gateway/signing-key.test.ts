import { Redis } from 'ioredis';
import { test, type Test } from 'tap';

import { openEmbeddedState } from '../../src/edges/embedded/state.ts';
import { RedisState } from '../../src/edges/redis/state.ts';
import { Degradation } from '../../src/gateway/degradation.ts';
import { SigningKeyKeeper } from '../../src/gateway/signing-key.ts';
import { DecisionTokens } from '../../src/gateway/token.ts';
import { freePort, startRedis } from '../support/redis-server.ts';
import { createLog, createMeter, temporaryFolder, until } from '../support/state-fixtures.ts';

const TIME = 1_750_000_000_000;
const KEY = 'm:signing-key';

/** A replica as far as its signing key goes. */
function openReplica(t: Test, url: string) {
  const log = createLog();
  const metrics = createMeter();
  const store = new RedisState({ url, prefix: 'm:', timeoutMs: 100 }, createLog());
  const tokens = new DecisionTokens();
  const degradation = new Degradation('state', metrics.gauge('makas_degraded', 'state'), log);
  const waits = { retryMs: 20, checkMs: 20, startWaitMs: 1_000 };
  const keeper = new SigningKeyKeeper({ store, tokens, logger: log, degradation, ...waits });
  t.teardown(async () => {
    keeper.close();
    await store.close();
  });
  const issue = () => tokens.issue(TIME, 1, 1, 1, 1);
  const accepts = (token: string | null) => token !== null && typeof tokens.verify(token) !== 'string';
  return { keeper, log, issue, accepts, isDegraded: () => metrics.value('makas_degraded', 'state') === 1 };
}

function openClient(t: Test, url: string): Redis {
  const client = new Redis(url);
  t.teardown(() => client.disconnect());
  return client;
}

test('an empty store takes the proposed key', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const stores = [
    new RedisState({ url: server.url, prefix: 'm:', timeoutMs: 1_000 }, createLog()),
    await openEmbeddedState({ path: temporaryFolder() }, createLog()),
  ];
  for (const store of stores) {
    t.teardown(() => store.close());
    const proposal = new Uint8Array(32).fill(7);
    t.same([...(await store.signingKey(proposal))], [...proposal], store.kind);
    t.same([...(await store.signingKey())], [...proposal], store.kind);
  }
});

test('replicas that propose a key to an empty store at once are given the same', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const client = openClient(t, server.url);
  const stores = Array.from({ length: 6 }, () => {
    const store = new RedisState({ url: server.url, prefix: 'm:', timeoutMs: 1_000 }, createLog());
    t.teardown(() => store.close());
    return store;
  });
  await Promise.all(stores.map((store) => store.signingKey()));
  for (let round = 0; round < 20; round++) {
    await client.flushall();
    const keys = await Promise.all(stores.map((store, i) => store.signingKey(new Uint8Array(32).fill(i))));
    t.equal(new Set(keys.map((key) => key[0])).size, 1);
  }
});

test('with the store at hand the key is there when the start is done', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const [one, two] = [openReplica(t, server.url), openReplica(t, server.url)];
  await Promise.all([one.keeper.start(), two.keeper.start()]);
  t.ok(one.accepts(two.issue()) && two.accepts(one.issue()));
  t.notOk(one.isDegraded());
  t.same(one.log.lines, []);
});

test('a start without the store ends in time, says so, and the key comes with the store', async (t) => {
  const port = await freePort();
  const replica = openReplica(t, `redis://127.0.0.1:${port}`);
  const startMs = performance.now();
  await replica.keeper.start();
  t.ok(performance.now() - startMs < 3_000);
  t.equal(replica.issue(), null);
  t.ok(replica.isDegraded());
  const server = await startRedis({ port });
  t.teardown(() => server.stop());
  await until('the key is there', () => replica.accepts(replica.issue()));
  t.notOk(replica.isDegraded());
  t.same(
    replica.log.lines.map(({ message }) => message),
    ['degraded', 'no longer degraded'],
  );
});

test('a start with a store that says nothing ends in time', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  server.pause();
  const replica = openReplica(t, server.url);
  const startMs = performance.now();
  await replica.keeper.start();
  t.ok(performance.now() - startMs < 3_000);
  t.ok(replica.isDegraded());
  server.resume();
  await until('the key is there', () => replica.accepts(replica.issue()));
});

test('who waits for the key hears soon that the store was closed', async (t) => {
  const store = new RedisState(
    { url: `redis://127.0.0.1:${await freePort()}`, prefix: 'm:', timeoutMs: 100 },
    createLog(),
  );
  const startMs = performance.now();
  const waiting = t.rejects(store.signingKey(), /closed/);
  await store.close();
  await waiting;
  t.ok(performance.now() - startMs < 2_000);
});

test('what stands where the key should be is told once, and its removal is enough', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const client = openClient(t, server.url);
  await client.set(KEY, 'short');
  const replica = openReplica(t, server.url);
  await replica.keeper.start();
  t.equal(replica.issue(), null);
  await until('it has tried often', async () => {
    const calls = /cmdstat_get:calls=(\d+)/.exec(await client.info('commandstats'))?.[1];
    return Number(calls) > 5;
  });
  t.equal(replica.log.lines.filter(({ fields }) => JSON.stringify(fields).includes('not a signing key')).length, 1);
  await client.del(KEY);
  await until('the key is there', () => replica.accepts(replica.issue()));
});

test('a store that lost its data gets the key back', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const client = openClient(t, server.url);
  const one = openReplica(t, server.url);
  await one.keeper.start();
  const kept = await client.get(KEY);
  const token = one.issue();
  await client.flushall();
  await until('the key is back', async () => (await client.get(KEY)) === kept);
  const late = openReplica(t, server.url);
  await late.keeper.start();
  t.ok(late.accepts(token));
  t.same(one.log.lines, []);
});

test('when another replica stored its key first, all change to it and keep accepting their own tokens', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const client = openClient(t, server.url);
  const [one, two] = [openReplica(t, server.url), openReplica(t, server.url)];
  await Promise.all([one.keeper.start(), two.keeper.start()]);
  const earlier = [one.issue(), two.issue()];
  await client.multi().flushall().set(KEY, Buffer.alloc(32, 9).toString('base64')).exec();
  const other = new DecisionTokens(Buffer.alloc(32, 9));
  const isOfOther = (token: string | null) => typeof other.verify(token ?? '') !== 'string';
  await until('both use the key', () => isOfOther(one.issue()) && isOfOther(two.issue()));
  t.ok(one.accepts(two.issue()) && two.accepts(one.issue()));
  t.ok(earlier.every((token) => one.accepts(token) && two.accepts(token)));
  t.match(one.log.lines, [{ level: 'warn', message: /another signing key/ }]);
});
