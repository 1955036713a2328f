import { test, type Test } from 'tap';

import { readTokenPayload, tokenBytes } from '../../src/core/token.ts';
import { configHead, startGateway, type TestGateway } from '../support/gateway.ts';
import { answerInfer, startServer } from '../support/model-server.ts';
import { RawClient, rawRequest } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { banditOf, inferPath, until } from '../support/traffic.ts';

/** Version of the posterior that a decision was made with, as its token says. */
function versionOf(token: string | undefined): number {
  const bytes = tokenBytes(token ?? '');
  const payload = bytes === null ? null : readTokenPayload(bytes);
  if (payload === null) throw new Error(`not a token: ${token}`);
  return payload.posteriorVersion;
}

async function setUp(t: Test, state: (folder: string) => string): Promise<TestGateway> {
  const server = await startServer(answerInfer('any'));
  t.teardown(() => server.close());
  // The refresh is the default one, a second.
  const gateway = await startGateway(
    (folder) => `${state(folder)}workers: 2
backends:
  a: { protocol: oip, endpoints: ['${server.url}'] }
  b: { protocol: oip, endpoints: ['${server.url}'] }
routes:
  - name: rank
    rules: [{ bandit: { name: rank, policy: thompson, arms: [a, b], reward: { wait: 1h } } }]
`,
  );
  t.teardown(() => gateway.close());
  return gateway;
}

/** One decision on every connection: the tokens. */
async function decide(clients: readonly RawClient[]): Promise<string[]> {
  for (const client of clients) client.send(rawRequest(inferPath('rank')));
  const answers = await Promise.all(clients.map((client) => client.answer()));
  return answers.map((answer) => answer?.headers.get('makas-decision') ?? '');
}

async function reward(client: RawClient, tokens: readonly string[], value: number): Promise<string[]> {
  const body = JSON.stringify(tokens.map((decision) => ({ decision, reward: value })));
  client.send(rawRequest('/rewards', body, ['Content-Type: application/json']));
  const answer = await client.answer();
  const { results } = JSON.parse(answer?.body.toString() ?? '') as { results: { result: string }[] };
  return results.map(({ result }) => result);
}

async function testLearning(t: Test, gateway: TestGateway): Promise<void> {
  const clients = await Promise.all(Array.from({ length: 24 }, () => RawClient.connect(gateway.url)));
  let version = -1;
  for (let round = 0; round < 4; round++) {
    const tokens = await decide(clients);
    const [one, ...others] = new Set(tokens.map(versionOf));
    t.same(others, [], 'all workers serve the same posterior');
    t.not(one, version);
    version = one!;
    // Tokens of all workers, to whichever worker this connection is with.
    t.same(new Set(await reward(clients[round]!, tokens, round % 2)), new Set(['counted']));
    const rewardedMs = performance.now();
    let agreedMs = 0;
    await until('all workers serve the new posterior', async () => {
      const versions = new Set((await decide(clients)).map(versionOf));
      agreedMs = performance.now() - rewardedMs;
      return versions.size === 1 && !versions.has(version);
    });
    // The promise is a second; the rest is for a busy machine.
    t.ok(agreedMs < 1300, `after ${Math.round(agreedMs)} ms`);
    t.same(new Set(await reward(clients[round + 12]!, tokens, round % 2)), new Set(['repeated']));
  }
  const count = async () => (await banditOf(gateway.adminUrl, 'rank')).arms.reduce((sum, arm) => sum + arm.count, 0);
  await until('the admin view has learned it too', async () => (await count()) === 96);
  t.equal(await gateway.metric('makas_rewards_total{bandit="rank",result="counted"}'), 96);
  t.equal(await gateway.metric('makas_rewards_total{bandit="rank",result="repeated"}'), 96);
  const text = await gateway.metrics();
  const shares = [...text.matchAll(/^makas_bandit_share\{.*\} (\S+)$/gm)].map(([, share]) => Number(share));
  t.equal(shares.length, 2);
  t.ok(Math.abs(shares[0]! + shares[1]! - 1) < 1e-9, 'shares of one bandit, not their sum over the workers');

  // Both workers had clients: else this test would have shown nothing.
  await gateway.app.threads()[0]!.terminate();
  const left = await Promise.all(
    clients.map(async (client) => {
      client.send(rawRequest(inferPath('rank')));
      return (await client.answer()) !== null;
    }),
  );
  t.same(new Set(left), new Set([true, false]));
  for (const client of clients) client.close();
}

test('a reward on one worker is in the posterior of all within a second, with the state in a file', async (t) => {
  await testLearning(t, await setUp(t, (folder) => configHead(folder)));
});

test('a reward on one worker is in the posterior of all within a second, with the state in Redis', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const head = `version: 1
listen: { http: { host: 127.0.0.1, port: 0 }, admin: { host: 127.0.0.1, port: 0 } }
state: { kind: redis, url: '${redis.url}' }
`;
  await testLearning(t, await setUp(t, () => head));
});

test('what every worker served is counted once', async (t) => {
  const gateway = await setUp(t, (folder) => configHead(folder));
  const clients = await Promise.all(Array.from({ length: 16 }, () => RawClient.connect(gateway.url)));
  for (let round = 0; round < 10; round++) await decide(clients);
  const served = async () => (await banditOf(gateway.adminUrl, 'rank')).arms.reduce((sum, arm) => sum + arm.served, 0);
  await until('all decisions are counted', async () => (await served()) >= 160);
  t.equal(await served(), 160);
  for (const client of clients) client.close();
});
