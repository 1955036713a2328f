import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';

import { type Metadata, status } from '@grpc/grpc-js';
import type { Test } from 'tap';

import {
  GrpcClient,
  inferBytes,
  inferRequest,
  inferResponse,
  type Message,
  reader,
  startModel,
  statusOf,
} from '../support/grpc.ts';
import { startGateway } from '../support/gateway.ts';
import { clientOf, grpcConfig, startGrpcGateway, startWith } from '../support/grpc-gateway.ts';
import { modelInferRequest } from '../support/grpc-protos.ts';
import { test } from '../support/lanes.ts';
import { answerOf, frame, Http2Client, startHttp2Server } from '../support/http2.ts';
import { until } from '../support/traffic.ts';

/** The side of a stream that a model has. */
interface ModelStream {
  readonly metadata: Metadata;
  on(event: 'data', listener: (message: Message) => void): this;
  on(event: 'end' | 'cancelled' | 'drain', listener: () => void): this;
  write(message: Message): boolean;
  end(): void;
  emit(event: 'error', error: object): boolean;
}

async function setUp(
  t: Test,
  onStream: (call: ModelStream) => void,
  more: Parameters<typeof startGrpcGateway>[1] = {},
) {
  const model = await startModel({ ModelStreamInfer: onStream });
  const gateway = await startGrpcGateway([model.url], more);
  const client = clientOf(gateway);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    model.close();
  });
  return { model, gateway, client };
}

/** Answers each message with another one. */
function echo(call: ModelStream): void {
  call.on('data', (message) =>
    call.write({ infer_response: inferResponse(String(message['model_name']), String(message['id'])) }),
  );
  call.on('end', () => call.end());
}

function idOf(message: Message | null): unknown {
  return (message?.['infer_response'] as Message | undefined)?.['id'];
}

test('messages flow both ways while the stream is open, in their order', async (t) => {
  const { client, gateway } = await setUp(t, echo);
  const stream = client.stream('ModelStreamInfer');
  const next = reader(stream);
  for (let i = 0; i < 20; i++) {
    stream.write(inferRequest('m', `${i}`));
    t.equal(idOf(await next()), `${i}`, 'answered before the next one is sent');
  }
  const done = statusOf(stream);
  stream.end();
  t.equal(await next(), null);
  t.equal((await done).code, status.OK);
  await until('it is counted', async () => (await gateway.ledger()).completed === 1);
});

test('the token of a bandit does not hold up a stream, though answers of other calls have it as a parameter', async (t) => {
  const model = await startModel({ ModelStreamInfer: echo });
  const gateway = await startWith({
    backends: `  a: { protocol: oip-grpc, endpoints: ["${model.url}"], model: inner }
  b: { protocol: oip-grpc, endpoints: ["${model.url}"], model: inner }`,
    routes: `  - name: all
    decisionParameter: decision
    rules: [{ bandit: { policy: thompson, arms: [a, b], reward: { kind: binary } } }]`,
  });
  const client = clientOf(gateway);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    model.close();
  });
  const stream = client.stream('ModelStreamInfer');
  const next = reader(stream);
  for (let i = 0; i < 3; i++) {
    stream.write(inferRequest('outer', `${i}`));
    const answer = (await next()) as { infer_response: Message };
    t.match(answer['infer_response'], { model_name: 'outer', id: `${i}` }, 'answered before the next one is sent');
  }
  stream.end();
  t.equal((await statusOf(stream)).code, status.OK);
});

test('names are mapped in every message, and a version is set', async (t) => {
  const seen: unknown[] = [];
  const { client } = await setUp(
    t,
    (call) => {
      call.on('data', (message) => seen.push([message['model_name'], message['model_version']]));
      echo(call);
    },
    { backend: 'model: inner, version: "3"' },
  );
  const stream = client.stream('ModelStreamInfer');
  const next = reader(stream);
  for (const model of ['outer', 'outer', '']) stream.write(inferRequest(model));
  const names = [await next(), await next(), await next()].map((message) => {
    return (message as { infer_response: Message })['infer_response']['model_name'];
  });
  stream.end();
  await statusOf(stream);
  t.strictSame(seen, Array(3).fill(['inner', '3']), 'a message without a name is for the model of the first one');
  t.strictSame(names, ['outer', 'outer', 'outer']);
});

