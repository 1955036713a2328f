import { compressionAlgorithms, Metadata, status } from '@grpc/grpc-js';

import {
  GrpcClient,
  inferAnswering,
  type InferCall,
  inferRequest,
  inferResponse,
  startModel,
} from '../support/grpc.ts';
import { clientOf, startGrpcGateway, startWith } from '../support/grpc-gateway.ts';
import { test } from '../support/lanes.ts';
import { answerInfer, startServer } from '../support/model-server.ts';
import { until } from '../support/traffic.ts';

test('a call reaches the model and its answer the client, metadata and trailers both ways', async (t) => {
  const calls: InferCall[] = [];
  const model = await startModel({
    ModelInfer: (call: InferCall, callback: (error: null, value: object, trailers: Metadata) => void) => {
      calls.push(call);
      const head = new Metadata();
      head.set('x-head', 'h');
      head.set('x-head-bin', Buffer.from([0, 1, 255]));
      call.sendMetadata(head);
      const trailers = new Metadata();
      trailers.add('x-trailer', 'one');
      trailers.add('x-trailer', 'two');
      trailers.set('x-trailer-bin', Buffer.from([9, 8, 7]));
      callback(null, inferResponse('m', String(call.request['id'])), trailers);
    },
  });
  const gateway = await startGrpcGateway([model.url], { route: 'expose: true' });
  const client = clientOf(gateway);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    model.close();
  });
  const metadata = { 'x-user': 'u', 'x-key-bin': Buffer.from([1, 2, 3]), 'x-request-id': 'mine' };
  const answer = await client.unary('ModelInfer', inferRequest('m', '7'), { metadata });
  t.equal(answer.code, status.OK);
  t.equal(answer.message?.['id'], '7');
  t.strictSame(answer.head?.get('x-head'), ['h']);
  t.strictSame(answer.head?.get('x-head-bin'), [Buffer.from([0, 1, 255])]);
  t.strictSame(answer.head?.get('x-request-id'), ['mine']);
  t.strictSame(answer.head?.get('makas-backend'), ['main']);
  t.same(answer.trailers.get('x-trailer').join(', '), 'one, two');
  t.strictSame(answer.trailers.get('x-trailer-bin'), [Buffer.from([9, 8, 7])]);
  const [call] = calls;
  t.strictSame(call?.metadata.get('x-user'), ['u']);
  t.strictSame(call?.metadata.get('x-key-bin'), [Buffer.from([1, 2, 3])]);
  t.strictSame(call?.metadata.get('x-request-id'), ['mine']);
  t.strictSame(call?.metadata.get('via'), ['1.1 makas']);
  t.match(await gateway.metrics(), /makas_requests_total\{[^}]*code="200"[^}]*\} 1/);
});

test('names are mapped to those of the backend, and back', async (t) => {
  const calls: InferCall[] = [];
  const model = await startModel(inferAnswering('inner', (call) => calls.push(call)));
  const gateway = await startGrpcGateway([model.url], { backend: 'model: inner, version: "3"' });
  const client = clientOf(gateway);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    model.close();
  });
  const answer = await client.unary('ModelInfer', inferRequest('outer', 'a'));
  t.equal(answer.message?.['model_name'], 'outer');
  t.equal(calls[0]?.request['model_name'], 'inner');
  t.equal(calls[0]?.request['model_version'], '3');
});

test('seldon-model names the model whatever the message says', async (t) => {
  const asked: unknown[] = [];
  const model = await startModel(inferAnswering('gs', (call) => asked.push(call.request['model_name'])));
  const gateway = await startGrpcGateway([model.url], { route: 'match: { model: gs }' });
  const client = clientOf(gateway);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    model.close();
  });
  const metadata = { 'seldon-model': 'gs' };
  for (const name of ['iris', 'gs', '']) {
    t.equal((await client.unary('ModelInfer', inferRequest(name), { metadata })).message?.['model_name'], 'gs');
  }
  t.strictSame(asked, ['gs', 'gs', 'gs'], 'the message is written for it');
  t.equal((await client.unary('ModelInfer', inferRequest('iris'))).code, status.NOT_FOUND);
  const other = { metadata: { 'seldon-model': 'iris' } };
  t.equal((await client.unary('ModelInfer', inferRequest('gs'), other)).code, status.NOT_FOUND);
});

test('the deadline of the client goes to the model, less what was spent, and no longer than the gateway waits', async (t) => {
  const left: number[] = [];
  const model = await startModel(inferAnswering('m', (call) => left.push(Number(call.getDeadline()) - Date.now())));
  const gateway = await startGrpcGateway([model.url], { backend: 'timeout: 2s' });
  const client = clientOf(gateway);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    model.close();
  });
  await client.unary('ModelInfer', inferRequest('m'), { timeoutMs: 1000 });
  await client.unary('ModelInfer', inferRequest('m'), { timeoutMs: 60_000 });
  await client.unary('ModelInfer', inferRequest('m'));
  t.ok(left[0]! > 500 && left[0]! <= 1001, `${left[0]}`);
  t.ok(left[1]! > 1500 && left[1]! <= 2001, `${left[1]}`);
  t.ok(left[2]! > 1500 && left[2]! <= 2001, `${left[2]}`);
});

