import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

import { startApp } from '../../src/app.ts';
import { prepareConfigFile } from '../../src/config/prepare.ts';
import { LineOutput } from '../../src/edges/log/line-output.ts';
import { DecisionTokens } from '../../src/gateway/token.ts';
import { startGateway, startGatewayProcess } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { answerInfer, startServer } from '../support/model-server.ts';
import { freePort, startRedis } from '../support/redis-server.ts';
import {
  banditOf,
  forEachOf,
  INFER_BODY,
  inferPath,
  openClient,
  range,
  readLog,
  scrape,
  until,
} from '../support/traffic.ts';

interface Reward {
  readonly decision: string;
  readonly reward: number;
  readonly arm: string;
}

test('without its Redis a gateway serves on, keeps rewards, says so, and counts each once when it is back', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const server = await startServer(answerInfer('any'));
  t.teardown(() => server.close());
  const gateway = await startGateway(
    () => `version: 1
listen: { http: { host: 127.0.0.1, port: 0 }, admin: { host: 127.0.0.1, port: 0 } }
state: { kind: redis, url: '${redis.url}', timeout: 150ms }
backends:
  a: { protocol: oip, endpoints: ['${server.url}'] }
  b: { protocol: oip, endpoints: ['${server.url}'] }
routes:
  - name: rank
    match: { model: rank }
    expose: true
    rules: [{ bandit: { name: rank, policy: thompson, arms: [a, b], refresh: 100ms, floor: 20%, reward: { wait: 1h } } }]
`,
  );
  t.teardown(() => gateway.close());
  const client = openClient(gateway.url);
  t.teardown(() => client.close());

  const all: Reward[] = [];
  const serve = async (count: number): Promise<Reward[]> => {
    const served = await forEachOf(range(count), 8, async (): Promise<Reward> => {
      const { status, headers } = await client.post(inferPath('rank'), INFER_BODY);
      if (status !== 200) throw new Error(`status ${status}`);
      const arm = String(headers['makas-backend']);
      return { decision: String(headers['makas-decision']), reward: arm === 'b' ? 1 : 0.25, arm };
    });
    all.push(...served);
    return served;
  };
  const send = async (rewards: readonly Reward[]): Promise<string[]> => {
    const body = rewards.map(({ decision, reward }) => ({ decision, reward }));
    const { text } = await client.post('/rewards', body);
    return (JSON.parse(text) as { results: { result: string }[] }).results.map(({ result }) => result);
  };
  const readiness = async (): Promise<{ status: number; degraded: string[] }> => {
    const answer = await fetch(`${gateway.adminUrl}/readyz`);
    const { degraded = [] } = (await answer.json()) as { degraded?: string[] };
    return { status: answer.status, degraded };
  };
  const degraded = (): Promise<number> => gateway.metric('makas_degraded{reason="state"}');
  const isCounted = async (rewards: readonly Reward[]): Promise<boolean> => {
    const { arms } = await banditOf(gateway.adminUrl, 'rank');
    return arms.reduce((sum, { count }) => sum + count, 0) >= rewards.length;
  };
  const checkSums = async (): Promise<void> => {
    for (const { name, count, mean, served } of (await banditOf(gateway.adminUrl, 'rank')).arms) {
      const own = all.filter(({ arm }) => arm === name);
      const sum = own.reduce((total, { reward }) => total + reward, 0);
      t.equal(count, own.length, `${name}: every reward once`);
      t.equal(served, own.length, `${name}: every decision once`);
      t.ok(Math.abs(mean - (1 + sum) / (2 + own.length)) < 1e-12, `${name}: the sum is exact`);
    }
  };

  t.ok((await send(await serve(100))).every((result) => result === 'counted'));
  await until('the rewards are learned from', () => isCounted(all));
  t.same(await readiness(), { status: 200, degraded: [] });

  const ways = [
    { name: 'frozen', leave: async () => redis.pause(), back: async () => redis.resume() },
    { name: 'killed', leave: () => redis.kill(), back: () => redis.restart() },
  ];
  for (const { name, leave, back } of ways) {
    const before = await banditOf(gateway.adminUrl, 'rank');
    await leave();
    await until('it is noticed', async () => (await degraded()) === 1);
    t.same(await readiness(), { status: 200, degraded: ['state'] }, name);
    t.equal((await banditOf(gateway.adminUrl, 'rank')).healthy, false, name);

    const served = await serve(120);
    const away = await banditOf(gateway.adminUrl, 'rank');
    t.equal(away.version, before.version, `${name}: the last posterior is served`);
    t.same(
      away.arms.map(({ share }) => share),
      before.arms.map(({ share }) => share),
    );
    const single = await client.post('/rewards', { decision: served[0]!.decision, reward: served[0]!.reward });
    t.equal(single.status, 202, name);
    t.ok(
      (await send(served.slice(1))).every((result) => result === 'buffered'),
      name,
    );
    // An impatient client that sends again.
    t.ok(
      (await send(served.slice(0, 30))).every((result) => result === 'buffered'),
      name,
    );
    t.ok((await gateway.metric('makas_rewards_buffered')) >= 120, name);

    await back();
    await until('it is well again', async () => (await degraded()) === 0);
    await until('what waited is counted', () => isCounted(all));
    t.same(await readiness(), { status: 200, degraded: [] }, name);
    await until('nothing waits', async () => (await gateway.metric('makas_rewards_buffered')) === 0);
    await until('all decisions are reported', async () => {
      const { arms } = await banditOf(gateway.adminUrl, 'rank');
      return arms.reduce((sum, each) => sum + each.served, 0) >= all.length;
    });
    await checkSums();
    t.ok(
      (await send(served)).every((result) => result === 'repeated'),
      `${name}: it is known what was counted`,
    );
    t.ok(
      (await send(await serve(20))).every((result) => result === 'counted'),
      `${name}: new ones count at once`,
    );
    await until('they are read', () => isCounted(all));
  }
  const flushed = await gateway.metric('makas_rewards_flushed_total{bandit="rank",result="counted"}');
  t.ok(flushed >= 240 - 2, `${flushed} rewards were counted from the buffer`);
  const told = (): string[] =>
    readLog(gateway.folder).flatMap(({ msg = '' }) => (msg.includes('degraded') ? [msg] : []));
  t.ok(told().includes('degraded'));
  await until('the log says that it is well', () => told().at(-1) === 'no longer degraded');
});

