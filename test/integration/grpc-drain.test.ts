import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';

import { status } from '@grpc/grpc-js';

import { type CallResult, GrpcClient, inferRequest, inferResponse, type Message, startModel } from '../support/grpc.ts';
import { clientOf, startGrpcGateway, startWith } from '../support/grpc-gateway.ts';
import { test } from '../support/lanes.ts';
import { answerCall, answerOf, frame, Http2Client, startHttp2Server } from '../support/http2.ts';
import { inferBytes } from '../support/grpc.ts';
import { until } from '../support/traffic.ts';

const INFER = '/inference.GRPCInferenceService/ModelInfer';

test('what is under way when the gateway ends is answered; what comes then is told to go elsewhere', async (t) => {
  const server = await startHttp2Server(() => {});
  const gateway = await startGrpcGateway([server.url], { more: 'limits: { drain: 5s }' });
  const client = new Http2Client(gateway.grpcUrl);
  const idle = new Http2Client(gateway.grpcUrl);
  await once(idle.session, 'remoteSettings');
  const answer = client.send(INFER, frame(inferBytes('m')));
  await until('it is upstream', () => server.received.length === 1);
  const closed = gateway.app.close();
  await until('the client was told', () => client.goaways > 0);
  await idle.closed;
  const late = new Http2Client(gateway.grpcUrl);
  await late.closed;
  t.pass('no new connections');
  answerCall(server.received[0]!.stream, Buffer.from('late'));
  const { trailers, body } = await answer;
  t.equal(trailers?.['grpc-status'], '0');
  t.strictSame(body, frame(Buffer.from('late')));
  await closed;
  await client.closed;
  await server.close();
});

test('what does not end within the limit is cut', async (t) => {
  const server = await startHttp2Server(() => {});
  const gateway = await startGrpcGateway([server.url], { more: 'limits: { drain: 200ms }' });
  const client = new Http2Client(gateway.grpcUrl);
  const answer = client.send(INFER, frame(inferBytes('m')));
  await until('it is upstream', () => server.received.length === 1);
  const startMs = performance.now();
  await gateway.app.close();
  t.ok(performance.now() - startMs < 2000);
  const { trailers } = await answer;
  t.equal(trailers, null);
  await server.close();
});

test('no call is lost when gateways end one after the other under load', async (t) => {
  const model = await startModel({
    ModelInfer: (call: { request: Message }, callback: (error: null, value: Message) => void) => {
      setTimeout(() => callback(null, inferResponse('m', String(call.request['id']))), 5);
    },
  });
  const start = () => startGrpcGateway([model.url], { more: 'limits: { drain: 5s }' });
  let current = await start();
  // What is in front sends new connections to the gateway that is there.
  const front = createServer((socket) => {
    const onwards = connect(Number(new URL(current.grpcUrl).port), '127.0.0.1');
    for (const each of [socket, onwards]) each.on('error', () => {});
    socket.pipe(onwards).pipe(socket);
  });
  await once(front.listen(0, '127.0.0.1'), 'listening');
  const client = new GrpcClient(`http://127.0.0.1:${(front.address() as AddressInfo).port}`);
  const ending = new AbortController();
  let sent = 0;
  const failed: CallResult[] = [];
  const load = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const id = `${sent++}`;
      const answer = await client.unary('ModelInfer', inferRequest('m', id));
      if (answer.code !== status.OK || answer.message?.['id'] !== id) failed.push(answer);
    }
  };
  const workers = Array.from({ length: 16 }, load);
  for (let round = 0; round < 3; round++) {
    const before = sent;
    await until('there is load', () => sent > before + 200);
    const old = current;
    current = await start();
    await old.close();
  }
  ending.abort();
  await Promise.all(workers);
  t.strictSame(
    failed.map(({ code, details }) => `${code} ${details}`),
    [],
  );
  t.ok(sent > 600, `${sent} calls`);
  client.close();
  front.close();
  await current.close();
  model.close();
});

test('no call is lost when a model server ends under load and another one is there', async (t) => {
  const answering = {
    ModelInfer: (call: { request: Message }, callback: (error: null, value: Message) => void) => {
      setTimeout(() => callback(null, inferResponse('m', String(call.request['id']))), 5);
    },
  };
  const models = [await startModel(answering), await startModel(answering)];
  const gateway = await startGrpcGateway(models.map(({ url }) => url));
  const client = clientOf(gateway);
  const ending = new AbortController();
  let sent = 0;
  const codes = new Map<number, number>();
  const load = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      sent++;
      const { code } = await client.unary('ModelInfer', inferRequest('m', 'x'));
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
  };
  const workers = Array.from({ length: 16 }, load);
  await until('there is load', () => sent > 300);
  await new Promise<void>((resolve) => models[0]!.server.tryShutdown(() => resolve()));
  const after = sent;
  await until('there is load still', () => sent > after + 300);
  ending.abort();
  await Promise.all(workers);
  t.strictSame([...codes.keys()], [status.OK]);
  client.close();
  await gateway.close();
  models[1]!.close();
});

test('a reload keeps the connections of endpoints that stay, and what is under way', async (t) => {
  const server = await startHttp2Server(({ stream }, index) => {
    if (index > 0) answerCall(stream, Buffer.from('x'));
  });
  const backends = `  main: { protocol: oip-grpc, endpoints: ["${server.url}"] }`;
  const gateway = await startWith({ backends, routes: '  - { name: a, rules: [{ backend: main }] }' });
  const client = new Http2Client(gateway.grpcUrl);
  const answer = client.send(INFER, frame(inferBytes('m')));
  await until('it is upstream', () => server.received.length === 1);
  await gateway.rewrite(readFileSync(gateway.configPath, 'utf8').replace('name: a', 'name: b'));
  t.equal((await client.send(INFER, frame(inferBytes('m')))).trailers?.['grpc-status'], '0');
  answerCall(server.received[0]!.stream, Buffer.from('x'));
  t.equal((await answer).trailers?.['grpc-status'], '0');
  t.equal(server.sessions.length, 1);
  t.ok(await answerOf(client.begin('/a.B/C').end()), 'and what is not served is still refused');
  const other = new GrpcClient(gateway.grpcUrl);
  t.equal((await other.unary('ServerReady', {})).code, status.OK);
  other.close();
  client.close();
  await gateway.close();
  await server.close();
});