test('a model that does not answer in time is cancelled, and the client told', async (t) => {
  let cancelled = 0;
  const model = await startModel({
    ModelInfer: (call: InferCall & { on(event: 'cancelled', listener: () => void): void }) => {
      call.on('cancelled', () => cancelled++);
    },
  });
  const gateway = await startGrpcGateway([model.url], { backend: 'timeout: 100ms' });
  const client = clientOf(gateway);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    model.close();
  });
  const late = await client.unary('ModelInfer', inferRequest('m'));
  t.equal(late.code, status.DEADLINE_EXCEEDED);
  await until('the model heard of it', () => cancelled === 1);
  const gone = await client.unary('ModelInfer', inferRequest('m'), {
    timeoutMs: 5000,
    onCall: (cancel) => setTimeout(cancel, 20),
  });
  t.equal(gone.code, status.CANCELLED);
  await until('the model heard of that too', () => cancelled === 2);
  await until('nothing is under way', async () => (await gateway.ledger()).inflight === 0);
  const { started, completed, aborted } = await gateway.ledger();
  t.equal(started, completed + aborted);
});

test('a status of the model with a message reaches the client as it is', async (t) => {
  const model = await startModel({
    ModelInfer: (_call: InferCall, callback: (error: object) => void) => {
      callback({ code: status.FAILED_PRECONDITION, details: 'naïve 100%' });
    },
  });
  const gateway = await startGrpcGateway([model.url]);
  const client = clientOf(gateway);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    model.close();
  });
  const answer = await client.unary('ModelInfer', inferRequest('m'));
  t.equal(answer.code, status.FAILED_PRECONDITION);
  t.equal(answer.details, 'naïve 100%');
  const none = await client.unary('ModelReady', { name: 'm' });
  t.equal(none.code, status.UNIMPLEMENTED, 'the model does not have this method');
});

test('compressed messages pass as they came, and are read all the same', async (t) => {
  const calls: InferCall[] = [];
  const options = { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip };
  const model = await startModel(
    inferAnswering('inner', (call) => calls.push(call)),
    { options },
  );
  const gateway = await startWith({
    backends: `  a: { protocol: oip-grpc, endpoints: ["${model.url}"] }
  b: { protocol: oip-grpc, endpoints: ["${model.url}"], model: inner }`,
    routes: `  - { name: plain, match: { model: inner }, rules: [{ backend: a }] }
  - { name: renamed, match: { model: outer }, rules: [{ backend: b }] }`,
  });
  const values = Array.from({ length: 5000 }, (_, i) => i % 7);
  for (const algorithm of ['gzip', 'deflate'] as const) {
    const client = new GrpcClient(gateway.grpcUrl, undefined, {
      'grpc.default_compression_algorithm': compressionAlgorithms[algorithm],
    });
    const plain = await client.unary('ModelInfer', inferRequest('inner', algorithm, values));
    t.equal(plain.code, status.OK, plain.details);
    t.equal(plain.message?.['id'], algorithm);
    const renamed = await client.unary('ModelInfer', inferRequest('outer', algorithm, values));
    t.equal(renamed.code, status.OK, renamed.details);
    t.equal(renamed.message?.['model_name'], 'outer', 'the answer was not compressed');
    client.close();
  }
  t.equal(calls.length, 4);
  for (const { request } of calls) t.equal(request['model_name'], 'inner');
  await gateway.close();
  model.close();
});

test('a call without a route, or with a request that no server can take, is refused in the form of gRPC', async (t) => {
  const model = await startModel(inferAnswering('m'));
  const gateway = await startWith({
    backends: `  main: { protocol: oip-grpc, endpoints: ["${model.url}"] }`,
    routes: '  - { name: one, match: { model: m }, rules: [{ backend: main }] }',
  });
  const client = clientOf(gateway);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    model.close();
  });
  const unknown = await client.unary('ModelInfer', inferRequest('other'));
  t.equal(unknown.code, status.NOT_FOUND);
  t.strictSame(unknown.trailers.get('makas-error'), ['ROUTE_NOT_FOUND']);
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [2], contents: { fp32_contents: [1] } }];
  const wrong = await client.unary('ModelInfer', { model_name: 'm', inputs });
  t.equal(wrong.code, status.INVALID_ARGUMENT);
  t.strictSame(wrong.trailers.get('x-request-id').length, 1);
  t.match(await gateway.metrics(), /makas_errors_total\{code="ROUTE_NOT_FOUND"\} 1|code="404"/);
});

test('where nobody listens, the next endpoint answers; where none does, the call is unavailable', async (t) => {
  const model = await startModel(inferAnswering('m'));
  const away = await startModel({});
  away.close();
  const gateway = await startGrpcGateway([away.url, model.url]);
  const client = clientOf(gateway);
  for (let i = 0; i < 10; i++) t.equal((await client.unary('ModelInfer', inferRequest('m'))).code, status.OK);
  model.close();
  const none = await client.unary('ModelInfer', inferRequest('m'));
  t.equal(none.code, status.UNAVAILABLE, none.details);
  client.close();
  await gateway.close();
});