test('rewards that find no room while Redis is away are refused, and SIGTERM ends the process in time', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const server = await startServer(answerInfer('any'));
  t.teardown(() => server.close());
  const folder = mkdtempSync(join(tmpdir(), 'makas-buffer-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const configPath = join(folder, 'makas.yaml');
  writeFileSync(
    configPath,
    `version: 1
listen: { http: { host: 127.0.0.1, port: 0 }, admin: { host: 127.0.0.1, port: 0 } }
state: { kind: redis, url: '${redis.url}', timeout: 100ms, buffer: 5 }
backends: { a: { protocol: oip, endpoints: ['${server.url}'] }, b: { protocol: oip, endpoints: ['${server.url}'] } }
routes:
  - { name: rank, match: { model: rank }, rules: [{ bandit: { name: rank, policy: thompson, arms: [a, b], refresh: 100ms } }] }
`,
  );
  const gateway = await startGatewayProcess(configPath);
  t.teardown(() => gateway.stop('SIGKILL'));
  const client = openClient(gateway.url);
  t.teardown(() => client.close());
  const rewards = await forEachOf(range(8), 4, async () => {
    const { headers } = await client.post(inferPath('rank'), INFER_BODY);
    return { decision: String(headers['makas-decision']), reward: 1 };
  });
  const resultsOf = (text: string): string[] =>
    (JSON.parse(text) as { results: { result: string }[] }).results.map(({ result }) => result);

  await redis.kill();
  const away = await client.post('/rewards', rewards);
  t.equal(away.status, 207);
  t.same(resultsOf(away.text), [...range(5).map(() => 'buffered'), ...range(3).map(() => 'refused')]);
  const single = await client.post('/rewards', rewards[7]);
  t.match(single, { status: 503, headers: { 'makas-error': 'STATE_UNAVAILABLE', 'retry-after': '1' } });

  await redis.restart();
  await until('what waited is counted', async () => (await scrape(gateway.adminUrl, 'makas_rewards_buffered')) === 0);
  const again = await client.post('/rewards', rewards);
  t.same(resultsOf(again.text), [...range(5).map(() => 'repeated'), ...range(3).map(() => 'counted')]);

  // What still waits when the process must end is told.
  const { headers } = await client.post(inferPath('rank'), INFER_BODY);
  redis.pause();
  t.equal((await client.post('/rewards', { decision: String(headers['makas-decision']), reward: 1 })).status, 202);
  const startMs = performance.now();
  t.equal(await gateway.stop(), 0);
  t.ok(performance.now() - startMs < 5000, `ended after ${Math.round(performance.now() - startMs)} ms`);
  t.ok(gateway.lines.some((line) => line.includes('rewards could not be stored before the end')));
  redis.resume();
});

const awayConfig = (redisUrl: string, serverUrl: string): string => `version: 1
listen: { http: { host: 127.0.0.1, port: 0 }, admin: { host: 127.0.0.1, port: 0 } }
state: { kind: redis, url: '${redisUrl}', timeout: 150ms, prefix: 'm:' }
backends: { a: { protocol: oip, endpoints: ['${serverUrl}'] }, b: { protocol: oip, endpoints: ['${serverUrl}'] } }
routes:
  - { name: rank, match: { model: rank }, rules: [{ bandit: { name: rank, policy: thompson, arms: [a, b], refresh: 100ms } }] }
  - { name: plain, match: { model: plain }, rules: [{ split: { a: 1, b: 1 } }] }
`;

test('a gateway starts and serves while its Redis is away, and takes rewards soon after it is there', async (t) => {
  const port = await freePort();
  const server = await startServer(answerInfer('any'));
  t.teardown(() => server.close());
  const folder = mkdtempSync(join(tmpdir(), 'makas-away-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const configPath = join(folder, 'makas.yaml');
  writeFileSync(configPath, awayConfig(`redis://127.0.0.1:${port}`, server.url));
  const [gateway, ending] = await Promise.all([startGatewayProcess(configPath), startGatewayProcess(configPath)]);
  t.teardown(() => Promise.all([gateway.stop('SIGKILL'), ending.stop('SIGKILL')]));
  const endMs = performance.now();
  t.equal(await ending.stop(), 0);
  t.ok(performance.now() - endMs < 4_000, `ended after ${Math.round(performance.now() - endMs)} ms`);

  const client = openClient(gateway.url);
  t.teardown(() => client.close());
  const infer = (model: string) => client.post(inferPath(model), INFER_BODY);
  const readiness = async (): Promise<unknown> => {
    const answer = await fetch(`${gateway.adminUrl}/readyz`);
    return [answer.status, ((await answer.json()) as { degraded?: string[] }).degraded ?? []];
  };

  for (const model of [...range(20).map(() => 'rank'), ...range(20).map(() => 'plain')]) {
    const { status, headers } = await infer(model);
    t.match({ status, token: headers['makas-decision'] }, { status: 200, token: undefined }, model);
  }
  t.same(await readiness(), [200, ['state']]);
  const foreign = new DecisionTokens(new Uint8Array(32)).issue(Date.now(), 1, 1, 1, 1);
  const refused = await client.post('/rewards', { decision: foreign, reward: 1 });
  t.match(refused, { status: 503, headers: { 'makas-error': 'STATE_UNAVAILABLE', 'retry-after': '1' } });
  t.match(refused.text, /state is away/);

  const redis = await startRedis({ port });
  t.teardown(() => redis.stop());
  const startMs = performance.now();
  let served = 0;
  let decision = '';
  await until('tokens are issued', async () => {
    decision = String((await infer('rank')).headers['makas-decision'] ?? '');
    if (decision !== '') served++;
    return served > 0;
  });
  t.ok(performance.now() - startMs < 5_000, `tokens after ${Math.round(performance.now() - startMs)} ms`);
  t.match(await client.post('/rewards', { decision, reward: 1 }), { status: 200 });
  t.match(await client.post('/rewards', { decision: foreign, reward: 1 }), { status: 403 });
  await until('it is well', async () => (await scrape(gateway.adminUrl, 'makas_degraded{reason="state"}')) === 0);
  t.same(await readiness(), [200, []]);
  await until('the reward is learned from', async () => {
    const { arms } = await banditOf(gateway.adminUrl, 'rank');
    return arms.reduce((sum, { count }) => sum + count, 0) === 1;
  });
  await until('what was served is reported', async () => {
    const { arms } = await banditOf(gateway.adminUrl, 'rank');
    return arms.some((arm) => arm.served > 0);
  });
  const { arms } = await banditOf(gateway.adminUrl, 'rank');
  t.equal(
    arms.reduce((sum, arm) => sum + arm.served, 0),
    served,
    'decisions without a token are not counted',
  );
});

test('replicas whose Redis comes back empty accept each other’s tokens, and those of one that starts later', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const server = await startServer(answerInfer('any'));
  t.teardown(() => server.close());
  const folder = mkdtempSync(join(tmpdir(), 'makas-empty-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'makas.yaml');
  writeFileSync(path, awayConfig(redis.url, server.url));
  const redisClient = new Redis(redis.url);
  t.teardown(() => redisClient.disconnect());
  const open = async () => {
    const output = new LineOutput({ fileDescriptor: openSync(join(folder, 'log.jsonl'), 'a') });
    const config = prepareConfigFile(path);
    if (config.snapshot === null) throw new Error(JSON.stringify(config.problems));
    const app = await startApp({ path, config, output, keyCheckMs: 50 });
    t.teardown(() => app.close());
    const client = openClient(app.httpUrl);
    t.teardown(() => client.close());
    const issue = async () => String((await client.post(inferPath('rank'), INFER_BODY)).headers['makas-decision']);
    const statusOf = async (decision: string) => (await client.post('/rewards', { decision, reward: 1 })).status;
    return { issue, statusOf };
  };
  const [one, two] = await Promise.all([open(), open()]);
  const key = await redisClient.get('m:signing-key');

  await redisClient.flushall();
  const after = await one.issue();
  await until('the key is back', async () => (await redisClient.get('m:signing-key')) === key);
  const three = await open();
  t.equal(await two.statusOf(after), 200);
  t.equal(await three.statusOf(await one.issue()), 200);
  t.equal(await one.statusOf(await three.issue()), 200);

  // Now a replica that starts is there before the others look, with a key of its own.
  const [before, replicas] = [await one.issue(), [one, two, three]];
  const another = Buffer.alloc(32, 9);
  await redisClient.multi().flushall().set('m:signing-key', another.toString('base64')).exec();
  const tokens = new DecisionTokens(another);
  await until('all use its key', async () => {
    const issued = await Promise.all(replicas.map((replica) => replica.issue()));
    return issued.every((token) => typeof tokens.verify(token) !== 'string');
  });
  for (const from of replicas) {
    for (const to of replicas) t.equal(await to.statusOf(await from.issue()), 200);
  }
  t.equal(await two.statusOf(before), 200, 'a token of the earlier key still counts');
  await until('the change is told', () => readLog(folder).some(({ msg = '' }) => msg.includes('another signing key')));
});
