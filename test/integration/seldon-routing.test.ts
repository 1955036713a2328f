import { Buffer } from 'node:buffer';
import { gzipSync } from 'node:zlib';

import type { Test } from 'tap';

import { configHead, startGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { startServer } from '../support/model-server.ts';

const PATH = '/seldon/shop/ranker/api/v1.0';
const MOUNT = 'mounts: [{ prefix: /seldon/shop/ranker, protocol: seldon-v1, model: ranker }]';
const BANDIT = '{ name: live, bandit: { policy: thompson, arms: [a, b], reward: { kind: binary, wait: 10m } } }';

/** Two deployments behind one route; each answers with its name, and with `meta` as text. */
async function setUp(t: Test, rules: string, meta = '') {
  const start = async (name: string) => {
    const server = await startServer((_request, response) => {
      const body = `{ "data": {"names":["${name}"],"ndarray":[[1.50]]}${meta === '' ? '' : `, "meta": ${meta}`} }`;
      const type = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      response.writeHead(200, { ...type, 'Seldon-Puid': 'of the deployment' });
      response.end(body);
    });
    t.teardown(() => server.close());
    return server;
  };
  const servers = { a: await start('a'), b: await start('b') };
  const backends = Object.entries(servers).map(
    ([name, { url }]) => `  ${name}: { protocol: seldon-v1, endpoints: ['${url}'] }\n`,
  );
  const route = `routes: [{ name: ranker, match: { model: ranker }, expose: true, rules: [${rules}] }]`;
  const gateway = await startGateway(
    (folder) => `${configHead(folder, MOUNT)}\nbackends:\n${backends.join('')}${route}\n`,
  );
  t.teardown(() => gateway.close());
  const post = async (path: string, body: string, headers: Record<string, string> = {}) => {
    const sent = { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } };
    const answer = await fetch(`${gateway.url}${path}`, sent);
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, text, json: () => JSON.parse(text) };
  };
  return { servers, gateway, post };
}

test('the answer of a split names the arm in meta.routing, and its feedback goes there', async (t) => {
  const { servers, post } = await setUp(t, '{ name: live, split: { a: 50, b: 50 } }');
  const seen = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const prediction = await post(`${PATH}/predictions`, '{"data":{"ndarray":[[1]]}}', { 'seldon-puid': `p${i}` });
    const backend = prediction.headers.get('makas-backend')!;
    const child = backend === 'a' ? 0 : 1;
    t.equal(
      prediction.text,
      `{ "data": {"names":["${backend}"],"ndarray":[[1.50]]},"meta":{"puid":"p${i}","routing":{"ranker":${child}}} }`,
    );
    const body = JSON.stringify({ response: prediction.json(), reward: 1 });
    const taken = await post(`${PATH}/feedback`, body);
    t.equal(taken.headers.get('makas-backend'), backend);
    const last = servers[backend as 'a' | 'b'].received.at(-1)!;
    t.strictSame([last.url, last.body.toString()], ['/api/v1.0/feedback', body], 'as it came');
    seen.add(backend);
  }
  t.same([...seen].sort(), ['a', 'b']);
});

