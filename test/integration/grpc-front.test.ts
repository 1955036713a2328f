import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import type { Test } from 'tap';

import { inferAnswering, inferBytes, startModel } from '../support/grpc.ts';
import { type GrpcGateway, startGrpcGateway } from '../support/grpc-gateway.ts';
import { test } from '../support/lanes.ts';
import { answerCall, answerOf, frame, Http2Client, startHttp2Server, type StreamAnswer } from '../support/http2.ts';
import { RawClient } from '../support/raw-client.ts';
import { until } from '../support/traffic.ts';

const INFER = '/inference.GRPCInferenceService/ModelInfer';

async function setUp(t: Test, more: Parameters<typeof startGrpcGateway>[1] = {}) {
  let calls = 0;
  const model = await startModel(inferAnswering('m', () => calls++));
  const gateway = await startGrpcGateway([model.url], more);
  const client = new Http2Client(gateway.grpcUrl);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    model.close();
  });
  return { gateway, client, calls: () => calls };
}

function sumOf(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex');
}

/** Status of gRPC and the code of Makas. */
function refusal({ head, trailers }: StreamAnswer): string {
  const fields = trailers ?? head ?? {};
  return `${String(fields['grpc-status'])} ${String(fields['makas-error'] ?? head?.['makas-error'])}`;
}

async function isQuiet(gateway: GrpcGateway): Promise<boolean> {
  const { started, completed, aborted, inflight } = await gateway.ledger();
  return inflight === 0 && started === completed + aborted;
}

test('what is no call of gRPC is refused in HTTP', async (t) => {
  const { client } = await setUp(t);
  const json = await client.send(INFER, frame(inferBytes('m')), { 'content-type': 'application/json' });
  t.equal(json.status, 415);
  t.ok(json.isOnlyHead);
  t.equal((await client.send(INFER, null, { 'content-type': 'application/grpc-web' })).status, 415);
  t.equal((await client.send(INFER, frame(inferBytes('m')), { 'content-type': 'application/grpc+proto' })).status, 200);
  t.equal((await client.send(INFER, frame(inferBytes('m')), { 'content-type': 'application/grpc; a=b' })).status, 200);
  const get = await client.send(INFER, null, { ':method': 'GET' });
  t.equal(get.status, 405);
  t.equal(get.head?.['allow'], 'POST');
});

test('a method that is not served is unimplemented, in a head alone', async (t) => {
  const { client } = await setUp(t);
  for (const path of ['/a.B/C', '/', '/inference.GRPCInferenceService/Nothing', `${INFER}/x`, `${INFER}?a=b`]) {
    const answer = await client.send(path, frame(Buffer.alloc(0)));
    t.equal(answer.status, 200);
    t.equal(refusal(answer), '12 PATH_NOT_FOUND', path);
    t.ok(answer.isOnlyHead);
    t.equal(answer.head?.['content-type'], 'application/grpc');
  }
});

