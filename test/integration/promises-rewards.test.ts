import { startBandit } from '../support/bandit-traffic.ts';
import { test } from '../support/lanes.ts';
import { armOf, banditOf, until } from '../support/traffic.ts';

const RULES = '[{ bandit: { name: rank, policy: thompson, arms: [a, b], refresh: 100ms } }]';

test('every reward that cannot count has its own answer, status and counter', async (t) => {
  const { gateway, serve, reward, rewrite } = await startBandit(t, RULES);
  const other = await startBandit(t, RULES);
  const served = await serve(20);
  const [one] = served;
  const { decision } = one!;
  const counter = (bandit: string, result: string): Promise<number> =>
    gateway.metric(`makas_rewards_total{bandit="${bandit}",result="${result}"}`);
  const expect = async (body: object, status: number, result: string, bandit = 'rank'): Promise<void> => {
    const before = await counter(bandit, result);
    const answer = await reward(body);
    const told = `${result}: ${JSON.stringify(body).slice(0, 60)}`;
    t.equal(answer.status, status, told);
    t.equal(answer.results[0]?.result, result, told);
    t.equal(await counter(bandit, result), before + 1, told);
  };

  await expect({ decision, reward: 1, id: 'mine' }, 200, 'counted');
  await expect({ decision, reward: 1, id: 'mine' }, 200, 'repeated');
  await expect({ decision, reward: 0, id: 'mine' }, 200, 'repeated');
  await expect({ decision, reward: 1, id: 'another' }, 409, 'conflict');

  const fresh = served[1]!.decision;
  await expect({ decision: fresh, reward: 1.01 }, 400, 'invalid');
  await expect({ decision: fresh, reward: -0.01 }, 400, 'invalid');
  await expect({ decision: fresh, reward: '1' }, 400, 'invalid', 'unknown');
  await expect({ decision: fresh }, 400, 'invalid', 'unknown');
  await expect({ decision: fresh, reward: 1, extra: 1 }, 400, 'invalid', 'unknown');
  await expect({ decision: fresh, reward: 1, at: 'yesterday' }, 400, 'invalid', 'unknown');
  await expect({ decision: fresh, reward: 1, id: 'x'.repeat(129) }, 400, 'invalid', 'unknown');
  await expect({ reward: 1 }, 400, 'invalid', 'unknown');
  await expect({ decision: 'no token', reward: 1 }, 403, 'forged', 'unknown');
  const foreign = (await other.serve(1))[0]!.decision;
  await expect({ decision: foreign, reward: 1 }, 403, 'forged', 'unknown');
  for (const at of [0, 10, 30, 40, 67]) {
    const changed = fresh[at] === 'A' ? 'B' : 'A';
    await expect({ decision: fresh.slice(0, at) + changed + fresh.slice(at + 1), reward: 1 }, 403, 'forged', 'unknown');
  }
  const waitMs = 10 * 60_000 + 60_000;
  await expect({ decision: fresh, reward: 1, at: Date.now() - waitMs }, 200, 'counted');

  const ofB = served.find(({ arm }, i) => arm === 'b' && i > 1)!.decision;
  const ofA = served.find(({ arm }, i) => arm === 'a' && i > 1)!.decision;
  await rewrite('[{ bandit: { name: rank, policy: thompson, arms: [a, c], refresh: 100ms } }]');
  await expect({ decision: ofB, reward: 1 }, 404, 'unknown');
  await rewrite('[{ backend: a }]');
  await expect({ decision: ofA, reward: 1 }, 404, 'unknown', 'unknown');
  await rewrite(RULES);
  await expect({ decision: ofA, reward: 1 }, 200, 'counted');
  await expect({ decision: ofB, reward: 1 }, 200, 'counted');

  const mixed = await reward([{ decision: served[3]!.decision, reward: 1 }, { decision: 'x', reward: 1 }, 7]);
  t.equal(mixed.status, 207);
  t.match(
    mixed.results.map(({ result }) => result),
    [/counted|repeated/, 'forged', 'invalid'],
  );
});

test('a decision without a reward gets the default after the wait, and then its reward is late', async (t) => {
  const { gateway, serve, reward } = await startBandit(
    t,
    `[{ bandit: { name: rank, policy: thompson, arms: [a, b], refresh: 100ms,
       reward: { kind: binary, wait: 2s, default: 0.25 } } }]`,
  );
  const served = await serve(40);
  const rewarded = served.slice(0, 10);
  const answer = await reward(rewarded.map(({ decision }) => ({ decision, reward: 1 })));
  t.equal(answer.counted, 10);
  const total = async (): Promise<number> =>
    (await banditOf(gateway.adminUrl, 'rank')).arms.reduce((sum, { count }) => sum + count, 0);
  await until('the ten rewards are read', async () => (await total()) === 10);

  // The wait and its tolerance of 1 s.
  const lastMs = Math.max(...served.map(({ decision }) => decisionTime(decision)));
  await until('the wait is over', () => Date.now() > lastMs + 3000);
  const late = await reward({ decision: served[20]!.decision, reward: 1 });
  t.equal(late.status, 410);
  t.equal(late.results[0]?.result, 'late');
  t.equal(await gateway.metric('makas_rewards_total{bandit="rank",result="late"}'), 1);
  // An outcome that was seen within the wait counts, also when its message was slow.
  const slow = served[21]!;
  const slowAnswer = await reward({ decision: slow.decision, reward: 1, at: decisionTime(slow.decision) + 500 });
  t.equal(slowAnswer.results[0]?.result, 'counted');

  await until('all decisions have a reward', async () => (await total()) === 40);
  for (const name of ['a', 'b']) {
    const own = served.filter(({ arm }) => arm === name).length;
    const given = [...rewarded, slow].filter(({ arm }) => arm === name).length;
    const { count, mean } = await armOf(gateway.adminUrl, 'rank', name);
    t.equal(count, own);
    t.ok(Math.abs(mean - (1 + given + 0.25 * (own - given)) / (2 + own)) < 1e-12, `${name}: ${mean}`);
  }
});

/** When a decision was made, milliseconds since the epoch: the six bytes after the version of the token. */
function decisionTime(token: string): number {
  return Buffer.from(token, 'base64url').readUIntBE(1, 6);
}
