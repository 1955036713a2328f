import { status } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor/index.js';
import type { Test } from 'tap';

import {
  GrpcClient,
  HEALTH,
  INFERENCE,
  inferAnswering,
  type Message,
  reader,
  REFLECTION,
  startModel,
  statusOf,
} from '../support/grpc.ts';
import { startGrpcGateway } from '../support/grpc-gateway.ts';
import { test } from '../support/lanes.ts';
import { until } from '../support/traffic.ts';

async function setUp(t: Test, service: string, grpc = '') {
  const model = await startModel(inferAnswering('m'));
  const gateway = await startGrpcGateway([model.url], { more: 'limits: { drain: 3s }', grpc });
  const client = new GrpcClient(gateway.grpcUrl, service);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    model.close();
  });
  return { gateway, client, model };
}

test('the server is alive, ready, and says what it is', async (t) => {
  const { client } = await setUp(t, INFERENCE);
  t.strictSame((await client.unary('ServerLive', {})).message, { live: true });
  t.strictSame((await client.unary('ServerReady', {})).message, { ready: true });
  t.match((await client.unary('ServerMetadata', {})).message, { name: 'makas', extensions: ['binary_tensor_data'] });
});

test('Check: what is served is serving, what is not is not found', async (t) => {
  const { client, gateway } = await setUp(t, HEALTH);
  for (const service of ['', INFERENCE]) {
    const { code, message } = await client.unary('Check', { service });
    t.equal(code, status.OK);
    t.strictSame(message, { status: 'SERVING' });
  }
  const unknown = await client.unary('Check', { service: 'a.B' });
  t.equal(unknown.code, status.NOT_FOUND);
  t.equal((await gateway.ledger()).started, 0, 'that is no request for a model');
});

test('Watch: tells how things are, then what changes, and ends when the gateway does', async (t) => {
  const { client, gateway, model } = await setUp(t, HEALTH);
  const watch = client.stream('Watch');
  const next = reader(watch);
  watch.write({ service: '' });
  watch.end();
  t.strictSame(await next(), { status: 'SERVING' });
  const unknown = client.stream('Watch');
  const nextUnknown = reader(unknown);
  unknown.write({ service: 'a.B' });
  t.strictSame(await nextUnknown(), { status: 'SERVICE_UNKNOWN' });
  const ended = [statusOf(watch), statusOf(unknown)];
  const startMs = performance.now();
  const closed = gateway.app.close();
  t.strictSame(await next(), { status: 'NOT_SERVING' });
  for (const each of ended) t.equal((await each).code, status.UNAVAILABLE);
  await closed;
  t.ok(performance.now() - startMs < 2000, 'those who watch do not hold up the end');
  model.close();
});

test('a client that stops to watch is forgotten', async (t) => {
  const { client } = await setUp(t, HEALTH);
  const watch = client.stream('Watch');
  const next = reader(watch);
  watch.write({ service: '' });
  t.strictSame(await next(), { status: 'SERVING' });
  watch.cancel();
  t.equal((await statusOf(watch)).code, status.CANCELLED);
});

test('reflection lists the services, and describes them so that a client can be made of it', async (t) => {
  const { client } = await setUp(t, REFLECTION, 'services: [app.Ranker]');
  const stream = client.stream('ServerReflectionInfo');
  const next = reader(stream);
  const ask = async (request: Message): Promise<Message> => {
    stream.write(request);
    return (await next()) as Message;
  };
  const listed = await ask({ host: 'h', list_services: '' });
  t.match(listed, { valid_host: 'h', original_request: { list_services: '' } });
  const { service } = listed['list_services_response'] as { service: { name: string }[] };
  const names = service.map(({ name }) => name);
  t.strictSame(names.toSorted(), [
    'app.Ranker',
    HEALTH,
    REFLECTION,
    'grpc.reflection.v1alpha.ServerReflection',
    INFERENCE,
    'seldon.protos.Seldon',
    'tensorflow.serving.ModelService',
    'tensorflow.serving.PredictionService',
  ]);
  for (const symbol of [INFERENCE, `${INFERENCE}.ModelStatistics`, 'inference.ModelInferRequest.InferInputTensor']) {
    const { file_descriptor_response: found } = await ask({ file_containing_symbol: symbol });
    const [bytes] = (found as { file_descriptor_proto: Buffer[] }).file_descriptor_proto;
    const file = descriptor.FileDescriptorProto.decode(bytes as Buffer);
    const set = descriptor.FileDescriptorSet.create({ file: [file] });
    const root = (protobuf.Root as unknown as { fromDescriptor(set: object): protobuf.Root }).fromDescriptor(set);
    t.ok(root.lookupService(INFERENCE).methods['ModelStatistics'], symbol);
  }
  const byName = await ask({ file_by_filename: 'grpc/health/v1/health.proto' });
  t.ok(byName['file_descriptor_response']);
  for (const request of [
    { file_containing_symbol: 'a.B' },
    { file_containing_symbol: 'seldon.protos.Seldon' },
    { file_by_filename: 'x' },
    { all_extension_numbers_of_type: 'a' },
  ])
    t.match(await ask(request), { error_response: { error_code: status.NOT_FOUND } });
  stream.end();
  t.equal((await statusOf(stream)).code, status.OK);
});

test('a message for the gateway itself that is too large is refused', async (t) => {
  const { client, gateway } = await setUp(t, HEALTH);
  const { code } = await client.unary('Check', { service: 'a'.repeat(100_000) });
  t.equal(code, status.RESOURCE_EXHAUSTED);
  await until('it was counted', async () => (await gateway.metrics()).includes('BODY_TOO_LARGE'));
});
