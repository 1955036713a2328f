import { Buffer } from 'node:buffer';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';

import type { Test } from 'tap';

import { configHead, startGateway } from '../support/gateway.ts';
import { inferRequest, statusOf } from '../support/grpc.ts';
import { clientOf, startWith } from '../support/grpc-gateway.ts';
import { test } from '../support/lanes.ts';
import { type Answerer, type ReceivedRequest, startServer } from '../support/model-server.ts';
import { until } from '../support/traffic.ts';

function answerJson(body: object, status = 200): Answerer {
  const text = JSON.stringify(body);
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    response.end(text);
  };
}

async function setUp(t: Test, answerer: Answerer, rest: (url: string) => string, http = '') {
  const server = await startServer(answerer);
  t.teardown(() => server.close());
  const gateway = await startGateway((folder) => `${configHead(folder, http)}${rest(server.url)}`);
  t.teardown(() => gateway.close());
  const post = async (path: string, body: string | Buffer, headers: Record<string, string> = {}) => {
    const sent = { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } };
    const answer = await fetch(`${gateway.url}${path}`, sent as RequestInit);
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, text, json: () => JSON.parse(text) };
  };
  const last = (): ReceivedRequest => server.received.at(-1)!;
  return { server, gateway, post, last };
}

const OIP_ANSWER = {
  model_name: 'inner',
  id: 'a',
  outputs: [{ name: 'y', datatype: 'INT64', shape: [2], data: [1, 2] }],
};

test('a client of KServe V1 is answered by a server of the Open Inference Protocol', async (t) => {
  const { post, last } = await setUp(
    t,
    answerJson(OIP_ANSWER),
    (url) => `
backends: { m: { protocol: oip, endpoints: ['${url}'], model: inner, translation: { tensor: x, float: FP32 } } }
routes: [{ name: m, rules: [{ backend: m }] }]
`,
  );
  const answer = await post('/v1/models/outer:predict', '{"instances":[[9007199254740993,2],[3,4]]}');
  t.equal(answer.status, 200);
  t.equal(answer.text, '{"predictions":[1,2]}');
  t.equal(last().url, '/v2/models/inner/infer');
  t.match(last().body.toString(), /"name":"x".*"shape":\[2,2\].*9007199254740993/);
  const encoded = await post('/v1/models/outer:predict', gzipSync('{"instances":[[0.5]]}'), {
    'content-encoding': 'gzip',
  });
  t.equal(encoded.status, 200, encoded.text);
  t.match(last().body.toString(), /"datatype":"FP32".*0\.5/);
  t.equal(last().headers['content-encoding'], undefined);
  const event = await post('/v1/models/outer:predict', '{"instances":[1]}', { 'ce-specversion': '1.0' });
  t.match([event.status, event.json()], [400, { error: /CloudEvents/ }]);
  const bad = await post('/v1/models/outer:predict', '{"instances":[[1,2],[3]]}');
  t.equal(bad.status, 400);
  t.match(bad.json().error, /\[1\]|row|instances/i);
});

test('a client of the Open Inference Protocol is answered by a server of KServe V1, and knows its name', async (t) => {
  const { post, last } = await setUp(
    t,
    answerJson({ predictions: [[0.25, 0.75]] }),
    (url) => `
backends: { m: { protocol: kserve-v1, endpoints: ['${url}'], model: inner } }
routes: [{ name: m, rules: [{ backend: m }] }]
`,
  );
  const tensor = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1.5, 2] };
  const answer = await post('/v2/models/outer/infer', JSON.stringify({ id: 'q', inputs: [tensor] }));
  t.equal(answer.status, 200, answer.text);
  t.match(answer.json(), { model_name: 'outer', id: 'q', outputs: [{ shape: [1, 2], data: [0.25, 0.75] }] });
  t.equal(last().url, '/v1/models/inner:predict');
  t.equal(last().body.toString(), '{"instances":[[1.5,2]]}');
});

test('an error of the server comes in the form of the protocol of the client', async (t) => {
  const { post } = await setUp(
    t,
    answerJson({ error: 'no such tensor' }, 422),
    (url) => `
backends: { m: { protocol: oip, endpoints: ['${url}'] } }
routes: [{ name: m, rules: [{ backend: m }] }]
`,
  );
  const answer = await post('/v1/models/m:predict', '{"instances":[1]}');
  t.equal(answer.status, 422);
  t.same(answer.json(), { error: 'no such tensor' });
});

