import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startGatewayProcess } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { answerInfer, startServer } from '../support/model-server.ts';
import { startRedis } from '../support/redis-server.ts';
import { banditOf, forEachOf, INFER_BODY, inferPath, openClient, range, until } from '../support/traffic.ts';

test('two replicas on one Redis accept each other’s tokens and agree within 2 s', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'makas-replicas-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const server = await startServer(answerInfer('any'));
  t.teardown(() => server.close());
  const configPath = join(folder, 'makas.yaml');
  // The secret of the tokens and the refresh of the posterior are the default ones.
  writeFileSync(
    configPath,
    `version: 1
listen: { http: { host: 127.0.0.1, port: 0 }, admin: { host: 127.0.0.1, port: 0 } }
state: { kind: redis, url: '${redis.url}' }
backends:
  a: { protocol: oip, endpoints: ['${server.url}'] }
  b: { protocol: oip, endpoints: ['${server.url}'] }
routes:
  - name: rank
    match: { model: rank }
    unit: header:x-user-id
    expose: true
    rules: [{ bandit: { name: rank, policy: thompson, arms: [a, b], reward: { wait: 1h } } }]
`,
  );
  // Both start at once, so they race for the secret.
  const [one, two] = await Promise.all([startGatewayProcess(configPath), startGatewayProcess(configPath)]);
  t.teardown(() => Promise.all([one.stop('SIGKILL'), two.stop('SIGKILL')]));
  const clients = [openClient(one.url), openClient(two.url)] as const;
  t.teardown(() => Promise.all(clients.map((client) => client.close())));

  const served = await forEachOf(range(400), 16, async (i) => {
    const client = clients[i % 2]!;
    const { headers } = await client.post(inferPath('rank'), INFER_BODY, { 'x-user-id': `u${i}` });
    return { decision: String(headers['makas-decision']), arm: String(headers['makas-backend']) };
  });
  // Each reward goes to the replica that did not make its token.
  const rewards = served.map(({ decision, arm }, i) => ({
    decision,
    reward: (arm === 'b' ? i % 10 < 7 : i % 10 < 3) ? 1 : 0,
  }));
  for (const at of [0, 1] as const) {
    const own = rewards.filter((_, i) => i % 2 !== at);
    const answer = await clients[at].post('/rewards', own);
    t.equal(answer.status, 200);
    t.equal((JSON.parse(answer.text) as { counted: number }).counted, own.length);
  }
  const burstEndMs = performance.now();
  const both = () => Promise.all([banditOf(one.adminUrl, 'rank'), banditOf(two.adminUrl, 'rank')]);
  await until('both replicas have read all rewards', async () =>
    (await both()).every(({ arms }) => arms.reduce((sum, { count }) => sum + count, 0) === rewards.length),
  );
  const agreedMs = performance.now() - burstEndMs;
  t.ok(agreedMs < 2000, `agreed after ${Math.round(agreedMs)} ms`);
  const [left, right] = await both();
  t.equal(left.version, right.version);
  t.same(
    left.arms.map(({ name, share }) => [name, share]),
    right.arms.map(({ name, share }) => [name, share]),
  );
  t.ok(left.arms[1]!.share > 0.9, 'both serve the better arm');

  // The same reward again, to either, counts no more; and a unit has the same arm on both.
  for (const client of clients) {
    const { results } = JSON.parse((await client.post('/rewards', rewards)).text) as { results: { result: string }[] };
    t.ok(results.every(({ result }) => result === 'repeated'));
  }
  const arms = await forEachOf(range(100), 8, async (i) => {
    const answers = clients.map((client) => client.post(inferPath('rank'), INFER_BODY, { 'x-user-id': `u${i}` }));
    return (await Promise.all(answers)).map(({ headers }) => headers['makas-backend']);
  });
  t.ok(arms.every(([a, b]) => a === b));

  await until('what both served is summed', async () =>
    (await both()).every(({ arms: each }) => each.reduce((sum, arm) => sum + arm.served, 0) === 600),
  );
  t.equal(await one.stop(), 0);
  t.equal(await two.stop(), 0);
});