test('a client that resets the stream cancels it at the model', async (t) => {
  let isCancelled = false;
  const { client, gateway } = await setUp(t, (call) => {
    call.on('cancelled', () => (isCancelled = true));
    echo(call);
  });
  const stream = client.stream('ModelStreamInfer');
  const next = reader(stream);
  stream.write(inferRequest('m', 'a'));
  t.equal(idOf(await next()), 'a');
  stream.cancel();
  await until('the model heard of it', () => isCancelled);
  await until('it is counted', async () => (await gateway.ledger()).aborted === 1);
});

test('a status that the model ends a stream with reaches the client, though the client is not done', async (t) => {
  const { client } = await setUp(t, (call) => {
    call.on('data', () => call.emit('error', { code: status.RESOURCE_EXHAUSTED, details: 'enough' }));
  });
  const stream = client.stream('ModelStreamInfer');
  stream.on('data', () => {});
  stream.write(inferRequest('m'));
  const { code, details } = await statusOf(stream);
  t.equal(code, status.RESOURCE_EXHAUSTED);
  t.equal(details, 'enough');
});

test('a stream ends with the deadline of its rule', async (t) => {
  const { client, gateway } = await setUp(t, echo, { rule: 'timeout: 200ms' });
  const stream = client.stream('ModelStreamInfer');
  const next = reader(stream);
  stream.write(inferRequest('m', 'a'));
  t.equal(idOf(await next()), 'a');
  t.equal((await statusOf(stream)).code, status.DEADLINE_EXCEEDED);
  await until('nothing is under way', async () => (await gateway.ledger()).inflight === 0);
});

const MESSAGE = frame(
  modelInferRequest.encode({
    model_name: 'm',
    inputs: [{ name: 'x', datatype: 'UINT8', shape: ['1048576'] }],
    raw_input_contents: [Buffer.alloc(1 << 20)],
  }),
);
const TOTAL = 50;
const STREAM = '/inference.GRPCInferenceService/ModelStreamInfer';

/** Writes messages as fast as they are taken, and ends; returns how many that were so far. */
function writeAll(stream: Writable): () => number {
  let written = 0;
  const more = (): void => {
    while (written < TOTAL) {
      written++;
      if (!stream.write(MESSAGE)) return;
    }
    stream.end();
    stream.off('drain', more);
  };
  stream.on('drain', more);
  more();
  return () => written;
}

async function untilHeld(count: () => number): Promise<void> {
  let before = -1;
  await until('nothing more is written', () => before === (before = count()), 10_000, 200);
}

test('a client that does not read holds the model', async (t) => {
  let count = (): number => 0;
  const server = await startHttp2Server(({ stream }) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    count = writeAll(stream);
  });
  const gateway = await startGrpcGateway([server.url]);
  const client = new Http2Client(gateway.grpcUrl);
  const stream = client.begin(STREAM);
  stream.end(frame(inferBytes('m')));
  await until('it has begun', () => count() > 0);
  await untilHeld(() => count());
  t.ok(count() < TOTAL / 2, `${count()} MiB were written`);
  const answer = await answerOf(stream);
  t.equal(answer.body.length, TOTAL * MESSAGE.length);
  t.equal(answer.trailers?.['grpc-status'], '0');
  client.close();
  await gateway.close();
  await server.close();
});

test('a model that does not read holds the client', async (t) => {
  const server = await startHttp2Server(({ stream, ended }) => {
    stream.pause();
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    void ended.then(() => stream.end());
  });
  const gateway = await startGrpcGateway([server.url]);
  const client = new Http2Client(gateway.grpcUrl);
  const stream = client.begin(STREAM);
  const answer = answerOf(stream);
  const first = frame(inferBytes('m'));
  stream.write(first);
  const count = writeAll(stream);
  await until('it is open', () => server.received.length === 1);
  await untilHeld(count);
  t.ok(count() < TOTAL / 2, `${count()} MiB were sent`);
  server.received[0]!.stream.resume();
  t.equal((await answer).trailers?.['grpc-status'], '0');
  t.equal(server.received[0]!.body().length, first.length + TOTAL * MESSAGE.length);
  client.close();
  await gateway.close();
  await server.close();
});

