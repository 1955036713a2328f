import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Test } from 'tap';

import { oneRoute, startGatewayProcess } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { RawClient, rawRequest, sendRaw } from '../support/raw-client.ts';
import { startRawServer } from '../support/raw-server.ts';
import { until } from '../support/traffic.ts';

const INFER = '/v2/models/m/infer';
const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}';

async function setUp(t: Test, limits = 'drain: 5s', backend = '') {
  const upstream = await startRawServer(() => {});
  const folder = mkdtempSync(join(tmpdir(), 'makas-drain-'));
  const configPath = join(folder, 'makas.yaml');
  writeFileSync(configPath, oneRoute([upstream.url], { limits, backend })(folder));
  const gateway = await startGatewayProcess(configPath);
  t.teardown(async () => {
    gateway.child.kill('SIGKILL');
    await upstream.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const client = await RawClient.connect(gateway.url);
  const isLogged = (text: string) => () => gateway.lines.some((line) => line.includes(text));
  return { upstream, folder, configPath, gateway, client, isLogged };
}

test('SIGTERM: what is under way is answered, new connections are refused, the exit code is 0', async (t) => {
  const { upstream, gateway, client, isLogged } = await setUp(t);
  const fresh = await RawClient.connect(gateway.url);
  const idle = await RawClient.connect(gateway.url);
  idle.send(rawRequest('/v2/health/live', null));
  t.equal((await idle.answer())?.status, 200);
  client.send(rawRequest(INFER));
  await until('the request is upstream', () => upstream.received().endsWith('{"inputs":[]}'));
  const streaming = await RawClient.connect(gateway.url);
  streaming.send(rawRequest(INFER));
  await until('the second too', () => upstream.connections[1]?.received().toString().endsWith('[]}') === true);
  upstream.connections[1]!.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc');
  await streaming.until(() => streaming.rest.includes('abc'));
  const exit = gateway.stop('SIGTERM');
  await until('draining', isLogged('draining'));
  await Promise.all([fresh.closed, idle.closed]);
  await t.rejects(RawClient.connect(gateway.url), 'no new connection');
  upstream.connections[0]!.socket.write(ANSWER);
  const answer = await client.answer();
  t.equal(answer?.status, 200);
  t.equal(answer?.headers.get('connection'), 'close', 'the client is told not to come back on this connection');
  upstream.connections[1]!.socket.write('def');
  t.equal((await streaming.answer())?.body.toString(), 'abcdef');
  await client.closed;
  t.equal(await exit, 0);
  t.ok(isLogged('stopped')());
});

test('a slow reader gets the whole answer that was under way', async (t) => {
  const { upstream, gateway, client, isLogged } = await setUp(t);
  const size = 8 * 2 ** 20;
  client.send(rawRequest(INFER));
  await until('the request is upstream', () => upstream.received().endsWith('{"inputs":[]}'));
  upstream.connections[0]!.socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`);
  upstream.connections[0]!.socket.write(Buffer.alloc(size, 'x'));
  const exit = gateway.stop('SIGTERM');
  // Nearly all is read: what is left has long left the model server.
  await client.until(() => client.rest.length > 4 * 2 ** 20);
  client.socket.pause();
  await until('draining', isLogged('draining'));
  await new Promise((resolve) => setTimeout(resolve, 300));
  client.socket.resume();
  t.equal((await client.answer())?.body.length, size);
  t.equal(await exit, 0);
});

test('a slow reader gets the whole answer that was handed over at once', async (t) => {
  // The answer names the model, so it is held until it is whole.
  const { upstream, gateway, client, isLogged } = await setUp(t, 'drain: 30s', 'model: renamed');
  const answer = JSON.stringify({ model_name: 'renamed', data: 'x'.repeat(8 * 2 ** 20) });
  client.send(rawRequest(INFER));
  await until('the request is upstream', () => upstream.received().endsWith('{"inputs":[]}'));
  const { socket } = upstream.connections[0]!;
  socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${answer.length}\r\n\r\n`);
  socket.write(answer);
  await client.until(() => client.rest.length > 0);
  client.socket.pause();
  const exit = gateway.stop('SIGTERM');
  await until('draining', isLogged('draining'));
  await new Promise((resolve) => setTimeout(resolve, 300));
  client.socket.resume();
  t.equal((await client.answer())?.body.length, answer.length - 'renamed'.length + 'm'.length);
  t.equal(await exit, 0);
});

test('a reward that is being stored is answered, and a request that comes on an open connection too', async (t) => {
  const { upstream, gateway, client, isLogged } = await setUp(t);
  const rewards = await RawClient.connect(gateway.url);
  const body = '{"decision":"x","reward":1}';
  const head = `POST /rewards HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  rewards.send(head + body.slice(0, 5));
  client.send(rawRequest(INFER).subarray(0, 20));
  // A round trip on another connection: what was sent before it has arrived.
  t.equal((await sendRaw(gateway.url, rawRequest('/v2/health/live', null)))?.status, 200);
  const exit = gateway.stop('SIGTERM');
  await until('draining', isLogged('draining'));
  rewards.send(body.slice(5));
  client.send(rawRequest(INFER).subarray(20));
  t.equal((await rewards.answer())?.status, 403);
  await until('the request is upstream', () => upstream.received().endsWith('{"inputs":[]}'));
  upstream.connections[0]!.socket.write(ANSWER);
  t.equal((await client.answer())?.status, 200);
  t.equal(await exit, 0);
});

test('a request that is not done within the drain limit does not hold up the end', async (t) => {
  const { upstream, gateway, client } = await setUp(t, 'drain: 300ms');
  client.send(rawRequest(INFER));
  await until('the request is upstream', () => upstream.received().endsWith('{"inputs":[]}'));
  const startMs = performance.now();
  t.equal(await gateway.stop('SIGTERM'), 0);
  t.ok(performance.now() - startMs < 4000);
  t.equal(await client.answer(), null);
});

test('a second signal ends at once', async (t) => {
  const { upstream, gateway, client, isLogged } = await setUp(t, 'drain: 1m');
  client.send(rawRequest(INFER));
  await until('the request is upstream', () => upstream.received().endsWith('{"inputs":[]}'));
  const exit = gateway.stop('SIGTERM');
  await until('draining', isLogged('draining'));
  gateway.child.kill('SIGTERM');
  t.equal(await exit, 130);
});

test('SIGHUP loads the configuration again', async (t) => {
  const { upstream, folder, configPath, gateway, client, isLogged } = await setUp(t);
  writeFileSync(configPath, oneRoute([upstream.url], { route: 'expose: true' })(folder));
  gateway.child.kill('SIGHUP');
  await until('loaded', isLogged('configuration loaded'));
  client.send(rawRequest(INFER));
  await until('the request is upstream', () => upstream.received().endsWith('{"inputs":[]}'));
  upstream.connections[0]!.socket.write(ANSWER);
  t.equal((await client.answer())?.headers.get('makas-route'), 'all');
  writeFileSync(configPath, 'version: 2');
  gateway.child.kill('SIGHUP');
  await until('refused', isLogged('is refused'));
  t.equal((await sendRaw(gateway.url, rawRequest('/v2/health/live', null)))?.status, 200);
  t.equal(await gateway.stop(), 0);
});
