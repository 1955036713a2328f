import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { configHead, startGatewayProcess } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { answerInfer, startServer } from '../support/model-server.ts';
import { banditOf, forEachOf, INFER_BODY, inferPath, openClient, range, until } from '../support/traffic.ts';

interface Reward {
  readonly decision: string;
  readonly reward: number;
  readonly arm: string;
}

const totals = (rewards: readonly Reward[]): Record<string, { count: number; sum: number }> => {
  const sums: Record<string, { count: number; sum: number }> = { a: { count: 0, sum: 0 }, b: { count: 0, sum: 0 } };
  for (const { arm, reward } of rewards) {
    sums[arm]!.count++;
    sums[arm]!.sum += reward;
  }
  return sums;
};

test('kill -9 loses no reward that was acknowledged, and none counts twice when all are sent again', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'makas-crash-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const server = await startServer(answerInfer('any'));
  t.teardown(() => server.close());
  const configPath = join(folder, 'makas.yaml');
  writeFileSync(
    configPath,
    `${configHead(folder)}
backends:
  a: { protocol: oip, endpoints: ['${server.url}'] }
  b: { protocol: oip, endpoints: ['${server.url}'] }
routes:
  - name: rank
    match: { model: rank }
    expose: true
    rules: [{ bandit: { name: rank, policy: thompson, arms: [a, b], refresh: 100ms, floor: 30% } }]
`,
  );

  let gateway = await startGatewayProcess(configPath);
  t.teardown(() => gateway.stop('SIGKILL'));
  let client = openClient(gateway.url);
  const rewards = await forEachOf(range(600), 16, async (i): Promise<Reward> => {
    const { headers } = await client.post(inferPath('rank'), INFER_BODY);
    return { decision: String(headers['makas-decision']), reward: (i % 5) / 4, arm: String(headers['makas-backend']) };
  });

  const acknowledged = new Set<Reward>();
  let sent = 0;
  for (const killAt of [120, 340]) {
    let isKilled = false;
    let isGone = false;
    // Eight clients that send until there is nobody to send to; the process is killed in the middle of them.
    await forEachOf(rewards.slice(sent), 8, async (reward) => {
      if (isGone) return;
      sent++;
      const { decision } = reward;
      const answer = await client.post('/rewards', { decision, reward: reward.reward }).catch(() => null);
      if (answer?.status === 200) acknowledged.add(reward);
      else isGone = true;
      if (acknowledged.size >= killAt && !isKilled) {
        isKilled = true;
        gateway.child.kill('SIGKILL');
      }
    });
    await gateway.stop('SIGKILL');
    await client.close();
    t.ok(acknowledged.size < sent, 'some were under way at the kill');

    gateway = await startGatewayProcess(configPath);
    client = openClient(gateway.url);
    const atLeast = totals([...acknowledged]);
    const atMost = totals(rewards.slice(0, sent));
    for (const { name, count } of (await banditOf(gateway.adminUrl, 'rank')).arms) {
      t.ok(count >= atLeast[name]!.count, `${name}: ${count} of ${atLeast[name]!.count} acknowledged are there`);
      t.ok(count <= atMost[name]!.count, `${name}: ${count} of ${atMost[name]!.count} sent`);
    }
  }

  const again = await client.post(
    '/rewards',
    rewards.map(({ decision, reward }) => ({ decision, reward })),
  );
  t.equal(again.status, 200);
  const { results } = JSON.parse(again.text) as { results: { result: string }[] };
  const lost = rewards.filter((reward, i) => acknowledged.has(reward) && results[i]?.result !== 'repeated');
  t.same(lost, [], 'every acknowledged reward is known');

  const expected = totals(rewards);
  await until('all rewards are in the sums', async () => {
    const { arms } = await banditOf(gateway.adminUrl, 'rank');
    return arms.reduce((sum, { count }) => sum + count, 0) >= rewards.length;
  });
  for (const { name, count, mean } of (await banditOf(gateway.adminUrl, 'rank')).arms) {
    const { count: counted, sum } = expected[name]!;
    t.equal(count, counted, `${name} is counted exactly`);
    // Beta(1, 1) before.
    t.ok(Math.abs(mean - (1 + sum) / (2 + counted)) < 1e-12, `${name} is summed exactly`);
  }
  await client.close();
  t.equal(await gateway.stop(), 0);
});
