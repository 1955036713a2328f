import { status } from '@grpc/grpc-js';
import type { Test } from 'tap';

import { GrpcClient, HEALTH, reader, REFLECTION, statusOf } from '../support/grpc.ts';
import { startGrpcGateway } from '../support/grpc-gateway.ts';
import { answerOf, frame, Http2Client } from '../support/http2.ts';
import { test } from '../support/lanes.ts';
import { until } from '../support/traffic.ts';

async function setUp(t: Test, http: string) {
  const gateway = await startGrpcGateway(['http://127.0.0.1:1'], { http });
  t.teardown(() => gateway.close());
  return gateway;
}

const COUNT = 500;

test('a client that asks for more than it reads is answered when it reads, and not before', async (t) => {
  const gateway = await setUp(t, 'requestTimeout: 30s');
  const client = new Http2Client(gateway.grpcUrl, { settings: { initialWindowSize: 0 } });
  t.teardown(() => client.close());
  const stream = client.begin(`/${REFLECTION}/ServerReflectionInfo`);
  const answer = answerOf(stream);
  // ServerReflectionRequest{file_containing_symbol: "inference.GRPCInferenceService"}, answered by some kilobytes.
  const symbol = Buffer.from('inference.GRPCInferenceService');
  const question = frame(Buffer.concat([Buffer.from([0x22, symbol.length]), symbol]));
  const before = process.memoryUsage().arrayBuffers;
  let isSent = false;
  stream.end(Buffer.concat(Array<Buffer>(COUNT).fill(question)), () => (isSent = true));
  await until('all is sent', () => isSent);
  await gateway.metrics();
  t.ok(process.memoryUsage().arrayBuffers - before < 2 << 20, 'its answers are not there yet');
  client.session.settings({ initialWindowSize: 1 << 20 });
  const { body, trailers } = await answer;
  t.equal(trailers?.['grpc-status'], '0');
  let count = 0;
  for (let at = 0; at < body.length; at += 5 + body.readUInt32BE(at + 1)) count++;
  t.equal(count, COUNT);
});

test('a stream on which nothing is asked ends; one that watches does not, unless its client set a deadline', async (t) => {
  const gateway = await setUp(t, 'requestTimeout: 300ms');
  const clients = [HEALTH, REFLECTION].map((service) => new GrpcClient(gateway.grpcUrl, service));
  t.teardown(() => clients.forEach((client) => client.close()));
  const [health, reflection] = clients as [GrpcClient, GrpcClient];
  const watch = health.stream('Watch');
  const next = reader(watch);
  let hasEnded = false;
  watch.once('status', () => (hasEnded = true));
  watch.write({ service: '' });
  t.strictSame(await next(), { status: 'SERVING' });
  const hurried = health.stream('Watch', { timeoutMs: 600 });
  const hurriedEnd = statusOf(hurried);
  hurried.on('data', () => {});
  hurried.write({ service: '' });
  const silent = health.stream('Watch');
  const silentEnd = statusOf(silent);
  silent.on('data', () => {});
  const asking = reflection.stream('ServerReflectionInfo');
  const askingEnd = statusOf(asking);
  const answered = reader(asking);
  const startMs = performance.now();
  for (let i = 0; i < 4; i++) {
    asking.write({ list_services: '' });
    t.ok(await answered());
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  for (const end of [silentEnd, askingEnd, hurriedEnd]) t.equal((await end).code, status.DEADLINE_EXCEEDED);
  t.ok(performance.now() - startMs >= 600, 'a question puts the end off');
  t.notOk(hasEnded);
  watch.cancel();
});