test('a canary splits calls by a field of the metadata', async (t) => {
  const models = await Promise.all(['a', 'b'].map((name) => startModel(inferAnswering(name))));
  const gateway = await startWith({
    backends: models.map(({ url }, i) => `  v${i}: { protocol: oip-grpc, endpoints: ["${url}"] }`).join('\n'),
    routes: '  - { name: all, unit: "header:x-user", expose: true, rules: [{ split: { v0: 50, v1: 50 } }] }',
  });
  const client = clientOf(gateway);
  const arms = new Map<string, number>();
  for (let i = 0; i < 60; i++) {
    const metadata = { 'x-user': `user-${i % 30}` };
    const { message, head } = await client.unary('ModelInfer', inferRequest('m'), { metadata });
    const arm = `${String(message?.['model_name'])} ${String(head?.get('makas-backend'))}`;
    const key = `${i % 30} ${arm}`;
    arms.set(key, (arms.get(key) ?? 0) + 1);
  }
  t.equal(arms.size, 30, 'each user stays on its arm');
  t.equal(new Set([...arms.keys()].map((key) => key.split(' ')[1])).size, 2, 'both arms are used');
  client.close();
  await gateway.close();
  for (const model of models) model.close();
});

test('a bandit gives its token in the metadata, and a reward for it counts', async (t) => {
  const models = await Promise.all(['a', 'b'].map((name) => startModel(inferAnswering(name))));
  const gateway = await startWith({
    backends: models.map(({ url }, i) => `  v${i}: { protocol: oip-grpc, endpoints: ["${url}"] }`).join('\n'),
    routes: `  - name: all
    rules:
      - bandit: { policy: thompson, arms: [v0, v1], reward: { kind: binary } }`,
  });
  const client = clientOf(gateway);
  const { head } = await client.unary('ModelInfer', inferRequest('m'));
  const decision = String(head?.get('makas-decision')[0]);
  t.ok(decision.length > 20, decision);
  const answer = await fetch(`${gateway.url}/rewards`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ decision, reward: 1 }),
  });
  t.ok(answer.ok, await answer.text());
  client.close();
  await gateway.close();
  for (const model of models) model.close();
});

test('a shadow gets a copy that is marked, with a deadline of its own, and compares the answers', async (t) => {
  const copies: InferCall[] = [];
  const main = await startModel(inferAnswering('m'));
  const shadow = await startModel(inferAnswering('m', (call) => copies.push(call)));
  const gateway = await startWith({
    backends: `  main: { protocol: oip-grpc, endpoints: ["${main.url}"] }
  next: { protocol: oip-grpc, endpoints: ["${shadow.url}"] }`,
    routes: '  - { name: all, rules: [{ name: r, backend: main, shadow: [{ backend: next, compare: {} }] }] }',
  });
  const client = clientOf(gateway);
  for (let i = 0; i < 5; i++) t.equal((await client.unary('ModelInfer', inferRequest('m', `${i}`))).code, status.OK);
  await until('the copies are there', () => copies.length === 5);
  t.strictSame(copies[0]?.metadata.get('makas-shadow'), ['main']);
  t.equal(copies[0]?.getDeadline(), Infinity, 'that of the client is not its');
  await until('they were counted', async () =>
    /makas_shadow_total\{[^}]*result="ok"\} 5/.test(await gateway.metrics()),
  );
  client.close();
  await gateway.close();
  main.close();
  shadow.close();
});

test('a client of gRPC is served by a backend of REST, and the other way round', async (t) => {
  const rest = await startServer(answerInfer('m'));
  const calls: InferCall[] = [];
  const model = await startModel(inferAnswering('m', (call) => calls.push(call)));
  const gateway = await startWith({
    backends: `  rest: { protocol: oip, endpoints: ["${rest.url}"] }
  grpc: { protocol: oip-grpc, endpoints: ["${model.url}"] }`,
    routes: `  - { name: a, match: { model: rest }, rules: [{ backend: rest }] }
  - { name: b, match: { model: grpc }, rules: [{ backend: grpc }] }`,
  });
  const client = clientOf(gateway);
  const answer = await client.unary('ModelInfer', inferRequest('rest', '1'), { timeoutMs: 5000 });
  t.equal(answer.code, status.OK, answer.details);
  t.match(answer.message, { outputs: [{ name: 'out', datatype: 'FP32' }] });
  t.equal(rest.received[0]?.headers['grpc-timeout'], undefined);
  t.equal(rest.received[0]?.headers.te, undefined);
  const body = '{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}';
  const headers = { 'content-type': 'application/json' };
  const posted = await fetch(`${gateway.url}/v2/models/grpc/infer`, { method: 'POST', headers, body });
  const text = await posted.text();
  t.equal(posted.status, 200, text);
  t.match(JSON.parse(text), { outputs: [{ name: 'out', data: [1] }] });
  t.ok(Number(calls[0]?.getDeadline()) - Date.now() > 10_000, 'with the deadline of the backend');
  client.close();
  await gateway.close();
  model.close();
  await rest.close();
});
