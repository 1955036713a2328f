import { Buffer } from 'node:buffer';

import type { Test } from 'tap';

import { configHead, startGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { type Answerer, startServer } from '../support/model-server.ts';
import { RawClient, sendRaw } from '../support/raw-client.ts';

const answerEmpty: Answerer = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '2' });
  response.end('{}');
};

/** A gateway with these mounts, a backend of each protocol at one server, and the routes that are given. */
async function setUp(t: Test, mounts: string, routes: string, answerer: Answerer = answerEmpty) {
  const server = await startServer(answerer);
  t.teardown(() => server.close());
  const protocols = ['oip', 'kserve-v1', 'tfserving', 'mlflow', 'vertex', 'seldon-v1', 'ray-serve', 'openai'];
  const configOf = (someMounts: string) => (folder: string) =>
    `${configHead(folder, `mounts: [${someMounts}]`)}
backends:
${protocols.map((protocol) => `  ${protocol}: { protocol: ${protocol}, endpoints: ["${server.url}"] }`).join('\n')}
  ray-app: { protocol: ray-serve, endpoints: ["${server.url}/apps/a"] }
  renamed: { protocol: openai, endpoints: ["${server.url}"], model: org/inner }
  oip-renamed: { protocol: oip, endpoints: ["${server.url}"], model: inner }
routes:
${routes}
`;
  const gateway = await startGateway(configOf(mounts));
  t.teardown(() => gateway.close());
  const ask = (method: string, path: string, headers: readonly string[] = [], body: string | null = '{}') => {
    const lines = headers.some((line) => /^host:/i.test(line)) ? headers : ['Host: g', ...headers];
    const bytes = Buffer.from(body ?? '');
    const length = body === null ? [] : [`Content-Length: ${bytes.length}`];
    return sendRaw(
      gateway.url,
      [`${method} ${path} HTTP/1.1`, ...lines, ...length, '', bytes.toString('latin1')].join('\r\n'),
    );
  };
  const asked = (): string[] => server.received.splice(0).map(({ method, url }) => `${method} ${url}`);
  return { server, gateway, ask, asked, configOf };
}

/** A route for one model to the backend of a protocol. */
function route(model: string, backend: string, more = ''): string {
  return `  - { name: ${model}, match: { model: ${model} }, expose: true, rules: [{ backend: ${backend} }]${more} }`;
}

test('a mount by prefix and one by host say which model is meant', async (t) => {
  const { ask, asked } = await setUp(
    t,
    '{ prefix: /wine, protocol: mlflow, model: wine }, { host: beer.example, protocol: mlflow, model: beer }',
    [route('wine', 'mlflow'), route('beer', 'mlflow')].join('\n'),
  );
  const wine = await ask('POST', '/wine/invocations?a=1');
  t.equal(wine?.headers.get('makas-route'), 'wine');
  for (const host of ['beer.example', 'BEER.example:8080']) {
    t.equal((await ask('POST', '/invocations', [`Host: ${host}`]))?.headers.get('makas-route'), 'beer', host);
  }
  const absolute = await ask('POST', 'http://beer.example/invocations', ['Host: other.example']);
  t.equal(absolute?.headers.get('makas-route'), 'beer', 'the authority of the target comes before Host');
  t.same(asked(), ['POST /invocations?a=1', 'POST /invocations', 'POST /invocations', 'POST /invocations']);
  t.equal((await ask('POST', '/invocations', ['Host: wine.example']))?.status, 404);
  t.equal((await ask('POST', '/wine/v2/models/wine/infer'))?.status, 404);
  t.same(asked(), []);
});

