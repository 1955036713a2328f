import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startBandit, type Served } from '../support/bandit-traffic.ts';
import { test } from '../support/lanes.ts';
import { armOf, banditOf, decisionsOf, seededDraws, until } from '../support/traffic.ts';

const countOf = (served: readonly Served[], arm: string): number => served.filter((each) => each.arm === arm).length;

test('with rewards at 0.3 and 0.7 the better arm gets over 85 % after 2,000, and repeats count once', async (t) => {
  const { gateway, serve, reward } = await startBandit(
    t,
    '[{ bandit: { name: rank, policy: thompson, arms: [a, b], refresh: 100ms } }]',
  );
  const draw = seededDraws(7);
  const chance: Record<string, number> = { a: 0.3, b: 0.7 };
  const sums: Record<string, { count: number; sum: number }> = { a: { count: 0, sum: 0 }, b: { count: 0, sum: 0 } };
  const all: Served[] = [];
  for (let batch = 0; batch < 40; batch++) {
    const served = await serve(50);
    all.push(...served);
    const rewards = served.map(({ decision, arm }) => {
      const value = draw() < chance[arm]! ? 1 : 0;
      sums[arm]!.count++;
      sums[arm]!.sum += value;
      return { decision, reward: value };
    });
    const first = await reward(rewards);
    const again = await reward(rewards);
    if (first.counted !== 50 || again.counted !== 0) t.fail(`batch ${batch}: ${first.counted}, ${again.counted}`);
    if (again.results.some(({ result }) => result !== 'repeated')) t.fail(`batch ${batch}: not all repeated`);
    // What comes next is served by what was learned so far, as with traffic that comes over time.
    await until('the rewards are learned from', async () => {
      const ofA = await gateway.metric('makas_bandit_rewards{bandit="rank",arm="a"}');
      const ofB = await gateway.metric('makas_bandit_rewards{bandit="rank",arm="b"}');
      return ofA + ofB === all.length;
    });
  }
  t.equal(all.length, 2000);
  const late = all.slice(1000);
  t.ok(countOf(late, 'b') > 0.85 * late.length, `of the second half ${countOf(late, 'b')} of ${late.length}`);
  const after = await serve(1000);
  t.ok(countOf(after, 'b') > 0.85 * after.length, `after it ${countOf(after, 'b')} of ${after.length}`);
  t.ok(countOf(after, 'a') > 0, 'the other arm keeps its floor');

  for (const name of ['a', 'b']) {
    const { count, mean } = await armOf(gateway.adminUrl, 'rank', name);
    t.equal(count, sums[name]!.count, `${name}: every reward counts once`);
    t.ok(Math.abs(mean - (1 + sums[name]!.sum) / (2 + count)) < 1e-12, `${name}: the sum is exact`);
  }
  t.equal(await gateway.metric('makas_rewards_total{bandit="rank",result="counted"}'), 2000);
  t.equal(await gateway.metric('makas_rewards_total{bandit="rank",result="repeated"}'), 2000);
  await until('all decisions are reported as served', async () => {
    const { arms } = await banditOf(gateway.adminUrl, 'rank');
    return arms.reduce((sum, arm) => sum + arm.served, 0) === 3000;
  });
});

test('rewards between 0 and 1 count as they are', async (t) => {
  const { gateway, serve, reward } = await startBandit(
    t,
    '[{ bandit: { name: rank, policy: thompson, arms: [a, b], refresh: 100ms } }]',
  );
  const sums: Record<string, number> = { a: 0, b: 0 };
  const served = await serve(60);
  const rewards = served.map(({ decision, arm }, i) => {
    sums[arm]! += i / 64;
    return { decision, reward: i / 64 };
  });
  t.equal((await reward({ rewards })).counted, 60);
  for (const arm of ['a', 'b']) {
    const count = countOf(served, arm);
    await until('the rewards are read', async () => (await armOf(gateway.adminUrl, 'rank', arm)).count === count);
    const { mean } = await armOf(gateway.adminUrl, 'rank', arm);
    t.ok(Math.abs(mean - (1 + sums[arm]!) / (2 + count)) < 1e-12, `${arm}: ${mean}`);
  }
});

test('a bandit of amounts finds the arm that earns more', async (t) => {
  const { gateway, serve, reward } = await startBandit(
    t,
    `[{ bandit: { name: rank, policy: thompson, arms: [a, b], refresh: 100ms,
       reward: { kind: gaussian, min: -1000, max: 1000 } } }]`,
  );
  const draw = seededDraws(11);
  const sums: Record<string, { count: number; sum: number }> = { a: { count: 0, sum: 0 }, b: { count: 0, sum: 0 } };
  let rewarded = 0;
  for (let batch = 0; batch < 10; batch++) {
    const served = await serve(40);
    rewarded += served.length;
    const rewards = served.map(({ decision, arm }) => {
      // The sum of twelve draws is nearly normal, with mean 6 and variance 1.
      let noise = -6;
      for (let i = 0; i < 12; i++) noise += draw();
      const value = (arm === 'a' ? 20 : 22) + noise;
      sums[arm]!.count++;
      sums[arm]!.sum += value;
      return { decision, reward: value };
    });
    t.equal((await reward(rewards)).counted, served.length);
    await until('the rewards are learned from', async () => {
      const { arms } = await banditOf(gateway.adminUrl, 'rank');
      return arms.reduce((sum, { count }) => sum + count, 0) === rewarded;
    });
  }
  const after = await serve(200);
  t.ok(countOf(after, 'b') > 0.9 * after.length, `${countOf(after, 'b')} of ${after.length}`);
  for (const arm of ['a', 'b']) {
    const { mean } = await armOf(gateway.adminUrl, 'rank', arm);
    // Normal-Inverse-Gamma with prior mean 0 and strength 0.01: mean = sum / (0.01 + n).
    t.ok(Math.abs(mean - sums[arm]!.sum / (0.01 + sums[arm]!.count)) < 1e-9, `${arm}: ${mean}`);
  }
});