test('rules look at the first message of a stream, compressed or not', async (t) => {
  const model = await startModel({ ModelStreamInfer: echo });
  const gateway = await startWith({
    backends: `  a: { protocol: oip-grpc, endpoints: ["${model.url}"] }
  b: { protocol: oip-grpc, endpoints: ["${model.url}"] }`,
    routes: `  - name: all
    expose: true
    rules:
      - { name: gold, when: { body: { parameters.tier: gold } }, backend: b }
      - { name: cel, when: 'body.id == "x"', backend: b }
      - { name: rest, backend: a }`,
  });
  const plain = clientOf(gateway);
  const zipped = new GrpcClient(gateway.grpcUrl, undefined, { 'grpc.default_compression_algorithm': 2 });
  t.teardown(async () => {
    plain.close();
    zipped.close();
    await gateway.close();
    model.close();
  });
  const values = Array.from({ length: 500 }, () => 1);
  const tier = { parameters: { tier: { string_param: 'gold' } } };
  for (const client of [plain, zipped]) {
    const backendOf = async (first: Message): Promise<string> => {
      const stream = client.stream('ModelStreamInfer');
      const head = new Promise<Metadata>((resolve) => stream.once('metadata', resolve));
      const next = reader(stream);
      stream.write(first);
      await next();
      const ended = statusOf(stream);
      stream.write({ ...inferRequest('m', 'x', values), ...tier });
      stream.end();
      t.equal((await ended).code, status.OK);
      return String((await head).get('makas-backend')[0]);
    };
    t.equal(await backendOf({ ...inferRequest('m', '1', values), ...tier }), 'b');
    t.equal(await backendOf(inferRequest('m', 'x', values)), 'b');
    t.equal(await backendOf(inferRequest('m', '1', values)), 'a');
  }
});

test('a stream gets no features, and no shadow', async (t) => {
  const model = await startModel({ ModelStreamInfer: echo });
  const gateway = await startGateway((folder) => {
    const path = join(folder, 'flower.jsonl');
    writeFileSync(path, '{"flower_id":"a","length":1}\n');
    return grpcConfig({
      more: `features:
  flower:
    provider: embedded
    path: ${JSON.stringify(path)}
    keyField: flower_id
    entity: { flower_id: { from: 'body:id' } }
    fields: { length: float }
    into: { tensor: petals, datatype: FP32 }`,
      backends: `  a: { protocol: oip-grpc, endpoints: ["${model.url}"] }`,
      routes: `  - { name: more, match: { model: more }, rules: [{ backend: a, enrich: [flower] }] }
  - { name: all, rules: [{ backend: a, shadow: [{ backend: a }] }] }`,
    })(folder);
  });
  const client = new GrpcClient(gateway.app.grpcUrl!);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    model.close();
  });
  const call = (name: string) => {
    const stream = client.stream('ModelStreamInfer');
    const ended = statusOf(stream);
    stream.on('data', () => {});
    stream.end(inferRequest(name, 'a'));
    return ended;
  };
  const refused = await call('more');
  t.equal(refused.code, status.INVALID_ARGUMENT);
  t.match(refused.details, /not a stream/);
  t.equal((await call('m')).code, status.OK);
  t.match(await gateway.metrics(), /makas_shadow_dropped_total\{[^}]*reason="streamed"\} 1/);
});

test('a message of a stream that is too long, is none or is cut short ends its call, and no other', async (t) => {
  const server = await startHttp2Server(({ stream }) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.on('data', () => stream.write(frame(Buffer.from('a'))));
    stream.on('error', () => {});
  });
  const gateway = await startGrpcGateway([server.url], { more: 'limits: { body: 64KiB }' });
  const client = new Http2Client(gateway.grpcUrl);
  const other = client.begin(STREAM);
  other.write(frame(inferBytes('m')));
  await until('it is open', () => server.received.length === 1);
  const long = frame(Buffer.alloc(65 * 1024));
  const cases: readonly (readonly [code: status, ...pieces: Buffer[]])[] = [
    [status.RESOURCE_EXHAUSTED, long],
    [status.RESOURCE_EXHAUSTED, Buffer.from([0, 0, 1]), Buffer.from([0, 1])],
    [status.INTERNAL, Buffer.from([2, 0, 0, 0, 0])],
    [status.INTERNAL, Buffer.from([0, 0, 0, 0, 9, 1])],
  ];
  for (const [code, ...pieces] of cases) {
    const before = server.received.length;
    const stream = client.begin(STREAM);
    const answer = answerOf(stream);
    stream.write(frame(inferBytes('m')));
    await until('it was answered', () => server.received.length > before);
    for (const piece of pieces) stream.write(piece);
    if (code === status.INTERNAL) stream.end();
    t.equal((await answer).trailers?.['grpc-status'], String(code));
    await until('the model heard of it', () => server.received.at(-1)!.stream.destroyed);
  }
  t.notOk(server.received[0]!.stream.destroyed);
  t.notOk(client.session.destroyed);
  await until('all is counted', async () => (await gateway.ledger()).inflight === 1);
  t.match(await gateway.metrics(), /makas_errors_total\{code="BODY_TOO_LARGE"\} 2/);
  other.close();
  client.close();
  await gateway.close();
  await server.close();
});

