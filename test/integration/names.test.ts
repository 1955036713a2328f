import { Buffer } from 'node:buffer';
import { brotliCompressSync, gzipSync } from 'node:zlib';

import type { Test } from 'tap';

import { oneRoute, startGateway, type OneRoute, type TestGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { startServer, type Answerer } from '../support/model-server.ts';
import { RawClient, rawRequest, sendRaw } from '../support/raw-client.ts';

async function setUp(t: Test, more: OneRoute, answerer: Answerer = (_request, response) => void response.end('{}')) {
  const server = await startServer(answerer);
  const gateway = await startGateway(oneRoute([`${server.url}/inner/`], more));
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  const paths = async (...asked: string[]): Promise<string[]> => {
    for (const path of asked) {
      const isPost = /infer|:predict|:explain/.test(path);
      await sendRaw(gateway.url, rawRequest(path, isPost ? '{}' : null));
    }
    return server.received.splice(0).map(({ url }) => url);
  };
  return { server, gateway, paths };
}

function answering(type: string, body: string | Uint8Array, more: Record<string, string> = {}, status = 200): Answerer {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': type, ...more });
    response.end(body);
  };
}

async function infer(gateway: TestGateway, path = '/v2/models/public/infer') {
  const answer = await sendRaw(gateway.url, rawRequest(path));
  if (answer === null) throw new Error('no answer');
  return answer;
}

test("the backend's model and version take the place of the client's in every path", async (t) => {
  const { paths } = await setUp(t, { backend: 'model: inner modelé' });
  const name = 'inner%20model%C3%A9';
  t.strictSame(
    await paths(
      '/v2/models/public/infer?a=1',
      '/v2/models/public/versions/7/infer',
      '/v2/models/public',
      '/v2/models/public/ready',
      '/v2/models/public/versions/7',
    ),
    [
      `/inner/v2/models/${name}/infer?a=1`,
      `/inner/v2/models/${name}/versions/7/infer`,
      `/inner/v2/models/${name}`,
      `/inner/v2/models/${name}/ready`,
      `/inner/v2/models/${name}/versions/7`,
    ],
  );
});

test('a version of the backend goes into the path, the name of the client stays', async (t) => {
  const { paths } = await setUp(t, { backend: "version: '3'" });
  t.strictSame(await paths('/v2/models/m%2Bx/infer', '/v2/models/m/versions/7/ready'), [
    '/inner/v2/models/m%2Bx/versions/3/infer',
    '/inner/v2/models/m/versions/3/ready',
  ]);
});

test('KServe V1 paths are mapped too', async (t) => {
  const { server } = await setUp(t, {});
  const gateway = await startGateway((folder) =>
    oneRoute([server.url], { backend: 'model: inner' })(folder).replace('protocol: oip', 'protocol: kserve-v1'),
  );
  t.teardown(() => gateway.close());
  for (const [path, body] of [
    ['/v1/models/public:predict', '{"instances":[]}'],
    ['/v1/models/public:explain', '{"instances":[]}'],
    ['/v1/models/public', null],
  ] as const)
    await sendRaw(gateway.url, rawRequest(path, body));
  t.strictSame(
    server.received.map(({ url }) => url),
    ['/v1/models/inner:predict', '/v1/models/inner:explain', '/v1/models/inner'],
  );
});

test('the prefix of the listener is removed, and nothing else is taken for it', async (t) => {
  const { paths, gateway } = await setUp(t, { http: 'prefix: /team/a' });
  t.strictSame(await paths('/team/a/v2/models/m/infer'), ['/inner/v2/models/m/infer']);
  for (const path of [
    '/v2/models/m/infer',
    '/team/%61/v2/models/m/infer',
    '/team/a/../a/v2/models/m/infer',
    '/team/b/v2/models/m/infer',
    '/team/a//v2/models/m/infer',
    '/team/av2/models/m/infer',
  ])
    t.equal((await infer(gateway, path)).status, 404, path);
  t.strictSame(await paths(), []);
});