test('the propensity in the decision log and the token is the share of the arm at that time', async (t) => {
  const { gateway, serve, reward } = await startBandit(
    t,
    '[{ bandit: { name: rank, policy: thompson, arms: [a, b, c], refresh: 100ms, burnIn: 2, floor: 5% } }]',
  );
  const check = async (served: readonly Served[]): Promise<void> => {
    const { version, arms } = await banditOf(gateway.adminUrl, 'rank');
    t.ok(Math.abs(arms.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-12);
    const decisions = await decisionsOf(
      gateway.folder,
      served.map(({ id }) => id),
    );
    const wrong = served.filter(({ id, arm, decision }) => {
      const line = decisions.get(id);
      const { share } = arms.find(({ name }) => name === arm)!;
      // In the token the propensity is a 32-bit float at byte 27.
      const told = Buffer.from(decision, 'base64url').readFloatBE(27);
      return line?.['propensity'] !== share || line['posterior_version'] !== version || told !== Math.fround(share);
    });
    t.same(wrong, []);
  };
  const first = await serve(60);
  await check(first);
  const rewards = first.map(({ decision, arm }, i) => ({ decision, reward: arm === 'a' || i % 3 === 0 ? 1 : 0 }));
  t.equal((await reward(rewards)).counted, 60);
  await until('the rewards are learned from', async () => {
    const { arms } = await banditOf(gateway.adminUrl, 'rank');
    return arms.reduce((sum, { count }) => sum + count, 0) === 60;
  });
  const { arms } = await banditOf(gateway.adminUrl, 'rank');
  t.ok(arms.every(({ share }) => share >= 0.05 && share !== 1 / 3));
  await check(await serve(150));
});

test('arms come, pause and go by reload, and a restart comes, without loss of what others learned', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'makas-bandit-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const rules = (arms: string, epoch = 1): string =>
    `[{ bandit: { name: rank, policy: thompson, arms: ${arms}, refresh: 100ms, floor: 10%, epoch: ${epoch} } }]`;
  const first = await startBandit(t, rules('[a, b]'), folder);
  const served = await first.serve(80);
  const rewards = served.map(({ decision, arm }) => ({ decision, reward: arm === 'b' ? 1 : 0 }));
  t.equal((await first.reward(rewards)).counted, 80);
  const counts = { a: countOf(served, 'a'), b: countOf(served, 'b') };
  const { adminUrl } = first.gateway;
  const hasCounts = async (url: string): Promise<boolean> =>
    (await armOf(url, 'rank', 'a')).count === counts.a && (await armOf(url, 'rank', 'b')).count === counts.b;
  await until('the rewards are read', () => hasCounts(adminUrl));

  await first.rewrite(rules('[a, b, c]'));
  t.ok(await hasCounts(adminUrl), 'an arm came');
  t.equal((await armOf(adminUrl, 'rank', 'c')).count, 0);
  t.ok(countOf(await first.serve(60), 'c') > 0, 'the new arm is served');

  const open = (await first.serve(60)).find(({ arm }) => arm === 'b')!;
  await first.rewrite(rules('{ a: {}, b: { paused: true }, c: {} }'));
  t.ok(await hasCounts(adminUrl), 'an arm was paused');
  t.equal(countOf(await first.serve(200), 'b'), 0, 'a paused arm is not served');
  t.equal((await first.reward({ decision: open.decision, reward: 1 })).results[0]?.result, 'counted');
  counts.b++;

  await first.rewrite(rules('[a, c]'));
  t.equal((await armOf(adminUrl, 'rank', 'a')).count, counts.a, 'an arm went');
  await first.rewrite(rules('[a, b]'));
  await until('the arm that came back knows what it had learned', () => hasCounts(adminUrl));

  const last = (await first.serve(1))[0]!;
  await first.gateway.close();
  const second = await startBandit(t, rules('[a, b]'), folder);
  t.ok(await hasCounts(second.gateway.adminUrl), 'a restart came');
  t.equal((await second.reward(rewards)).counted, 0, 'what was rewarded is remembered');
  t.equal((await second.reward({ decision: last.decision, reward: 0.5 })).results[0]?.result, 'counted');

  await second.rewrite(rules('[a, b]', 2));
  await until('a new epoch begins with nothing', async () => {
    const { arms } = await banditOf(second.gateway.adminUrl, 'rank');
    return arms.every(({ count }) => count === 0);
  });
});
