import { setTimeout as wait } from 'node:timers/promises';

import { status } from '@grpc/grpc-js';
import type { Test } from 'tap';

import { configHead, oneRoute, startGateway } from '../support/gateway.ts';
import {
  type GrpcClient,
  inferRequest,
  inferResponse,
  type Message,
  reader,
  startModel,
  statusOf,
} from '../support/grpc.ts';
import { clientOf, startGrpcGateway } from '../support/grpc-gateway.ts';
import { test } from '../support/lanes.ts';
import { type Answerer, startServer } from '../support/model-server.ts';
import { RawClient, rawRequest, sendRaw } from '../support/raw-client.ts';

const TIMEOUT_MS = 300;
/** Shorter than the timeout, though the machine be busy. */
const GAP_MS = 60;
/** Together longer than the timeout. */
const PIECES = 9;

/** Writes pieces with pauses, and then nothing, or the end. */
function drip(type: string, isEnding: boolean): Answerer {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': type });
    void (async () => {
      for (let i = 0; i < PIECES; i++) {
        response.write(`data: ${i}\n\n`);
        await wait(GAP_MS);
      }
      if (isEnding) response.end();
    })();
  };
}

async function setUp(t: Test, answerer: Answerer, protocol = 'openai', rule = '') {
  const server = await startServer(answerer);
  const gateway = await startGateway(
    (folder) => `${configHead(folder)}
backends: { m: { protocol: ${protocol}, endpoints: ['${server.url}'], timeout: ${rule === '' ? TIMEOUT_MS : 60_000}ms } }
routes: [{ name: all, rules: [{ name: only, backend: m${rule} }] }]
`,
  );
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  return gateway;
}

const CHAT = rawRequest('/v1/chat/completions', '{"model":"m","stream":true}');

test('a stream lasts as long as it does while something of it comes within the timeout', async (t) => {
  for (const rule of ['', `, timeout: ${TIMEOUT_MS}ms`]) {
    const gateway = await setUp(t, drip('text/event-stream', true), 'openai', rule);
    const answer = await sendRaw(gateway.url, CHAT);
    t.match(answer?.body.toString(), new RegExp(`data: ${PIECES - 1}\n\n$`), 'it is whole');
  }
  const lines = await setUp(t, drip('application/x-ndjson', true), 'oip');
  const answer = await sendRaw(lines.url, rawRequest('/v2/models/m/generate_stream'));
  t.match(answer?.body.toString(), new RegExp(`data: ${PIECES - 1}\n\n$`), 'lines of JSON');
});

test('a stream that falls silent is ended after the timeout', async (t) => {
  const gateway = await setUp(t, drip('text/event-stream', false));
  const start = performance.now();
  const answer = await sendRaw(gateway.url, CHAT);
  const ms = performance.now() - start;
  t.match(answer?.body.toString(), /data: 8\n\ndata: \{"error":.*"upstream_timeout"/);
  t.ok(ms >= (PIECES - 1) * GAP_MS + TIMEOUT_MS, `${ms}`);
});

test('the silence of a model that waits for a slow client is not its own', async (t) => {
  const piece = `data: ${'x'.repeat(64 * 1024)}\n\n`;
  const count = 400;
  const gateway = await setUp(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    let left = count;
    const write = (): void => {
      while (left-- > 0) if (!response.write(piece)) return void response.once('drain', write);
      response.end();
    };
    write();
  });
  const client = await RawClient.connect(gateway.url);
  client.send(CHAT);
  await client.until(() => client.rest.length > 0);
  client.socket.pause();
  await wait(5 * TIMEOUT_MS);
  client.socket.resume();
  const answer = await client.answer();
  t.equal(answer?.body.length, count * piece.length);
  client.close();
});

test('a stream that never begins is refused after the timeout', async (t) => {
  const gateway = await setUp(t, () => {});
  t.equal((await sendRaw(gateway.url, CHAT))?.status, 504);
});

test('an answer that is one document has the timeout for all of it', async (t) => {
  const server = await startServer(drip('application/json', true));
  const gateway = await startGateway(oneRoute([server.url], { backend: `timeout: ${TIMEOUT_MS}ms` }));
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  const client = await RawClient.connect(gateway.url);
  client.send(rawRequest('/v2/models/m/infer'));
  t.equal(await client.answer(), null, 'it is cut off');
  client.close();
});

/** The side of a stream that a model has. */
interface ModelStream {
  on(event: 'data', listener: (message: Message) => void): this;
  on(event: 'end', listener: () => void): this;
  write(message: Message): boolean;
  end(): void;
  readonly metadata: { get(name: string): unknown[] };
}

async function setUpGrpc(t: Test, onStream: (call: ModelStream) => void): Promise<GrpcClient> {
  const model = await startModel({ ModelStreamInfer: onStream });
  const gateway = await startGrpcGateway([model.url], { backend: `timeout: ${TIMEOUT_MS}ms` });
  const client = clientOf(gateway);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    model.close();
  });
  return client;
}

function echo(call: ModelStream): void {
  call.on('data', (message) => call.write({ infer_response: inferResponse('m', String(message['id'])) }));
  call.on('end', () => call.end());
}

test('a stream of gRPC stays open while messages flow, and ends when none comes', async (t) => {
  const client = await setUpGrpc(t, echo);
  const stream = client.stream('ModelStreamInfer');
  const next = reader(stream);
  const done = statusOf(stream);
  for (let i = 0; i < PIECES; i++) {
    stream.write(inferRequest('m', `${i}`));
    t.match(await next(), { infer_response: { id: `${i}` } });
    await wait(GAP_MS);
  }
  t.equal((await done).code, status.DEADLINE_EXCEEDED);
});

test('a client that says how long it waits is held to that', async (t) => {
  const client = await setUpGrpc(t, (call) => {
    const timer = setInterval(() => call.write({ infer_response: inferResponse('m', 'a') }), GAP_MS);
    call.on('end', () => clearInterval(timer));
    setTimeout(() => clearInterval(timer), 10_000).unref();
  });
  const stream = client.stream('ModelStreamInfer', { timeoutMs: 2 * TIMEOUT_MS });
  stream.on('data', () => {});
  const done = statusOf(stream);
  stream.write(inferRequest('m', '1'));
  t.equal((await done).code, status.DEADLINE_EXCEEDED);
});