test('services of users pass through: unary calls and streams, by the app that their metadata names', async (t) => {
  const server = await startHttp2Server(({ stream, headers, ended, body }) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    if (headers[':path'] === '/user.App/Speak') stream.write(frame(Buffer.from('first')));
    void ended.then(() => stream.end(body()));
  });
  const gateway = await startWith({
    grpc: 'services: [user.App]',
    backends: `  app: { protocol: ray-serve-grpc, endpoints: ["${server.url}"] }`,
    routes: '  - { name: app, match: { model: one }, rules: [{ backend: app, shadow: [{ backend: app }] }] }',
  });
  const client = new Http2Client(gateway.grpcUrl);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    await server.close();
  });
  const app = { application: 'one' };
  const unary = await client.send('/user.App/Call', frame(Buffer.from('hello')), app);
  t.equal(unary.trailers?.['grpc-status'], '0');
  t.strictSame(unary.body, frame(Buffer.from('hello')));
  await until('the shadow got a copy of it', () => server.received.length === 2);
  const speaking = client.begin('/user.App/Speak', app);
  const answer = answerOf(speaking);
  let isFirst = false;
  speaking.once('data', (chunk: Buffer) => (isFirst = chunk.equals(frame(Buffer.from('first')))));
  await until('the server has the first word', () => isFirst);
  speaking.end(Buffer.concat([frame(Buffer.from('a')), frame(Buffer.from('b'))]));
  t.equal((await answer).trailers?.['grpc-status'], '0');
  const other = await client.send('/user.App/Call', frame(Buffer.from('hello')), { application: 'two' });
  t.equal(other.head?.['grpc-status'], '5');
  const unknown = await client.send('/user.Other/Call', frame(Buffer.from('hello')), app);
  t.equal(unknown.head?.['grpc-status'], '12');
});

test('a stream whose first message is cut short reaches no model; one without a message does', async (t) => {
  const { gateway } = await setUp(t, echo);
  const client = new Http2Client(gateway.grpcUrl);
  const cut = await client.send(STREAM, frame(Buffer.alloc(10)).subarray(0, 8));
  t.equal(cut.head?.['grpc-status'], '13');
  const empty = await client.send(STREAM, null);
  t.equal((empty.trailers ?? empty.head)?.['grpc-status'], '0', 'the route without a name takes it');
  client.close();
});