test('a target in absolute form is served like its path, whatever its authority', async (t) => {
  const { paths, server } = await setUp(t, {});
  t.strictSame(await paths('http://other.example:99/v2/models/m/infer?x=1', 'HTTP://h/v2/models/m/ready'), [
    '/inner/v2/models/m/infer?x=1',
    '/inner/v2/models/m/ready',
  ]);
  t.equal(server.received.length, 0);
});

test('names inside the request are mapped to those of the backend, no other byte changes', async (t) => {
  const { server, gateway } = await setUp(t, { backend: 'model: a-longer-name' });
  const body = '{ "model_name" : "public","inputs":[NaN], "note":"public" ,"x":{"model_name":"public"}}';
  await sendRaw(gateway.url, rawRequest('/v2/models/public/infer', body));
  t.equal(server.received[0]?.body.toString(), body.replace('"public"', '"a-longer-name"'));
  t.equal(server.received[0]?.headers['content-length'], String(server.received[0]?.body.length));
  const tail = Buffer.from([0, 1, 255]);
  const json = '{"model_name":"public","inputs":[]}';
  await sendRaw(
    gateway.url,
    rawRequest('/v2/models/public/infer', Buffer.concat([Buffer.from(json), tail]), [
      `Inference-Header-Content-Length: ${json.length}`,
    ]),
  );
  const mapped = json.replace('public', 'a-longer-name');
  t.equal(server.received[1]?.headers['inference-header-content-length'], String(mapped.length));
  t.ok(server.received[1]?.body.equals(Buffer.concat([Buffer.from(mapped), tail])));
});

test('names inside the answer are mapped back: infer, metadata, readiness', async (t) => {
  const bodies = [
    '{"model_name":"inner","model_version":"1", "outputs":[NaN,"inner"]}',
    '{"name":"inner","versions":["1"],"inputs":[{"name":"inner"}]}',
    '{"name":"inner","ready":true}',
  ];
  let next = 0;
  const { gateway } = await setUp(t, { backend: 'model: inner' }, (request, response) =>
    answering('application/json; charset=utf-8', bodies[next]!)(request, response),
  );
  for (const path of ['/v2/models/public-name/infer', '/v2/models/public-name', '/v2/models/public-name/ready']) {
    const answer = await sendRaw(gateway.url, rawRequest(path, path.endsWith('infer') ? '{}' : null));
    t.equal(answer?.body.toString(), bodies[next]!.replace('"inner"', '"public-name"'), path);
    next++;
  }
});

test('the JSON part of a binary answer is mapped, its header recomputed, its tensors untouched', async (t) => {
  const json = '{"model_name":"inner","outputs":[{"name":"y","parameters":{"binary_data_size":4}}]}';
  const tail = Buffer.from([0, 255, 34, 123]);
  const { gateway } = await setUp(
    t,
    { backend: 'model: inner' },
    answering('application/octet-stream', Buffer.concat([Buffer.from(json), tail]), {
      'Inference-Header-Content-Length': String(json.length),
    }),
  );
  const answer = await infer(gateway);
  const mapped = json.replace('"inner"', '"public"');
  t.equal(answer.headers.get('inference-header-content-length'), String(mapped.length));
  t.equal(answer.headers.get('content-length'), String(mapped.length + tail.length));
  t.ok(answer.body.equals(Buffer.concat([Buffer.from(mapped), tail])));
});

test('answers that are errors, no JSON document or have no such name pass untouched', async (t) => {
  const answers: Answerer[] = [
    answering('application/json', '{"model_name":"inner","error":"inner is ill"}', {}, 500),
    answering('application/json', '{"name":"inner"}'),
    answering('application/x-ndjson', '{"model_name":"inner"}\n{"model_name":"inner"}\n'),
    answering('text/plain', '{"model_name":"inner"}'),
    answering('application/json', '{"model_name":"other"}'),
    answering('application/json', '{"model_name":"inner"'),
    answering('application/json', '{"model_name":"inner"}', { 'inference-header-content-length': '9999' }),
  ];
  const seen: string[] = [];
  for (const answerer of answers) {
    const { gateway } = await setUp(t, { backend: 'model: inner' }, answerer);
    seen.push((await infer(gateway)).body.toString());
  }
  t.strictSame(seen, [
    '{"model_name":"inner","error":"inner is ill"}',
    '{"name":"inner"}',
    '{"model_name":"inner"}\n{"model_name":"inner"}\n',
    '{"model_name":"inner"}',
    '{"model_name":"other"}',
    '{"model_name":"inner"',
    '{"model_name":"inner"}',
  ]);
});

