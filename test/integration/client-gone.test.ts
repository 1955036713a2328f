import { Buffer } from 'node:buffer';

import type { Test } from 'tap';

import { oneRoute, startGateway, type TestGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { RawClient, rawRequest } from '../support/raw-client.ts';
import { startRawServer, type RawAnswerer } from '../support/raw-server.ts';
import { until } from '../support/traffic.ts';

const INFER = '/v2/models/m/infer';

async function setUp(t: Test, answerer: RawAnswerer = () => {}) {
  const upstream = await startRawServer(answerer);
  const gateway = await startGateway(oneRoute([upstream.url], { limits: 'buffer: 64KiB' }));
  t.teardown(async () => {
    await gateway.close();
    await upstream.close();
  });
  return { upstream, gateway, client: await RawClient.connect(gateway.url) };
}

async function expectGone(t: Test, gateway: TestGateway, count = 1): Promise<void> {
  await until('counted', async () => (await gateway.ledger()).aborted === count);
  t.strictSame(await gateway.ledger(), { started: count, completed: 0, aborted: count, inflight: 0 });
  t.equal(await gateway.metric('makas_requests_aborted_total{reason="client-closed"}'), count);
  t.equal(await gateway.metric('makas_errors_total{code="CLIENT_CLOSED"}'), count);
  t.match(await gateway.metrics(), /makas_endpoint_inflight\{.*\} 0\n/);
}

test('a client that leaves before the answer ends the request at the model server', async (t) => {
  const { upstream, gateway, client } = await setUp(t);
  client.send(rawRequest(INFER));
  await until('the request is upstream', () => upstream.received().endsWith('{"inputs":[]}'));
  client.close();
  await upstream.connections[0]!.closed;
  await expectGone(t, gateway);
});

test('a client that leaves in the middle of a pipelined request ends those before it as well', async (t) => {
  const { upstream, gateway, client } = await setUp(t);
  const cut = `POST ${INFER} HTTP/1.1\r\nHost: g\r\nContent-Length: 1000\r\n\r\n{"partial`;
  client.send(Buffer.concat([Buffer.from(rawRequest(INFER)), Buffer.from(cut)]));
  await until('the first request is upstream', () => upstream.received().endsWith('{"inputs":[]}'));
  client.close();
  await upstream.connections[0]!.closed;
  await expectGone(t, gateway, 2);
});

test('a client that leaves in the middle of the answer ends it at the model server', async (t) => {
  const { upstream, gateway, client } = await setUp(t, ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n');
  });
  client.send(rawRequest(INFER));
  await client.until(() => client.rest.includes('\r\na\r\n'));
  client.socket.resetAndDestroy();
  await upstream.connections[0]!.closed;
  await expectGone(t, gateway);
});

test('a client that leaves while its body streams ends the upload, which never looks complete', async (t) => {
  const { upstream, gateway, client } = await setUp(t);
  client.send(`POST ${INFER} HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n19000\r\n`);
  client.send(Buffer.alloc(0x19000, 'x'));
  await until('the beginning is upstream', () => upstream.received().length > 64 * 1024);
  client.close();
  await upstream.connections[0]!.closed;
  t.notOk(upstream.received().endsWith('0\r\n\r\n'));
  await expectGone(t, gateway);
});

test('a client that leaves before its body is whole is counted and costs the model server nothing', async (t) => {
  const { upstream, gateway, client } = await setUp(t);
  client.send(`POST ${INFER} HTTP/1.1\r\nHost: g\r\nContent-Length: 100\r\n\r\nabc`);
  await until('begun', async () => (await gateway.ledger()).inflight === 1);
  client.close();
  await expectGone(t, gateway);
  t.equal(upstream.connections.length, 0);
});

test('a client that leaves takes its pipelined requests with it', async (t) => {
  const { upstream, gateway, client } = await setUp(t);
  client.send(Buffer.concat([rawRequest(INFER), rawRequest(INFER), rawRequest(INFER)]));
  await until('all are upstream', () => upstream.connections.length === 3);
  client.close();
  await Promise.all(upstream.connections.map(({ closed }) => closed));
  await expectGone(t, gateway, 3);
});

test('two hundred clients that leave at random moments leave nothing behind', async (t) => {
  let seed = 7;
  const random = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const { gateway, client } = await setUp(t, ({ socket }) => {
    const delayMs = Math.floor(random() * 10);
    setTimeout(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc'), delayMs);
    setTimeout(() => socket.write('def'), delayMs + 5);
  });
  client.close();
  const one = async (): Promise<void> => {
    const one = await RawClient.connect(gateway.url);
    const bytes = rawRequest(INFER, 'x'.repeat(Math.floor(random() * 2000)));
    one.send(bytes.subarray(0, Math.floor((0.5 + random()) * bytes.length)));
    await new Promise((resolve) => setTimeout(resolve, random() * 20));
    if (random() < 0.5) one.socket.resetAndDestroy();
    else one.close();
  };
  for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 20 }, one));
  // The last connections may not have been accepted yet.
  let before = -1;
  await until('no more requests begin, and nothing is under way', async () => {
    const { started, inflight } = await gateway.ledger();
    const isStill = started === before && inflight === 0;
    before = started;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return isStill;
  });
  const { started, completed, aborted } = await gateway.ledger();
  t.equal(started, completed + aborted);
  t.ok(aborted > 50 && started <= 200, `${aborted} of ${started} were given up`);
  t.match(await gateway.metrics(), /makas_endpoint_inflight\{.*\} 0\n/);
});