test('a Seldon client teaches a bandit with nothing but its own feedback', async (t) => {
  const seldon = answerJson({ data: { names: ['y'], ndarray: [[0.5]] }, meta: { puid: 'p', tags: { team: 'a' } } });
  const { gateway, post } = await setUp(
    t,
    seldon,
    (url) => `
backends:
  a: { protocol: seldon-v1, endpoints: ['${url}'] }
  b: { protocol: seldon-v1, endpoints: ['${url}'] }
routes:
  - name: ranker
    match: { model: ranker }
    rules: [{ name: live, bandit: { policy: thompson, arms: [a, b], reward: { kind: binary, wait: 10m } } }]
`,
    'mounts: [{ prefix: /seldon/shop/ranker, protocol: seldon-v1, model: ranker }]',
  );
  const request = { data: { ndarray: [[1, 2]] } };
  const prediction = await post('/seldon/shop/ranker/api/v1.0/predictions', JSON.stringify(request));
  t.equal(prediction.status, 200, prediction.text);
  const response = prediction.json();
  t.equal(response.meta.tags['makas-decision'], prediction.headers.get('makas-decision'));
  t.equal(response.meta.tags.team, 'a', 'what was there stays');
  const feedback = JSON.stringify({ request, response, reward: 1 });
  const taken = await post('/seldon/shop/ranker/api/v1.0/feedback', feedback);
  t.equal(taken.status, 200, taken.text);
  t.equal(taken.json().status.status, 'SUCCESS');
  t.equal((await post('/api/v1.0/feedback', feedback)).status, 200, 'sent again, counted once');
  await until('the reward is there', async () => {
    const { bandits } = (await (await fetch(`${gateway.adminUrl}/admin/bandits`)).json()) as {
      bandits: { arms: { count: number }[] }[];
    };
    return bandits[0]!.arms.reduce((sum, { count }) => sum + count, 0) === 1;
  });
  const nameless = await post('/api/v1.0/feedback', JSON.stringify({ request, reward: 1 }));
  t.equal(nameless.status, 400);
  t.match(nameless.json().status, { status: 'FAILURE', info: /meta\.tags/ });
  t.equal((await post('/api/v1.0/feedback', JSON.stringify({ response }))).status, 400, 'a reward is needed');
});

test('the decision token stands in the answer where the route says so', async (t) => {
  const { post, last } = await setUp(
    t,
    answerJson(OIP_ANSWER),
    (url) => `
backends: { a: { protocol: oip, endpoints: ['${url}'] }, b: { protocol: oip, endpoints: ['${url}'] } }
routes:
  - name: m
    decisionParameter: decision
    rules: [{ name: live, bandit: { policy: thompson, arms: [a, b], reward: { kind: binary, wait: 10m } } }]
`,
  );
  const answer = await post('/v2/models/m/infer', '{"inputs":[]}', { 'accept-encoding': 'gzip' });
  t.equal(answer.json().parameters.decision, answer.headers.get('makas-decision'));
  t.equal(Number(answer.headers.get('content-length')), answer.text.length);
  t.equal(last().headers['accept-encoding'], 'identity', 'nothing can be added to what is compressed');
});

test('the decision token stands in an answer that the server compressed unasked', async (t) => {
  const { post } = await setUp(
    t,
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
      response.end(gzipSync('{"outputs":[],"parameters":{"decision":"of the server"}}'));
    },
    (url) => `
backends: { a: { protocol: oip, endpoints: ['${url}'] }, b: { protocol: oip, endpoints: ['${url}'] } }
routes:
  - name: m
    decisionParameter: decision
    rules: [{ name: live, bandit: { policy: thompson, arms: [a, b], reward: { kind: binary, wait: 10m } } }]
`,
  );
  const answer = await post('/v2/models/m/infer', '{"inputs":[]}');
  const token = answer.headers.get('makas-decision');
  t.equal(answer.text, `{"outputs":[],"parameters":{"decision":"${token}"}}`, 'once, in place of what was there');
  t.equal(answer.headers.get('content-encoding'), null);
});

test('a client that sends x-seldon-route back stays on its arm', async (t) => {
  const { post } = await setUp(
    t,
    answerJson(OIP_ANSWER),
    (url) => `
backends: { a: { protocol: oip, endpoints: ['${url}'] }, b: { protocol: oip, endpoints: ['${url}'] } }
routes:
  - { name: m, seldonRoute: true, expose: true, rules: [{ split: { a: 50, b: 50 } }] }
`,
  );
  const seen = new Set<string>();
  for (let i = 0; i < 40; i++) seen.add((await post('/v2/models/m/infer', '{}')).headers.get('x-seldon-route')!);
  t.same([...seen].sort(), [':a:', ':b:']);
  for (let i = 0; i < 20; i++) {
    const pinned = await post('/v2/models/m/infer', '{}', { 'x-seldon-route': ':b:' });
    t.equal(pinned.headers.get('makas-backend'), 'b');
  }
});