test('an answer that is compressed unasked is decoded to be mapped, and refused where that cannot be', async (t) => {
  const json = '{"model_name":"inner","outputs":[]}';
  for (const [encoding, body, status] of [
    ['gzip', gzipSync(json), 200],
    ['br', brotliCompressSync(json), 200],
    ['gzip', Buffer.from(json), 502],
    ['zstd', Buffer.from(json), 502],
    ['gzip', gzipSync(Buffer.alloc(2_000_000, ' ')), 502],
  ] as const) {
    const answerer = answering('application/json', body, { 'content-encoding': encoding });
    const { gateway } = await setUp(t, { backend: 'model: inner', limits: 'body: 1MiB' }, answerer);
    const answer = await infer(gateway);
    t.equal(answer.status, status, encoding);
    t.notMatch(answer.body.toString(), /inner/, 'the name is none of the client');
    if (status !== 200) continue;
    t.equal(answer.body.toString(), json.replace('inner', 'public'));
    t.equal(answer.headers.get('content-encoding'), undefined);
    t.equal(answer.headers.get('content-length'), String(answer.body.length));
  }
});

test('JSON that has no name by its protocol is not held', async (t) => {
  let finish = (): void => {};
  const server = await startServer(({ url }, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"name":"inner",');
    finish = () => response.end('"predictions":[]}');
    if (url.startsWith('/v2')) finish();
  });
  const gateway = await startGateway((folder) =>
    oneRoute([server.url], { backend: 'model: inner' })(folder).replace('protocol: oip', 'protocol: kserve-v1'),
  );
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  const client = await RawClient.connect(gateway.url);
  client.send(rawRequest('/v1/models/public:predict', '{"instances":[]}'));
  t.ok(await client.until(() => client.rest.includes('{"name":"inner",')), 'its beginning came before its end');
  finish();
  t.equal((await client.answer())?.body.toString(), '{"name":"inner","predictions":[]}');
  client.close();
});

test('metadata of TF Serving names the model as the client does', async (t) => {
  const server = await startServer(
    answering('application/json', '{"model_spec":{"name":"inner","version":"1"},"metadata":{}}'),
  );
  const gateway = await startGateway((folder) =>
    oneRoute([server.url], { backend: 'model: inner' })(folder).replace('protocol: oip', 'protocol: tfserving'),
  );
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  const answer = await sendRaw(gateway.url, rawRequest('/v1/models/public/metadata', null));
  t.equal(answer?.body.toString(), '{"model_spec":{"name":"public","version":"1"},"metadata":{}}');
});

test('a question about all models stays one, whatever the backend calls its own', async (t) => {
  const { paths } = await setUp(t, { backend: 'model: inner', route: 'allow: [trace]' });
  t.strictSame(await paths('/v2/models/stats', '/v2/trace/setting', '/v2/models/m/stats'), [
    '/inner/v2/models/stats',
    '/inner/v2/trace/setting',
    '/inner/v2/models/inner/stats',
  ]);
});

test('a backend whose answers are mapped is not asked to compress them', async (t) => {
  const { server, gateway } = await setUp(t, { backend: 'model: inner' });
  await sendRaw(gateway.url, rawRequest('/v2/models/public/infer', '{}', ['Accept-Encoding: gzip']));
  t.equal(server.received[0]?.headers['accept-encoding'], undefined);
});

test('names that mean something to a path are refused before any server sees them', async (t) => {
  const { paths, gateway } = await setUp(t, { backend: 'model: inner' });
  for (const name of ['..', '%2e%2e', '.', 'a%2fb', 'a%5cb', 'a%00', '%ff', '%zz', 'a%0d%0ax', ''])
    t.match((await infer(gateway, `/v2/models/${name}/infer`)).status, /^40[04]$/, name);
  t.strictSame(await paths(), []);
});
