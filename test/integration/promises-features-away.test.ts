import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { Redis } from 'ioredis';
import type { Test } from 'tap';

import { configHead, startGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { answerInfer, startServer, type TestServer } from '../support/model-server.ts';
import { startRedis, type RedisServer } from '../support/redis-server.ts';
import { decisionsOf, forEachOf, inferPath, openClient, range, until, type ClientAnswer } from '../support/traffic.ts';

const TIMEOUT_MS = 20;
/** Timers of a busy process on a shared machine are late by so much at most. */
const SLACK_MS = 250;

async function startStore(t: Test): Promise<{ redis: RedisServer; server: TestServer }> {
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const client = new Redis({ port: redis.port, host: '127.0.0.1' });
  for (let i = 0; i < 50; i++) await client.hset(`u:${i}`, { x: `${i}.5`, y: String(i) });
  client.disconnect();
  const server = await startServer(answerInfer('any'));
  t.teardown(() => server.close());
  return { redis, server };
}

const view = (url: string, policies: string): string => `{ provider: redis-hash, url: '${url}', key: 'u:{id}',
    entity: { id: { from: 'body:parameters.id' } }, fields: { x: float, y: int },
    into: { parameters: 'f_' }, timeout: ${TIMEOUT_MS}ms, ${policies} }`;

const STALE = 'makas_features_total{view="known",status="stale"}';

const bodyOf = (id: number): string => JSON.stringify({ parameters: { id: String(id) }, inputs: [] });

/** What the model server got, by request id. */
function parametersOf(server: TestServer): Map<string, { f_x?: number; f_y?: number }> {
  return new Map(
    server.received.map(({ headers, body }) => [
      String(headers['x-request-id']),
      (JSON.parse(String(body)) as { parameters: object }).parameters,
    ]),
  );
}

test('features are defaulted in time while Redis is away under load, and come back by themselves', async (t) => {
  const { redis, server } = await startStore(t);
  const gateway = await startGateway(
    (folder) => `${configHead(folder)}
log: { decisions: 100% }
backends: { m: { protocol: oip, endpoints: ['${server.url}'] } }
features:
  user: ${view(redis.url, 'onMissing: { defaults: { x: -1, y: -2 } }, onError: default')}
routes: [{ name: r, match: { model: m }, rules: [{ enrich: [user], backend: m }] }]
`,
  );
  t.teardown(() => gateway.close());
  const client = openClient(gateway.url);
  t.teardown(() => client.close());

  // Load from here to the end, whatever Redis does.
  const answers = new Map<string, { id: number; answer: ClientAnswer; startMs: number }>();
  const end = { isReached: false };
  let count = 0;
  const load = forEachOf(range(6), 6, async () => {
    while (!end.isReached) {
      const id = count++ % 50;
      const key = `load-${count}`;
      const startMs = performance.now();
      const answer = await client.post(inferPath('m'), bodyOf(id), { 'x-request-id': key });
      answers.set(key, { id, answer, startMs });
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
  });
  const isDefaulted = ({ f_x, f_y }: { f_x?: number; f_y?: number }): boolean => f_x === -1 && f_y === -2;
  const isFound = (id: number, { f_x, f_y }: { f_x?: number; f_y?: number }): boolean => f_x === id + 0.5 && f_y === id;
  /** Waits until a hundred requests that begin from now on are answered; gives their features. */
  const watch = async (): Promise<{ id: number; values: { f_x?: number; f_y?: number } }[]> => {
    const fromMs = performance.now();
    const since = () => [...answers].filter(([, { startMs }]) => startMs >= fromMs);
    await until('a hundred requests are answered', () => since().length >= 100);
    const received = parametersOf(server);
    return since().map(([key, { id }]) => ({ id, values: received.get(key) ?? {} }));
  };
  const isWell = (seen: Awaited<ReturnType<typeof watch>>): boolean =>
    seen.every(({ id, values }) => isFound(id, values));

  await until('features are found', async () => isWell(await watch()));
  redis.pause();
  const frozen = await watch();
  t.ok(frozen.every(({ id, values }) => isDefaulted(values) || isFound(id, values)));
  t.ok(
    (await watch()).every(({ values }) => isDefaulted(values)),
    'frozen: all are defaulted',
  );
  redis.resume();
  await until('it is well after the thaw', async () => isWell(await watch()));
  await redis.kill();
  t.ok(
    (await watch()).every(({ values }) => isDefaulted(values)),
    'killed: all are defaulted',
  );
  await redis.restart();
  await until('it is well after the restart', async () => isWell(await watch()), 20_000);
  end.isReached = true;
  await load;

  const failed = [...answers.values()].filter(({ answer }) => answer.status !== 200);
  t.same(failed, [], `none of ${answers.size} requests failed`);
  const decisions = await decisionsOf(gateway.folder, [...answers.keys()]);
  const waits = [...decisions.values()].map((line) => (line['ms'] as { features: number }).features);
  const longest = Math.max(...waits);
  t.ok(longest <= TIMEOUT_MS + SLACK_MS, `the longest wait for features was ${longest.toFixed(1)} ms`);
  const overdue = waits.filter((ms) => ms > TIMEOUT_MS + 30).length;
  t.ok(overdue <= waits.length / 20, `${overdue} of ${waits.length} waits were over by more than 30 ms`);
  for (const reason of ['timeout', 'store']) {
    const errors = await gateway.metric(`makas_feature_errors_total{view="user",reason="${reason}"}`);
    t.ok(errors > 0, `${errors} reads failed: ${reason}`);
  }
});

test('while Redis is away the last known value or a refusal stands in, as configured', async (t) => {
  const { redis, server } = await startStore(t);
  const gateway = await startGateway(
    (folder) => `${configHead(folder)}
backends: { m: { protocol: oip, endpoints: ['${server.url}'] } }
features:
  known: ${view(redis.url, 'onMissing: { default: -1 }, onError: lastKnown, cache: { mode: ttl, ttl: 10ms }')}
  strict: ${view(redis.url, 'onMissing: { default: -1 }, onError: reject')}
routes:
  - { name: known, match: { model: known }, rules: [{ enrich: [known], backend: m }] }
  - { name: strict, match: { model: strict }, rules: [{ enrich: [strict], backend: m }] }
`,
  );
  t.teardown(() => gateway.close());
  const client = openClient(gateway.url);
  t.teardown(() => client.close());
  let asked = 0;
  const ask = async (model: string, id: number) => {
    const key = `ask-${++asked}`;
    const { status, headers } = await client.post(inferPath(model), bodyOf(id), { 'x-request-id': key });
    const { f_x } = parametersOf(server).get(key) ?? {};
    return { status, value: f_x, error: headers['makas-error'] };
  };
  await until('the store is connected', async () => (await ask('known', 3)).value === 3.5);
  t.same(await ask('strict', 3), { status: 200, value: 3.5, error: undefined });
  t.same(await ask('strict', 99), { status: 200, value: -1, error: undefined }, 'an unknown entity is no failure');

  for (const [unknown, leave, back] of [
    [4, async () => redis.pause(), async () => redis.resume()],
    [6, () => redis.kill(), () => redis.restart()],
  ] as const) {
    await leave();
    // Beyond the ttl of the cache.
    const stale = await gateway.metric(STALE);
    await until('the value is not fresh', async () => {
      await ask('known', 3);
      return (await gateway.metric(STALE)) > stale;
    });
    t.same(await ask('known', 3), { status: 200, value: 3.5, error: undefined }, 'the last known value');
    t.same(await ask('known', unknown), { status: 200, value: -1, error: undefined }, 'never known: the default');
    t.same(await ask('strict', 3), { status: 503, value: undefined, error: 'FEATURES_UNAVAILABLE' });
    await back();
    await until('it is well again', async () => (await ask('strict', 3)).status === 200, 20_000);
    await until('values are read again', async () => (await ask('known', 5)).value === 5.5);
  }
});

test('all views and entities of a request are one round trip', async (t) => {
  const { redis, server } = await startStore(t);
  // Stands between gateway and Redis and counts what is written in one piece.
  const writes: string[] = [];
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    const far = connect(redis.port, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => [near, far].forEach((each) => each.destroy()));
    }
    near.on('data', (chunk: Buffer) => {
      if (String(chunk).toLowerCase().includes('hmget')) writes.push(String(chunk));
      far.write(chunk);
    });
    far.pipe(near);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const url = `redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const tensorView = (name: string): string => `  ${name}: { provider: redis-hash, url: '${url}', key: 'u:{id}',
    entity: { id: { from: 'body:parameters.ids' } }, fields: { x: float, y: int },
    into: { tensor: ${name}, datatype: FP32 }, onMissing: { default: 0 }, timeout: 1s }`;
  const gateway = await startGateway(
    (folder) => `${configHead(folder)}
backends: { m: { protocol: oip, endpoints: ['${server.url}'] } }
features:
${['one', 'two', 'three'].map(tensorView).join('\n')}
routes: [{ name: r, match: { model: m }, rules: [{ enrich: [one, two, three], backend: m }] }]
`,
  );
  t.teardown(() => gateway.close());
  const client = openClient(gateway.url);
  t.teardown(() => client.close());
  const ids = range(20).map(String);
  const body = JSON.stringify({ parameters: { ids }, inputs: [] });
  await until('the store is connected', async () => {
    await client.post(inferPath('m'), body);
    return writes.length > 0;
  });
  writes.length = 0;
  server.received.length = 0;
  t.equal((await client.post(inferPath('m'), body)).status, 200);
  t.equal(writes.length, 1, 'three views of twenty entities are one write');
  t.equal(writes[0]!.toLowerCase().split('hmget').length - 1, 60);
  const { inputs } = JSON.parse(String(server.received[0]!.body)) as { inputs: { shape: number[]; data: number[] }[] };
  t.same(
    inputs.map(({ shape }) => shape),
    [
      [20, 2],
      [20, 2],
      [20, 2],
    ],
  );
  t.same(
    inputs[2]!.data,
    range(20).flatMap((i) => [i + 0.5, i]),
  );
});