test('a header names the model of a mount, and errors have the form of the protocol', async (t) => {
  const mounts = "{ prefix: /any, protocol: mlflow, modelFrom: 'header:x-model' }";
  const { ask, asked } = await setUp(
    t,
    mounts,
    [route('wine', 'mlflow'), route('sarap', 'mlflow').replace('model: sarap', 'model: şarap')].join('\n'),
  );
  t.equal((await ask('POST', '/any/invocations', ['X-Model: wine']))?.headers.get('makas-route'), 'wine');
  const name = Buffer.from('şarap').toString('latin1');
  t.equal((await ask('POST', '/any/invocations', [`x-model: ${name}`]))?.status, 200);
  t.same(asked(), ['POST /invocations', 'POST /invocations']);
  for (const headers of [['X-Model: beer'], ['X-Model:'], []]) {
    const answer = await ask('POST', '/any/invocations', headers);
    t.equal(answer?.headers.get('makas-error'), 'ROUTE_NOT_FOUND');
    t.match(JSON.parse(String(answer?.body)), { error_code: 'BAD_REQUEST', message: /route/ });
  }
  const wrong = await ask('PUT', '/any/invocations', ['X-Model: wine']);
  t.match(wrong, { status: 405 });
  t.equal(wrong?.headers.get('allow'), 'POST');
  t.match(JSON.parse(String(wrong?.body)), { error_code: 'BAD_REQUEST' });
  t.same(asked(), []);
});

test('Vertex AI has the path that is configured, and its health is that of the model', async (t) => {
  const { ask, asked } = await setUp(
    t,
    '{ path: /predict, health: /healthz, protocol: vertex, model: score }',
    route('score', 'vertex'),
  );
  t.equal((await ask('POST', '/predict'))?.status, 200);
  t.same(asked(), ['POST /predict']);
  t.equal((await ask('GET', '/healthz', [], null))?.status, 200);
  t.same(asked(), ['GET /healthz']);
  for (const path of ['/predict/', '/predict/x', '/%70redict', '/healthz/']) {
    t.equal((await ask('POST', path))?.status, 404, path);
  }
  t.equal((await ask('GET', '/predict', [], null))?.status, 405);
  t.same(asked(), []);
});

test('Seldon Core 1 is served beneath the prefix of its ingress, and gets the feedback that is not about a decision', async (t) => {
  const { ask, asked, server } = await setUp(
    t,
    '{ prefix: /seldon/shop/ranker, protocol: seldon-v1, model: ranker }',
    route('ranker', 'seldon-v1'),
  );
  const base = '/seldon/shop/ranker/api/v1.0';
  t.equal((await ask('POST', `${base}/predictions`))?.status, 200);
  t.equal((await ask('GET', `${base}/metadata`, [], null))?.status, 200);
  t.equal((await ask('GET', `${base}/status/node`, [], null))?.status, 200);
  t.same(asked(), ['POST /api/v1.0/predictions', 'GET /api/v1.0/metadata', 'GET /api/v1.0/status/node']);
  t.equal((await ask('GET', `${base}/health/status`, [], null))?.status, 200);
  const json = 'Content-Type: application/json';
  const body = '{"reward":1,"response":{"meta":{"tags":{"team":"no token"}}}}';
  for (const path of [`${base}/feedback`, base.replace('v1.0', 'v0.1/feedback')]) {
    t.equal((await ask('POST', path, [json], body))?.status, 200);
  }
  t.same(
    server.received.map((request) => String(request.body)),
    [body, body],
  );
  t.same(asked(), ['POST /api/v1.0/feedback', 'POST /api/v0.1/feedback']);
  const direct = await ask('POST', '/api/v1.0/feedback', [json], body);
  t.equal(direct?.status, 400, 'nobody else takes it there');
  const counted = await ask('POST', `${base}/feedback`, [json, 'Makas-Decision: forged'], body);
  t.match(JSON.parse(String(counted?.body)), { status: { code: 403, reason: 'FORGED', status: 'FAILURE' } });
  for (const path of [`${base}/feedback`, '/api/v1.0/feedback']) {
    const broken = await ask('POST', path, [json], '{"reward":');
    t.match(JSON.parse(String(broken?.body)), { status: { code: 400, reason: 'BAD_BODY', status: 'FAILURE' } }, path);
    const text = await ask('POST', path, ['Content-Type: text/plain'], body);
    t.match(JSON.parse(String(text?.body)), { status: { code: 415, reason: 'BAD_REQUEST', status: 'FAILURE' } }, path);
  }
  const wrong = await ask('GET', `${base}/predictions`, [], null);
  t.match(JSON.parse(String(wrong?.body)), { status: { code: 405, status: 'FAILURE' } });
  t.same(asked(), []);
});