test('TF Serving and Seldon are routed by what names their model', async (t) => {
  const servers = await Promise.all(
    ['a', 'b'].map((name) =>
      startHttp2Server(({ stream, ended }) => {
        void ended.then(() => {
          stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
          stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
          stream.end(frame(Buffer.from(name)));
        });
      }),
    ),
  );
  const gateway = await startWith({
    backends: `  tf: { protocol: tfserving-grpc, endpoints: ["${servers[0]!.url}"], model: inner, version: "7" }
  seldon: { protocol: seldon-v1-grpc, endpoints: ["${servers[1]!.url}"] }`,
    routes: `  - { name: tf, match: { model: iris }, rules: [{ backend: tf }] }
  - { name: seldon, match: { model: deployed }, rules: [{ backend: seldon }] }`,
  });
  const client = new Http2Client(gateway.grpcUrl);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    await Promise.all(servers.map((server) => server.close()));
  });
  // PredictRequest{model_spec: {name: "iris"}, output_filter: "o"}.
  const predict = Buffer.from([0x0a, 0x06, 0x0a, 0x04, ...Buffer.from('iris'), 0x1a, 0x01, 0x6f]);
  const tf = await client.send('/tensorflow.serving.PredictionService/Predict', frame(predict));
  t.equal(tf.body.subarray(5).toString(), 'a');
  const sent = servers[0]!.received[0]!.body().subarray(5);
  t.match(sent.toString('latin1'), /inner/);
  t.notMatch(sent.toString('latin1'), /iris/);
  t.strictSame(sent.subarray(-3), predict.subarray(-3));
  const cut = await client.send('/tensorflow.serving.PredictionService/Predict', frame(predict.subarray(0, 6)));
  t.match(cut.head, { 'grpc-status': '3', 'makas-error': 'BAD_REQUEST' }, 'a spec that is cut short');
  const seldon = await client.send('/seldon.protos.Seldon/Predict', frame(Buffer.from([])), { seldon: 'deployed' });
  t.equal(seldon.body.subarray(5).toString(), 'b');
  t.equal(servers[1]!.received[0]!.headers['seldon'], 'deployed');
});

test('the model to load is in field 1 as KServe has it, or in field 2 as Triton has it, but not in both', async (t) => {
  const server = await startHttp2Server(({ stream, ended }) => {
    void ended.then(() => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(frame(Buffer.alloc(0)));
    });
  });
  const gateway = await startWith({
    backends: `  main: { protocol: oip-grpc, endpoints: ["${server.url}"], model: inner }`,
    routes: '  - { name: one, match: { model: m }, allow: [repository], rules: [{ backend: main }] }',
  });
  const client = new Http2Client(gateway.grpcUrl);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    await server.close();
  });
  const named = (number: number, name: string) => Buffer.from([number * 8 + 2, name.length, ...Buffer.from(name)]);
  for (const method of ['RepositoryModelLoad', 'RepositoryModelUnload']) {
    const load = (...parts: Buffer[]) =>
      client.send(`/inference.GRPCInferenceService/${method}`, frame(Buffer.concat(parts)));
    for (const number of [1, 2]) {
      t.equal((await load(named(number, 'm'))).trailers?.['grpc-status'], '0');
      t.strictSame(
        server.received.pop()?.body(),
        frame(named(number, 'inner')),
        'the name of the backend stands there',
      );
    }
    t.equal((await load(named(1, 'm'), named(2, 'm'))).trailers?.['grpc-status'], '0');
    t.equal((await load(named(1, 'other'))).head?.['grpc-status'], '5');
    t.equal((await load(named(1, 'store'), named(2, 'm'))).head?.['grpc-status'], '3');
  }
});

test('seldon-model names the model of all messages of a stream', async (t) => {
  const names: unknown[] = [];
  const model = await startModel({
    ModelStreamInfer: (call: ModelStream) => {
      call.on('data', (message) => names.push(message['model_name']));
      call.on('end', () => call.end());
    },
  });
  const gateway = await startGrpcGateway([model.url], { route: 'match: { model: gs }' });
  const client = clientOf(gateway);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    model.close();
  });
  const stream = client.stream('ModelStreamInfer', { metadata: { 'seldon-model': 'gs' } });
  stream.on('data', () => {});
  const ended = statusOf(stream);
  for (const name of ['a', '', 'gs']) stream.write(inferRequest(name));
  stream.end();
  t.equal((await ended).code, status.OK);
  t.strictSame(names, ['gs', 'gs', 'gs']);
});

test('a stream for a model that is not there ends at once, with no more than a head', async (t) => {
  const gateway = await startWith({
    backends: '  none: { protocol: oip-grpc, endpoints: ["http://127.0.0.1:1"] }',
    routes: '  - { name: one, match: { model: m }, rules: [{ backend: none }] }',
  });
  const client = new GrpcClient(gateway.grpcUrl);
  const stream = client.stream('ModelStreamInfer');
  stream.on('data', () => {});
  stream.write(inferRequest('m'));
  t.equal((await statusOf(stream)).code, status.UNAVAILABLE);
  const other = client.stream('ModelStreamInfer');
  other.on('data', () => {});
  other.write(inferRequest('other'));
  t.equal((await statusOf(other)).code, status.NOT_FOUND);
  client.close();
  await gateway.close();
});
