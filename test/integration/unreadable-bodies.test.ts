import { Buffer } from 'node:buffer';
import { gzipSync } from 'node:zlib';

import type { Test } from 'tap';

import { startWith } from '../support/grpc-gateway.ts';
import { test } from '../support/lanes.ts';
import { answerInfer, startServer } from '../support/model-server.ts';

const LIMIT = 64 * 1024;

/** A gateway whose routes tell requests apart by the body: by a condition, by an expression, by the unit. */
async function setUp(t: Test) {
  const server = await startServer(answerInfer('m'));
  const gateway = await startWith({
    http: 'mounts: [{ prefix: /ml, protocol: mlflow, model: ml }, { prefix: /sd, protocol: seldon-v1, model: sd }]',
    more: `limits: { body: ${LIMIT} }`,
    backends: ['oip', 'kserve-v1', 'mlflow', 'seldon-v1']
      .map((protocol) => `  ${protocol}: { protocol: ${protocol}, endpoints: ['${server.url}'] }`)
      .join('\n'),
    routes: `  - { name: field, match: { model: field }, rules: [{ when: { headers: { x-any: '1' } }, backend: oip }, { when: { body: { parameters.tier: gold } }, backend: oip }, { backend: oip }] }
  - { name: cel, match: { model: cel }, rules: [{ when: 'body.parameters.tier == "gold"', backend: oip }, { backend: oip }] }
  - { name: route, match: { model: route, body: { parameters.tier: gold } }, rules: [{ backend: oip }] }
  - { name: unit, match: { model: unit }, unit: 'body:parameters.user', rules: [{ backend: oip }] }
  - { name: v1, match: { model: v1 }, rules: [{ when: { body: { tier: gold } }, backend: kserve-v1 }, { backend: kserve-v1 }] }
  - { name: ml, match: { model: ml }, rules: [{ when: { body: { tier: gold } }, backend: mlflow }, { backend: mlflow }] }
  - { name: sd, match: { model: sd }, rules: [{ when: { body: { tier: gold } }, backend: seldon-v1 }, { backend: seldon-v1 }] }
  - { name: none, match: { model: none }, rules: [{ backend: oip }] }`,
  });
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  const post = async (path: string, body: Buffer | string, headers: Record<string, string> = {}) => {
    const answer = await fetch(gateway.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : new Uint8Array(body),
    });
    return `${answer.status} ${String(answer.headers.get('makas-error'))} ${await answer.text()}`;
  };
  return { server, post };
}

const infer = (model: string) => `/v2/models/${model}/infer`;
const json = '{"parameters":{"tier":"gold"},"inputs":[]}';
const bomb = gzipSync(`{"pad":"${' '.repeat(2 * LIMIT)}",${json.slice(1)}`);
const deep = `{"x":${'['.repeat(1000)}${']'.repeat(1000)},${json.slice(1)}`;

test('a request is refused when a rule may have missed what is in its body', async (t) => {
  const { server, post } = await setUp(t);
  const cases: [string, Buffer | string, Record<string, string>, RegExp][] = [
    ['a bomb', bomb, { 'content-encoding': 'gzip' }, /^413 BODY_TOO_LARGE \{"error":"Without its Content-Encoding/],
    ['no gzip', json, { 'content-encoding': 'gzip' }, /^400 BAD_BODY .*cannot be decoded/],
    ['zstd', json, { 'content-encoding': 'zstd' }, /^400 BAD_BODY .*gzip, deflate or br/],
    ['deep nesting', deep, {}, /^400 BAD_BODY .*not valid JSON of at most 512 levels/],
    ['deep nesting of another type', deep, { 'content-type': 'text/plain' }, /^400 BAD_BODY /],
    ['no JSON that says that it is', Buffer.from(json, 'utf16le'), {}, /^400 BAD_BODY /],
  ];
  for (const [title, body, headers, expected] of cases) {
    for (const model of ['field', 'cel', 'route', 'unit']) {
      t.match(await post(infer(model), body, headers), expected, `${title}, ${model}`);
    }
    t.match(await post(infer('none'), body, headers), /^200 /, `${title}, no rule looks at it`);
    t.match(await post(infer('field'), body, { ...headers, 'x-any': '1' }), /^200 /, `${title}, another rule holds`);
  }
  t.equal(server.received.length, 2 * cases.length);
});

test('the refusal has the form of the protocol', async (t) => {
  const { post } = await setUp(t);
  const headers = { 'content-encoding': 'gzip' };
  t.match(await post('/v1/models/v1:predict', bomb, headers), /^413 BODY_TOO_LARGE \{"error":/);
  t.match(await post('/ml/invocations', bomb, headers), /^413 BODY_TOO_LARGE \{"error_code":/);
  t.match(await post('/sd/api/v1.0/predictions', bomb, headers), /^413 BODY_TOO_LARGE \{"status":\{/);
});

test('a body that is no JSON and does not say so has no fields, and goes on', async (t) => {
  const { post } = await setUp(t);
  const csv = { 'content-type': 'text/csv' };
  t.match(await post('/ml/invocations', 'a,b\n1,2\n', csv), /^200 /);
  t.match(
    await post('/sd/api/v1.0/predictions', 'json=%7B%7D', { 'content-type': 'application/x-www-form-urlencoded' }),
    /^200 /,
  );
  t.match(await post(infer('field'), Buffer.from([1, 2]), { 'inference-header-content-length': '0' }), /^200 /, 'raw');
  t.match(await post(infer('field'), ''), /^200 /, 'empty');
});