test('feedback for a Seldon deployment that has a whole host reaches it too', async (t) => {
  const { ask, asked } = await setUp(
    t,
    '{ host: ranker.example, protocol: seldon-v1, model: ranker }',
    route('ranker', 'seldon-v1'),
  );
  const host = ['Host: ranker.example', 'Content-Type: application/json'];
  t.equal((await ask('POST', '/api/v1.0/feedback', host, '{"reward":1}'))?.status, 200);
  t.same(asked(), ['POST /api/v1.0/feedback']);
  t.equal((await ask('POST', '/rewards', host, '[]'))?.status, 400);
  t.equal((await ask('POST', '/api/v1.0/feedback', host.slice(1), '{"reward":1}'))?.status, 400);
  t.same(asked(), []);
});

test('an app of Ray Serve gets what is beneath its prefix, by its own methods and with its headers', async (t) => {
  const { ask, asked, server } = await setUp(
    t,
    '{ prefix: /app, protocol: ray-serve, model: app }, { prefix: /rest, protocol: ray-serve, model: app, methods: [PUT, DELETE] }, { prefix: /one, protocol: ray-serve, model: one }',
    [route('app', 'ray-serve'), route('one', 'ray-app')].join('\n'),
  );
  t.equal((await ask('POST', '/app/a/b%20c?x=1', ['serve_multiplexed_model_id: M_1', 'X-Session-Id: s']))?.status, 200);
  t.match(server.received[0]?.rawHeaders.join('\n'), /(^|\n)serve_multiplexed_model_id\nM_1\n/);
  t.equal((await ask('GET', '/app', [], null))?.status, 200);
  t.equal((await ask('GET', '/app/', [], null))?.status, 200);
  t.equal((await ask('POST', '/app/v2/models/m/infer', ['seldon-model: x']))?.status, 200);
  t.same(asked(), ['POST /a/b%20c?x=1', 'GET /', 'GET /', 'POST /v2/models/m/infer']);

  const refused = await ask('PUT', '/app/a');
  t.match(refused, { status: 405 });
  t.equal(refused?.headers.get('allow'), 'GET, POST');
  t.match(refused?.headers.get('content-type'), /^text\/plain/);
  t.equal((await ask('PUT', '/rest/item/1', ['Content-Type: text/plain'], 'new'))?.status, 200);
  t.equal(String(server.received[0]?.body), 'new');
  t.equal((await ask('DELETE', '/rest/item/1', [], null))?.status, 200);
  t.equal((await ask('POST', '/rest/item/1'))?.status, 405);
  t.same(asked(), ['PUT /item/1', 'DELETE /item/1']);

  t.equal((await ask('GET', '/app/-/healthz', [], null))?.status, 200);
  t.same(asked(), ['GET /-/healthz'], 'the mount says which model is meant');
  t.equal((await ask('GET', '/one/-/healthz', [], null))?.status, 200);
  t.equal((await ask('GET', '/one/x', [], null))?.status, 200);
  t.same(asked(), ['GET /-/healthz', 'GET /apps/a/x'], 'the probe is beside the apps');
  for (const path of ['/app/-/routes', '/app/../rest/x', '/app/a//b', '/app/%2e%2e/x', '/apple', '/app/a%2Fb']) {
    t.equal((await ask('POST', path))?.status, 404, path);
  }
  t.same(asked(), []);
});

test('rewards and feedback are answered by Makas though an app of Ray Serve has the whole host', async (t) => {
  const { ask, asked } = await setUp(
    t,
    '{ host: ray.example, protocol: ray-serve, model: app }',
    route('app', 'ray-serve'),
  );
  const host = ['Host: ray.example', 'Content-Type: application/json'];
  t.equal((await ask('POST', '/anything', host))?.status, 200);
  t.same(asked(), ['POST /anything']);
  for (const path of ['/rewards', '/%72ewards']) t.equal((await ask('POST', path, host, '[]'))?.status, 400, path);
  t.equal((await ask('GET', '/rewards', host, null))?.headers.get('allow'), 'POST');
  t.same(asked(), []);
});