test('feedback of a bandit without the token goes to the arm that it names, and counts no reward', async (t) => {
  const { gateway, servers, post } = await setUp(t, BANDIT, '{"routing":{"eg":0},"tags":{"team":"a"}}');
  const prediction = await post(`${PATH}/predictions`, '{"meta":{"puid":"mine"},"data":{"ndarray":[[1]]}}');
  const { meta } = prediction.json();
  const child = prediction.headers.get('makas-backend') === 'a' ? 0 : 1;
  const token = prediction.headers.get('makas-decision');
  t.strictSame(meta, {
    routing: { eg: 0, ranker: child },
    tags: { team: 'a', 'makas-decision': token },
    puid: 'mine',
  });
  for (const [routing, backend] of [
    [{ ranker: 1 }, 'b'],
    [{ ranker: 0 }, 'a'],
    [{ eg: 1, ranker: 1 }, 'b'],
    [{ other: 1 }, 'a'],
    [{ ranker: 2 }, 'a'],
    [{ ranker: -1 }, 'a'],
    [{ ranker: 'b' }, 'a'],
  ] as const) {
    const count = servers[backend].received.length;
    const taken = await post(`${PATH}/feedback`, JSON.stringify({ response: { meta: { routing } }, reward: 1 }));
    t.equal(taken.status, 200, taken.text);
    t.equal(servers[backend].received.length, count + 1, JSON.stringify(routing));
  }
  t.notMatch(await gateway.metrics(), /makas_rewards_total\{/);
});

test('feedback may be compressed, and a damaged token is no token of another deployment', async (t) => {
  const { gateway, servers, post } = await setUp(t, BANDIT);
  const prediction = (await post(`${PATH}/predictions`, '{"data":{"ndarray":[[1]]}}')).json();
  const asked = servers.a.received.length + servers.b.received.length;
  const feedback = JSON.stringify({ response: prediction, reward: 1 });
  const token: string = prediction.meta.tags['makas-decision'];
  for (const wrong of [token.slice(0, -5), `${token.slice(0, -1)}@`, 'zzz']) {
    t.equal((await post(`${PATH}/feedback`, feedback.replace(token, wrong))).status, 403, wrong);
  }
  t.equal((await post(`${PATH}/feedback`, feedback.replace(`"${token}"`, '5'))).status, 403);
  const send = async (body: Buffer, encoding: string): Promise<number> => {
    const headers = { 'content-type': 'application/json', 'content-encoding': encoding };
    return (await fetch(`${gateway.url}${PATH}/feedback`, { method: 'POST', body, headers })).status;
  };
  t.equal(await send(Buffer.from('no gzip'), 'gzip'), 400);
  t.equal(await send(gzipSync(feedback), 'gzip'), 200);
  t.equal(servers.a.received.length + servers.b.received.length, asked, 'none of it went to a deployment');
  t.match(await gateway.metrics(), /makas_rewards_total\{[^}]*result="counted"[^}]*\} 1\n/);
});

test('the number in meta.routing tells the rule as well', async (t) => {
  const other = '{ name: beta, when: { headers: { x-tier: beta } }, backend: a }';
  const { post } = await setUp(t, `${other}, { name: live, split: { a: 1, b: 99 } }`);
  const answers = await Promise.all(Array.from({ length: 20 }, () => post(`${PATH}/predictions`, '{}')));
  const ofB = answers.find(({ headers }) => headers.get('makas-backend') === 'b')!;
  t.strictSame(ofB.json().meta.routing, { ranker: 2 });
  const plain = await post(`${PATH}/predictions`, '{}', { 'x-tier': 'beta' });
  t.equal(plain.json().meta, undefined, 'nothing was chosen');
  // The client of the feedback need not be that of the prediction.
  const body = JSON.stringify({ response: ofB.json(), reward: 1 });
  const taken = await post(`${PATH}/feedback`, body, { 'x-tier': 'beta' });
  t.equal(taken.headers.get('makas-backend'), 'b');
});

test('every answer has one Seldon-Puid: that of the client, or the request id', async (t) => {
  const { gateway, servers, post } = await setUp(t, '{ backend: a }');
  const sentOn = () => servers.a.received.at(-1)!.headers['seldon-puid'];
  const given = await post(`${PATH}/predictions`, '{}', { 'Seldon-Puid': 'mine' });
  t.equal(given.headers.get('seldon-puid'), 'mine', 'in place of that of the deployment');
  t.equal(sentOn(), 'mine');
  const made = await post(`${PATH}/predictions`, '{"meta":{"puid":"of the body"}}', { 'x-request-id': 'r-1' });
  t.equal(made.headers.get('seldon-puid'), 'r-1');
  t.equal(sentOn(), 'r-1');
  t.equal(servers.a.received.at(-1)!.body.toString(), '{"meta":{"puid":"of the body"}}');
  const none = await post(`${PATH}/predictions`, '{}');
  t.ok(none.headers.get('x-request-id'));
  t.equal(none.headers.get('seldon-puid'), none.headers.get('x-request-id'));
  const empty = await post(`${PATH}/predictions`, '{}', { 'Seldon-Puid': '', 'x-request-id': 'r-2' });
  t.equal(empty.headers.get('seldon-puid'), 'r-2');
  for (const [path, status] of [
    [`${PATH}/feedback`, 400],
    ['/api/v1.0/feedback', 400],
  ] as const) {
    const refused = await post(path, '{', { 'Seldon-Puid': 'mine' });
    t.equal(refused.status, status);
    t.equal(refused.headers.get('seldon-puid'), 'mine', path);
  }
  const probe = await fetch(`${gateway.url}/seldon/shop/ranker/ready`);
  t.equal(probe.headers.get('seldon-puid'), probe.headers.get('x-request-id'));
  const other = await fetch(`${gateway.url}/v2/health/live`);
  t.equal(other.headers.get('seldon-puid'), null, 'of Seldon Core 1 alone');
});