test('a call must have exactly one whole message', async (t) => {
  const { client, calls, gateway } = await setUp(t);
  const whole = frame(inferBytes('m'));
  const bad: Record<string, Buffer | null> = {
    nothing: null,
    'half a prefix': whole.subarray(0, 3),
    'half a message': whole.subarray(0, -1),
    'two messages': Buffer.concat([whole, whole]),
    'a byte behind it': Buffer.concat([whole, Buffer.from([0])]),
    'another flag': Buffer.concat([Buffer.from([2]), whole.subarray(1)]),
  };
  for (const [what, body] of Object.entries(bad))
    t.equal(refusal(await client.send(INFER, body)), '13 BAD_REQUEST', what);
  t.equal(calls(), 0, 'nothing of it reached the model');
  const stream = client.begin(INFER);
  const answer = answerOf(stream);
  for (const byte of whole) {
    stream.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  stream.end();
  t.equal((await answer).trailers?.['grpc-status'], '0', 'octet by octet it is the same');
  t.ok(await isQuiet(gateway));
});

test('a message that is larger than allowed is refused by its prefix', async (t) => {
  const { client, calls } = await setUp(t, { more: 'limits: { body: 10KiB }' });
  const stream = client.begin(INFER);
  const answer = answerOf(stream);
  stream.write(frame(Buffer.alloc(11 * 1024)).subarray(0, 5));
  const refused = await answer;
  t.equal(refusal(refused), '8 BODY_TOO_LARGE', 'before the rest has come');
  const bomb = await client.send(INFER, frame(gzipSync(Buffer.alloc(1_000_000)), true), { 'grpc-encoding': 'gzip' });
  t.equal(refusal(bomb), '8 BODY_TOO_LARGE');
  t.equal(calls(), 0);
});

test('compression that is not known, not said, or no compression at all', async (t) => {
  const { client, calls } = await setUp(t);
  const packed = gzipSync(inferBytes('m'));
  const unknown = await client.send(INFER, frame(packed, true), { 'grpc-encoding': 'snappy' });
  t.equal(refusal(unknown), '12 BAD_REQUEST');
  t.match(unknown.head?.['grpc-accept-encoding'], /gzip/);
  t.equal(refusal(await client.send(INFER, frame(packed, true))), '13 BAD_REQUEST');
  const garbage = await client.send(INFER, frame(Buffer.from('garbage'), true), { 'grpc-encoding': 'gzip' });
  t.equal(refusal(garbage), '13 BAD_REQUEST');
  t.equal(calls(), 0);
  const plain = await client.send(INFER, frame(inferBytes('m')), { 'grpc-encoding': 'gzip' });
  t.equal(plain.trailers?.['grpc-status'], '0', 'a message need not be compressed');
});

test('long messages reach the model as they are, many at once, and some answered before they are there', async (t) => {
  const received: string[] = [];
  const server = await startHttp2Server(({ stream, headers, body, ended }, index) => {
    if (index % 7 === 3) return answerCall(stream, Buffer.from('early'));
    void ended.then(() => {
      received.push(`${String(headers['x-sum'])} ${sumOf(body())}`);
      answerCall(stream, body().subarray(-4));
    });
  });
  const gateway = await startGrpcGateway([server.url]);
  const client = new Http2Client(gateway.grpcUrl);
  for (let round = 0; round < 4; round++) {
    const calls = Array.from({ length: 24 }, async (_, i) => {
      const values = Array.from({ length: 997 * (i + round) }, (_unused, at) => at * (i + 1) + round);
      const body = frame(inferBytes('m', `${round}-${i}`, values));
      const answer = await client.send(INFER, body, { 'x-sum': sumOf(body) });
      const isEarly = answer.body.subarray(5).equals(Buffer.from('early'));
      return answer.trailers?.['grpc-status'] === '0' && (isEarly || answer.body.subarray(5).equals(body.subarray(-4)));
    });
    t.ok((await Promise.all(calls)).every(Boolean));
  }
  t.ok(received.length > 60);
  t.ok(received.every((line) => line.split(' ')[0] === line.split(' ')[1]));
  client.close();
  await gateway.close();
  await server.close();
});

test('a deadline that cannot be read is refused, one that has passed is not tried', async (t) => {
  const { client, calls } = await setUp(t);
  for (const timeout of ['1', '123456789S', '-1S', '1s', 'S'])
    t.equal(refusal(await client.send(INFER, frame(inferBytes('m')), { 'grpc-timeout': timeout })), '13 BAD_REQUEST');
  const passed = await client.send(INFER, frame(inferBytes('m')), { 'grpc-timeout': '0n' });
  t.equal(passed.head?.['grpc-status'] ?? passed.trailers?.['grpc-status'], '4');
  t.equal(calls(), 0);
});

test('a message that does not come is given up, by the deadline of the client or the limit of the gateway', async (t) => {
  const { client, gateway } = await setUp(t, { http: 'requestTimeout: 200ms' });
  const [slow, impatient] = [client.begin(INFER), client.begin(INFER, { 'grpc-timeout': '50m' })];
  slow.write(frame(inferBytes('m')).subarray(0, 7));
  for (const answer of await Promise.all([slow, impatient].map(answerOf)))
    t.equal(refusal(answer), '4 REQUEST_TIMEOUT');
  t.ok(await isQuiet(gateway));
});

test('a client that resets its call ends it wherever it is', async (t) => {
  const { client, gateway } = await setUp(t);
  const early = client.begin(INFER);
  early.write(frame(inferBytes('m')).subarray(0, 7));
  await new Promise((resolve) => early.once('ready', resolve));
  early.close(8);
  await answerOf(early);
  t.equal((await client.send(INFER, frame(inferBytes('m')))).trailers?.['grpc-status'], '0');
  await until('nothing is under way', () => isQuiet(gateway));
});

test('a head that is larger than allowed is refused, and the connection lives', async (t) => {
  const { client } = await setUp(t, { more: 'limits: { header: 2KiB }' });
  const large = await client.send(INFER, frame(inferBytes('m')), { 'x-a': 'a'.repeat(4000) });
  t.equal(refusal(large), '8 HEADERS_TOO_LARGE');
  t.equal((await client.send(INFER, frame(inferBytes('m')), { 'x-a': 'a' })).trailers?.['grpc-status'], '0');
});

test('no more streams at once than are allowed', async (t) => {
  const { client } = await setUp(t, { grpc: 'maxStreams: 3' });
  await new Promise((resolve) => client.session.once('remoteSettings', resolve));
  t.equal(client.session.remoteSettings.maxConcurrentStreams, 3);
  const streams = Array.from({ length: 5 }, () => client.begin(INFER));
  const answers = streams.map(answerOf);
  let fourth: StreamAnswer | null = null;
  void answers[3]?.then((answer) => (fourth = answer));
  streams[3]?.end(frame(inferBytes('m')));
  await new Promise((resolve) => client.session.ping(resolve));
  t.equal(fourth, null, 'it waits at the client');
  for (const stream of streams.toSpliced(3, 1)) stream.end(frame(inferBytes('m')));
  for (const { trailers } of await Promise.all(answers)) t.equal(trailers?.['grpc-status'], '0');
});

test('a connection that does not speak HTTP/2, or says nothing, is closed', async (t) => {
  const { gateway } = await setUp(t, { http: 'headerTimeout: 200ms' });
  const silent = await RawClient.connect(gateway.grpcUrl);
  const http1 = await RawClient.connect(gateway.grpcUrl);
  http1.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  await Promise.all([silent.closed, http1.closed]);
  t.pass('both are closed');
});

test('a client that begins and resets without end is cut off; others are served', async (t) => {
  const { client, gateway } = await setUp(t);
  const attacker = new Http2Client(gateway.grpcUrl);
  for (let i = 0; i < 20_000 && !attacker.session.destroyed; i++) {
    const stream = attacker.begin(INFER);
    stream.on('error', () => {});
    stream.close(8);
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await attacker.closed;
  t.equal((await client.send(INFER, frame(inferBytes('m')))).trailers?.['grpc-status'], '0');
  await until('nothing is under way', () => isQuiet(gateway));
});

test('names of fields that are those of Makas, or of a hop, do not cross', async (t) => {
  let seen: Record<string, unknown> = {};
  const model = await startModel(inferAnswering('m', ({ metadata }) => (seen = metadata.getMap())));
  const gateway = await startGrpcGateway([model.url]);
  const client = new Http2Client(gateway.grpcUrl);
  const fields = { 'makas-decision': 'x', 'x-a': 'é'.normalize('NFC'), 'proxy-authorization': 'p', 'x-b': ['1', '2'] };
  const answer = await client.send(INFER, frame(inferBytes('m')), fields);
  t.equal(answer.trailers?.['grpc-status'], '0');
  t.equal(seen['makas-decision'], undefined);
  t.equal(seen['proxy-authorization'], undefined);
  t.match(String(seen['x-b']), /1/);
  client.close();
  await gateway.close();
  model.close();
});