test('the probes of a mount with one model are about that model', async (t) => {
  const mounts = ['mlflow', 'translated', 'split', 'grpc'].map(
    (name) => `{ prefix: /${name}, protocol: mlflow, model: ${name} }`,
  );
  const { ask, asked, server } = await setUp(
    t,
    `${mounts.join(', ')}, { prefix: /sagemaker, protocol: sagemaker, model: mlflow }, { prefix: /any, protocol: mlflow, modelFrom: 'header:x-model' }`,
    [
      route('mlflow', 'mlflow'),
      route('translated', 'oip-renamed'),
      '  - { name: split, match: { model: split }, rules: [{ split: { mlflow: 1, oip-renamed: 99 } }] }',
    ].join('\n'),
    ({ url }, response) => {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '5' });
      response.end(url === '/version' ? '3.1.4' : 'ready');
    },
  );
  const statusOf = async (path: string, method = 'GET') => (await ask(method, path, [], null))?.status;
  for (const path of ['/mlflow/ping', '/mlflow/health', '/sagemaker/ping', '/split/ping']) {
    t.equal(await statusOf(path), 200, path);
  }
  t.equal(String((await ask('GET', '/mlflow/version', [], null))?.body), '3.1.4');
  t.same(asked(), ['GET /ping', 'GET /health', 'GET /ping', 'GET /ping', 'GET /version']);
  t.equal(await statusOf('/grpc/ping'), 404, 'no route has such a model');
  t.equal(await statusOf('/any/ping'), 200, 'no model is named');
  t.same(asked(), []);
  t.equal(await statusOf('/translated/ping'), 200);
  t.same(asked(), ['GET /v2/models/inner/ready']);
  await server.close();
  for (const path of ['/mlflow/ping', '/translated/ping', '/sagemaker/ping']) t.equal(await statusOf(path), 503, path);
  t.equal(await statusOf('/ping'), 200, 'that is of Makas');
});

test('a probe is translated like any question for readiness', async (t) => {
  let isReady = true;
  const { ask } = await setUp(
    t,
    '{ prefix: /a, protocol: mlflow, model: a }, { path: /p, health: /h, protocol: vertex, model: b }',
    [route('a', 'oip-renamed'), route('b', 'kserve-v1')].join('\n'),
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ name: 'inner', ready: isReady }));
    },
  );
  for (const path of ['/a/ping', '/a/health', '/h']) {
    isReady = true;
    const well = await ask('GET', path, [], null);
    t.equal(well?.status, 200, path);
    t.equal(String(well?.body), '\n', path);
    isReady = false;
    t.equal((await ask('GET', path, [], null))?.status, 503, path);
  }
});

test('OpenAI clients name the model in the body, and get the name that they know in answer and stream', async (t) => {
  const { ask, server } = await setUp(
    t,
    '{ prefix: /llm, protocol: openai }',
    route('chat', 'renamed'),
    (request, response) => {
      if (request.body.includes('"stream":true')) {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('data: {"model":"org/inner","choices":[]}\n\n');
        response.end('data: [DONE]\n\n');
      } else {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end('{"model":"org/inner","choices":[]}');
      }
    },
  );
  for (const path of ['/v1/chat/completions', '/openai/v1/completions', '/llm/v1/embeddings']) {
    const answer = await ask('POST', path, [], '{"model":"chat","messages":[{"model":"chat"}]}');
    t.equal(String(answer?.body), '{"model":"chat","choices":[]}', path);
  }
  t.same(
    server.received.map(({ url, body }) => `${url} ${String(body)}`),
    ['/v1/chat/completions', '/openai/v1/completions', '/v1/embeddings'].map(
      (path) => `${path} {"model":"org/inner","messages":[{"model":"chat"}]}`,
    ),
  );
  const stream = await ask('POST', '/v1/chat/completions', [], '{"model":"chat","stream":true}');
  t.equal(String(stream?.body), 'data: {"model":"chat","choices":[]}\n\ndata: [DONE]\n\n');

  const unknown = await ask('POST', '/v1/chat/completions', [], '{"model":"other"}');
  t.match(JSON.parse(String(unknown?.body)), { error: { type: 'not_found_error', code: 'route_not_found' } });
  const list = JSON.parse(String((await ask('GET', '/llm/v1/models', [], null))?.body)) as object;
  t.match(list, { object: 'list', data: [{ id: 'chat', object: 'model', owned_by: 'makas' }] });
  t.match(JSON.parse(String((await ask('GET', '/openai/v1/models/chat', [], null))?.body)), { id: 'chat' });
  t.equal((await ask('GET', '/openai/v1/models/other', [], null))?.status, 404);
});