test('a stream that breaks ends with an event that says so; one that ends has its tokens timed', async (t) => {
  const stream: Answerer = ({ body }, response) => {
    const isBroken = body.includes('break');
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {"model":"inner","choices":[{"delta":{"content":"a"}}]}\n\n');
    setTimeout(() => {
      response.write('data: {"model":"inner","choices":[{"delta":{"content":"b"}}]}\n\n');
      setTimeout(() => (isBroken ? response.destroy() : response.end('data: [DONE]\n\n')), 20);
    }, 20);
  };
  const { gateway, post } = await setUp(
    t,
    stream,
    (url) => `
backends: { llm: { protocol: openai, endpoints: ['${url}'], model: inner } }
routes: [{ name: chat, match: { model: chat }, rules: [{ backend: llm }] }]
`,
  );
  const ask = (user: string) => post('/v1/chat/completions', JSON.stringify({ model: 'chat', stream: true, user }));
  const events = (await ask('break')).text.split('\n\n').filter((event) => event !== '');
  t.equal(events.length, 3);
  t.match(JSON.parse(events[0]!.slice('data: '.length)), { model: 'chat' });
  t.match(JSON.parse(events[2]!.slice('data: '.length)), { error: { message: /.+/ } });
  t.match((await ask('end')).text, /"content":"b".*\n\ndata: \[DONE\]\n\n$/);
  const first = 'makas_time_to_first_token_seconds_count{route="chat",backend="llm"}';
  await until('the tokens are counted', async () => (await gateway.metric(first)) === 1);
  t.equal(await gateway.metric('makas_time_per_output_token_seconds_count{route="chat",backend="llm"}'), 1);
});

const bomb = gzipSync(Buffer.alloc(4_000_000, ' '));

test('the model is renamed in a compressed body of an OpenAI client, which leaves plain', async (t) => {
  const { post, last } = await setUp(
    t,
    answerJson({ model: 'inner' }),
    (url) => `
limits: { body: 1MiB }
backends: { llm: { protocol: openai, endpoints: ['${url}'], model: inner } }
routes: [{ name: chat, match: { model: chat }, rules: [{ backend: llm }] }]
`,
  );
  const ask = (body: Buffer, encoding: string) => post('/v1/chat/completions', body, { 'content-encoding': encoding });
  for (const [encoding, compress] of [
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
  ] as const) {
    t.equal((await ask(compress('{"model":"chat"}'), encoding)).status, 200, encoding);
    t.equal(last().body.toString(), '{"model":"inner"}', encoding);
    t.equal(last().headers['content-encoding'], undefined, encoding);
  }
  const refused = await ask(bomb, 'gzip');
  t.equal(refused.status, 413);
  t.match(refused.json(), { error: { code: 'body_too_large' } });
  for (const [body, encoding] of [
    [Buffer.from('damaged'), 'gzip'],
    [Buffer.from('{"model":"chat"}'), 'zstd'],
  ] as const) {
    const answer = await ask(body, encoding);
    t.equal(answer.status, 400, encoding);
    t.match(answer.json(), { error: { message: /cannot be decoded.*gzip, deflate or br/ } }, encoding);
  }
});

test('a compressed body that would be too large is not translated but refused as such', async (t) => {
  const { post } = await setUp(
    t,
    answerJson(OIP_ANSWER),
    (url) => `
limits: { body: 1MiB }
backends: { m: { protocol: oip, endpoints: ['${url}'], model: inner } }
routes: [{ name: m, rules: [{ backend: m }] }]
`,
  );
  const ask = (body: Buffer) => post('/v1/models/outer:predict', body, { 'content-encoding': 'gzip' });
  t.equal((await ask(bomb)).status, 413);
  const damaged = await ask(Buffer.from('damaged'));
  t.equal(damaged.status, 400);
  t.match(damaged.json().error, /cannot be decoded.*gzip, deflate or br/);
});

test('the events of the Responses API have the name that the client knows', async (t) => {
  const { post } = await setUp(
    t,
    (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end('data: {"type":"response.created","response":{"id":"r","model":"inner"}}\n\n');
    },
    (url) => `
backends: { llm: { protocol: openai, endpoints: ['${url}'], model: inner } }
routes: [{ name: chat, match: { model: chat }, rules: [{ backend: llm }] }]
`,
  );
  const answer = await post('/v1/responses', '{"model":"chat","stream":true}');
  t.equal(answer.text, 'data: {"type":"response.created","response":{"id":"r","model":"chat"}}\n\n');
});

test('a stream for a server of another protocol is refused as such, whatever its size', async (t) => {
  const gateway = await startWith({
    backends: '  rest: { protocol: oip, endpoints: ["http://127.0.0.1:1"] }',
    routes: '  - { name: all, rules: [{ name: only, backend: rest }] }',
  });
  const client = clientOf(gateway);
  t.teardown(async () => {
    client.close();
    await gateway.close();
  });
  const stream = client.stream('ModelStreamInfer');
  const done = statusOf(stream);
  stream.write(inferRequest('m', '1'));
  stream.end();
  t.match((await done).details, /Streams are not translated.*protocol oip/);
});
