import { gzipSync } from 'node:zlib';

import { status } from '@grpc/grpc-js';
import type { Test } from 'tap';

import { readFrame } from '../../src/protocol/grpc/frame.ts';
import { inferBytes } from '../support/grpc.ts';
import { modelInferRequest, modelStreamInferResponse, type ProtoRequest } from '../support/grpc-protos.ts';
import { startGrpcGateway } from '../support/grpc-gateway.ts';
import {
  answerOf,
  frame,
  Http2Client,
  type ReceivedStream,
  startHttp2Server,
  type StreamAnswer,
} from '../support/http2.ts';
import { test } from '../support/lanes.ts';
import { until } from '../support/traffic.ts';

const STREAM = '/inference.GRPCInferenceService/ModelStreamInfer';
const GZIP = { 'grpc-encoding': 'gzip' };

/** Opens a stream as a model that takes everything and answers nothing does. */
function listen({ stream, ended }: ReceivedStream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  void ended.then(() => stream.end());
}

async function setUp(
  t: Test,
  onStream: (received: ReceivedStream) => void,
  more: Parameters<typeof startGrpcGateway>[1] = {},
) {
  const server = await startHttp2Server(onStream);
  const gateway = await startGrpcGateway([server.url], more);
  const client = new Http2Client(gateway.grpcUrl);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    await server.close();
  });
  return { server, gateway, client };
}

/** The messages of a body, none of them compressed. */
function messagesIn(body: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let next = readFrame(body); next !== null; next = readFrame(body, next.end)) {
    if (next.isCompressed) throw new Error('a message is compressed');
    messages.push(next.message);
  }
  return messages;
}

/** The fields that say how a call ended. */
function endOf({ head, trailers }: StreamAnswer): StreamAnswer['head'] {
  return trailers ?? head;
}

function zipped(message: Buffer): Buffer {
  return frame(gzipSync(message), true);
}

test('names are mapped both ways in compressed messages, which go on plain', async (t) => {
  const answer = modelStreamInferResponse.encode({ infer_response: { model_name: 'inner', id: '7' } });
  const { server, client } = await setUp(
    t,
    ({ stream, ended }) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...GZIP }, { waitForTrailers: true });
      stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      void ended.then(() => stream.end(Buffer.concat([zipped(answer), frame(answer)])));
    },
    { backend: 'model: inner, version: "3"' },
  );
  const sent = Buffer.concat([
    zipped(inferBytes('outer', 'a')),
    frame(inferBytes('outer', 'b')),
    zipped(inferBytes('')),
  ]);
  const got = await client.send(STREAM, sent, GZIP);
  t.equal(got.trailers?.['grpc-status'], '0');
  for (const message of messagesIn(got.body)) {
    t.strictSame(modelStreamInferResponse.decode(message), { infer_response: { model_name: 'outer', id: '7' } });
  }
  const { headers, body } = server.received[0]!;
  t.equal(headers['grpc-encoding'], undefined);
  const names = messagesIn(body()).map((message) => {
    const { model_name, model_version } = modelInferRequest.decode(message);
    return [model_name, model_version];
  });
  t.strictSame(names, Array(3).fill(['inner', '3']));
});

test('a compressed answer to one message is mapped as well, though it was asked for plain', async (t) => {
  const answer = modelInferRequest.encode({ model_name: 'inner', id: '7' });
  const { client } = await setUp(
    t,
    ({ stream }) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...GZIP }, { waitForTrailers: true });
      stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(zipped(answer));
    },
    { backend: 'model: inner' },
  );
  const got = await client.send('/inference.GRPCInferenceService/ModelInfer', frame(inferBytes('outer')));
  t.equal(got.head?.['grpc-encoding'], undefined);
  t.strictSame(
    messagesIn(got.body).map((one) => modelInferRequest.decode(one)),
    [{ model_name: 'outer', id: '7' }],
  );
});

const raw = { name: 'x', datatype: 'FP32', shape: ['1'] };
const typed = { ...raw, contents: { fp32_contents: [1] } };
const wrong: readonly (readonly [what: RegExp, message: Buffer])[] = [
  [/another model_name/, modelInferRequest.encode({ model_name: 'other', inputs: [typed] })],
  [/another model_version/, modelInferRequest.encode({ model_name: 'm', model_version: '2', inputs: [typed] })],
  [/contents of its own/, encode({ inputs: [typed], raw_input_contents: [Buffer.alloc(4)] })],
  [/datatype "FP99"/, encode({ inputs: [{ ...typed, datatype: 'FP99' }] })],
  [/3 bytes of raw contents/, encode({ inputs: [raw], raw_input_contents: [Buffer.alloc(3)] })],
  [/not a well-formed protobuf/, inferBytes('m').subarray(0, -1)],
];

function encode(request: ProtoRequest): Buffer {
  return modelInferRequest.encode({ model_name: 'm', model_version: '1', ...request });
}

const first = modelInferRequest.encode({ model_name: 'm', model_version: '1', inputs: [typed] });

test('every message of a stream is checked, and must be for the model and version of the first one', async (t) => {
  const { server, client } = await setUp(t, listen, { route: 'match: { model: m }' });
  for (const isZipped of [false, true]) {
    const framed = isZipped ? zipped : frame;
    for (const [what, message] of wrong) {
      const before = server.received.length;
      const stream = client.begin(STREAM, isZipped ? GZIP : {});
      const answer = answerOf(stream);
      stream.write(framed(first));
      await until('the model has the first one', () => server.received.at(before)?.body().length === first.length + 5);
      stream.write(framed(message));
      const end = endOf(await answer);
      t.equal(end?.['grpc-status'], String(status.INVALID_ARGUMENT));
      t.match(decodeURIComponent(String(end?.['grpc-message'])), what);
      await until('the model heard of it', () => server.received.at(before)!.stream.destroyed);
      t.strictSame(server.received.at(before)!.body(), frame(first), 'nothing of it reached the model');
    }
  }
});

test('the first message of a stream is refused for what is wrong with it, not for a name that cannot be read', async (t) => {
  const { server, client } = await setUp(t, listen, { route: 'match: { model: m }' });
  for (const [what, message] of wrong.slice(2)) {
    const { head } = await client.send(STREAM, frame(message));
    t.equal(head?.['grpc-status'], String(status.INVALID_ARGUMENT));
    t.match(decodeURIComponent(String(head?.['grpc-message'])), what);
  }
  t.equal(server.received.length, 0);
});

test('limits.body holds for what a message of a stream is without its compression', async (t) => {
  const { server, client } = await setUp(t, listen, { more: 'limits: { body: 1MiB }' });
  const bomb = frame(gzipSync(Buffer.alloc(50 << 20)), true);
  t.ok(bomb.length < 64 * 1024);
  const stream = client.begin(STREAM, GZIP);
  const answer = answerOf(stream);
  stream.write(zipped(inferBytes('m')));
  await until('it is open', () => server.received.length === 1);
  stream.write(bomb);
  t.equal(endOf(await answer)?.['grpc-status'], String(status.RESOURCE_EXHAUSTED));
  const garbage = await client.send(STREAM, Buffer.concat([frame(inferBytes('m')), frame(first, true)]), GZIP);
  t.match(endOf(garbage)?.['grpc-message'], /decompressed/);
});