test('seldon-model overrides the model of the path, and the path is written for it', async (t) => {
  const { ask, asked } = await setUp(
    t,
    '{ prefix: /x, protocol: oip }',
    [route('a', 'oip'), route('b', 'oip'), route('c', 'oip-renamed')].join('\n'),
  );
  const infer = async (path: string, model: string) =>
    (await ask('POST', path, [`Seldon-Model: ${model}`]))?.headers.get('makas-route');
  t.equal(await infer('/v2/models/a/infer', 'b'), 'b');
  t.equal(await infer('/v2/models/infer', 'b'), 'b');
  t.equal(await infer('/x/v2/models/a/versions/2/infer', 'c'), 'c');
  t.equal((await ask('GET', '/v2/models/a/ready', ['seldon-model: b'], null))?.headers.get('makas-route'), 'b');
  t.same(asked(), [
    'POST /v2/models/b/infer',
    'POST /v2/models/b/infer',
    'POST /v2/models/inner/versions/2/infer',
    'GET /v2/models/b/ready',
  ]);
  const unfit = await ask('POST', '/v2/models/a/infer', ['seldon-model: b/../c']);
  t.match(unfit, { status: 400 });
  t.equal(unfit?.headers.get('makas-error'), 'BAD_REQUEST');
  t.equal((await ask('POST', '/v2/models/infer'))?.headers.get('makas-error'), 'ROUTE_NOT_FOUND');
  t.same(asked(), []);
});

test('operations on a server are refused unless a route allows them', async (t) => {
  const { ask, asked } = await setUp(
    t,
    '{ prefix: /x }',
    [
      `  - { name: admin, match: { headers: { x-role: admin } }, allow: [repository, trace], rules: [{ backend: oip }] }`,
      `  - { name: all, rules: [{ backend: oip }] }`,
    ].join('\n'),
  );
  const operations = [
    ['POST', '/v2/repository/index'],
    ['POST', '/v2/repository/models/m/load'],
    ['POST', '/v2/repository/models/m/unload'],
    ['GET', '/v2/trace/setting'],
    ['POST', '/v2/models/m/trace/setting'],
  ] as const;
  const others = [
    ['POST', '/v2/logging'],
    ['GET', '/v2/logging'],
    ['GET', '/v2/systemsharedmemory/status'],
    ['POST', '/v2/cudasharedmemory/region/r/register'],
  ] as const;
  for (const [method, path] of [...operations, ...others]) {
    const answer = await ask(method, path, [], method === 'GET' ? null : '{}');
    t.equal(answer?.headers.get('makas-error'), 'PATH_NOT_FOUND', path);
    t.match(JSON.parse(String(answer?.body)), { error: /allow/ });
  }
  for (const [method, path] of others) {
    const answer = await ask(method, path, ['X-Role: admin'], method === 'GET' ? null : '{}');
    t.equal(answer?.headers.get('makas-error'), 'PATH_NOT_FOUND', path);
  }
  t.same(asked(), []);
  for (const [method, path] of operations) await ask(method, path, ['X-Role: admin'], method === 'GET' ? null : '{}');
  t.same(
    asked(),
    operations.map(([method, path]) => `${method} ${path}`),
  );
});

test('a reload changes the mounts', async (t) => {
  const { ask, asked, gateway, configOf } = await setUp(
    t,
    '{ prefix: /a, protocol: mlflow, model: wine }',
    route('wine', 'mlflow'),
  );
  t.equal((await ask('POST', '/a/invocations'))?.status, 200);
  await gateway.rewrite(configOf('{ prefix: /b, protocol: mlflow, model: wine }')(gateway.folder));
  t.equal((await ask('POST', '/a/invocations'))?.status, 404);
  t.equal((await ask('POST', '/b/invocations'))?.status, 200);
  t.same(asked(), ['POST /invocations', 'POST /invocations']);
  t.match(await gateway.ledger(), { started: 2, completed: 2 });
});

test('a client that waits for a word before its body gets it at a mount too', async (t) => {
  const { gateway, server } = await setUp(
    t,
    '{ prefix: /wine, protocol: mlflow, model: wine }',
    route('wine', 'mlflow'),
  );
  const client = await RawClient.connect(gateway.url);
  client.send('POST /wine/invocations HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n');
  t.equal((await client.answer())?.status, 100);
  client.send('{"a":1}');
  t.equal((await client.answer())?.status, 200);
  client.close();
  t.equal(String(server.received[0]?.body), '{"a":1}');
});
