import type { Test } from 'tap';

import { configHead, startGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { startServer } from '../support/model-server.ts';
import { rawRequest, sendRaw } from '../support/raw-client.ts';

async function setUp(t: Test, more = '') {
  const server = await startServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{}');
  });
  const gateway = await startGateway(
    (
      folder,
    ) => `${configHead(folder, 'mounts: [{ prefix: /llm, protocol: openai }, { prefix: /wine, protocol: mlflow, model: wine }]')}
backends:
  llm: { protocol: openai, endpoints: ['${server.url}'] }
  v1: { protocol: kserve-v1, endpoints: ['${server.url}'] }
routes:
  - { name: chat, match: { model: [chat, org/chat] }, rules: [{ name: only, backend: llm }] }
  - { name: income, match: { model: income }, rules: [{ name: only, backend: v1 }] }
  - { name: both, match: { model: both }, rules: [{ name: a, when: { protocol: openai }, backend: llm }, { name: b, backend: v1 }] }
${more}`,
  );
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  const ask = async (path: string, body: string | null = null) => {
    const answer = await sendRaw(gateway.url, rawRequest(path, body));
    return { status: answer?.status, content: JSON.parse(String(answer?.body)) as object };
  };
  return { server, ask };
}

test('a model of an OpenAI server is found at the path that KServe V1 has too', async (t) => {
  const { ask, server } = await setUp(t);
  for (const model of ['chat', 'org/chat']) {
    const found = { status: 200, content: { id: model, object: 'model', created: 0, owned_by: 'makas' } };
    for (const path of ['/v1/models/', '/openai/v1/models/', '/llm/v1/models/']) {
      t.same(await ask(path + model), found, path + model);
    }
  }
  t.match(await ask('/v1/models/org/other'), { status: 404, content: { error: { code: 'route_not_found' } } });
  t.equal(server.received.length, 0);
  for (const model of ['income', 'both']) t.same(await ask(`/v1/models/${model}`), { status: 200, content: {} });
  t.equal(server.received.length, 2, 'readiness is asked of the server');
});

test('a request that names no model hears so', async (t) => {
  const { ask } = await setUp(t);
  for (const body of ['{}', '{"model":null}', '{"model":""}', '{"model":3}', '', '[]', '{']) {
    const { status, content } = await ask('/v1/chat/completions', body);
    t.equal(status, 400, body);
    t.match(content, { error: { message: /`model`/, type: 'invalid_request_error', code: 'bad_request' } }, body);
  }
  t.match(await ask('/v1/chat/completions', '{"model":"x"}'), { status: 404 });
});

test('a route that asks for no model serves it all the same', async (t) => {
  const { ask } = await setUp(t, '  - { name: rest, rules: [{ name: only, backend: llm }] }\n');
  for (const body of ['{}', '{"model":null}', '']) t.equal((await ask('/v1/chat/completions', body)).status, 200, body);
});

test('an unknown path is refused in the form of those whose path it would be', async (t) => {
  const { ask } = await setUp(t);
  const openai = { error: { message: /path/, type: 'not_found_error', code: 'path_not_found' } };
  for (const path of [
    '/openai/v1/files',
    '/openai/',
    '/v1/images/generations',
    '/v1/moderations',
    '/llm/v1/files',
    '/llm',
  ]) {
    for (const body of [null, '{}']) t.match(await ask(path, body), { status: 404, content: openai }, path);
  }
  t.match(await ask('/wine/nothing'), { status: 404, content: { error_code: 'BAD_REQUEST', message: /path/ } });
  t.match(await ask('/v2/nothing'), { status: 404, content: { error: /path/ } });
});
