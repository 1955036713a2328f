import fastify from 'fastify';
import { test, type Test } from 'tap';

import { rewardsPlugin } from '../../plugins/rewards.ts';
import { openEmbeddedState } from '../../src/edges/embedded/state.ts';
import { Degradation } from '../../src/gateway/degradation.ts';
import { RewardDesk } from '../../src/gateway/rewards.ts';
import { DecisionTokens, signingKeyFrom } from '../../src/gateway/token.ts';
import { makeSnapshot } from '../support/state-bandits.ts';
import { createLog, createMeter, systemClock, temporaryFolder } from '../support/state-fixtures.ts';

async function setUp(t: Test) {
  const log = createLog();
  const store = await openEmbeddedState({ path: temporaryFolder() }, log);
  const tokens = new DecisionTokens(signingKeyFrom('plugin test'));
  const snapshot = makeSnapshot({});
  const metrics = createMeter();
  const degradation = new Degradation('state', metrics.gauge('makas_degraded', 'state'), log);
  const desk = new RewardDesk({
    store,
    tokens,
    snapshot: () => snapshot,
    clock: systemClock,
    logger: log,
    metrics,
    degradation,
    bufferLimit: 10,
  });
  const app = fastify();
  // As the data listener does for the inference paths.
  app.addContentTypeParser('*', (_request, _payload, done) => done(null, 'not read'));
  await app.register(rewardsPlugin, { desk, maxBatch: 3 });
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(async () => {
    await app.close();
    await desk.close();
    await store.close();
  });
  const { id, arms } = snapshot.bandits[0]!;
  const issue = () => tokens.issue(Date.now(), id, arms[0]!.id, 0.5, 1);
  const post = async (
    body: string | object,
    headers: Record<string, string> = { 'content-type': 'application/json' },
  ) => {
    const response = await fetch(`${address}/rewards`, {
      method: 'POST',
      headers,
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return {
      status: response.status,
      error: response.headers.get('makas-error'),
      body: await response.json(),
    };
  };
  return { issue, post };
}

test('one reward is answered with the status of its result', async (t) => {
  const { issue, post } = await setUp(t);
  const decision = issue();
  t.match(await post({ decision, reward: 1 }), {
    status: 200,
    body: { results: [{ decision, result: 'counted' }], counted: 1 },
  });
  t.match(await post({ decision, reward: 1 }), {
    status: 200,
    body: { results: [{ result: 'repeated' }], counted: 0 },
  });
  t.match(await post({ decision, reward: 1, id: 'b' }), {
    status: 409,
    body: { results: [{ result: 'conflict', message: /Another reward/ }] },
  });
  t.match(await post({ decision: issue(), reward: 2 }), {
    status: 400,
    body: { results: [{ message: /from 0 to 1/ }] },
  });
  t.match(await post({ decision: 'A'.repeat(68), reward: 1 }), { status: 403 });
  t.match(await post('3'), { status: 400, body: { results: [{ result: 'invalid' }] } });
});

test('a list is answered with the result of each, in order', async (t) => {
  const { issue, post } = await setUp(t);
  const items = [
    { decision: issue(), reward: 1 },
    { decision: issue(), reward: 0 },
  ];
  t.match(await post(items), { status: 200, body: { counted: 2 } });
  t.match(await post({ rewards: [{ decision: 'x', reward: 1 }, items[0], { decision: issue(), reward: true }] }), {
    status: 207,
    body: { results: [{ result: 'forged' }, { result: 'repeated' }, { result: 'counted' }], counted: 1 },
  });
  t.match(await post({ rewards: [{ decision: issue(), reward: 1 }] }), { status: 200, body: { counted: 1 } });
});

test('what is no list of rewards in JSON is refused with a reason', async (t) => {
  const { issue, post } = await setUp(t);
  const item = { decision: issue(), reward: 1 };
  t.match(await post([]), { status: 400, error: 'BAD_REQUEST', body: { error: /no reward/ } });
  t.match(await post([item, item, item, item]), {
    status: 413,
    error: 'BODY_TOO_LARGE',
    body: { error: /at most 3 rewards, this one has 4/ },
  });
  t.match(await post(' '.repeat(2 ** 22 + 1)), { status: 413, error: 'BODY_TOO_LARGE', body: { error: /4 MiB/ } });
  t.match(await post('decision=x', { 'content-type': 'application/x-www-form-urlencoded' }), {
    status: 415,
    error: 'BAD_REQUEST',
  });
  for (const text of [
    '',
    '{',
    '{"decision": NaN}',
    `{"__proto__": {"reward": 1}, "decision": "${item.decision}"}`,
    '{"constructor": {"prototype": 1}}',
  ]) {
    t.match(await post(text), { status: 400, error: 'BAD_BODY', body: { error: /not valid JSON/ } }, text);
  }
  t.match(await post({ rewards: [item], extra: 1 }), { status: 400, body: { results: [{ result: 'invalid' }] } });
});

test('a body that is nested deep does no harm', async (t) => {
  const { issue, post } = await setUp(t);
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  t.match(await post(deep), { status: 207, body: { results: [{ result: 'invalid' }] } });
  t.match(await post(`{"decision": "${issue()}", "reward": ${deep}}`), { status: 400 });
});
