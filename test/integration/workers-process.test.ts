import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type Test } from 'tap';

import { configHead, startGateway, startGatewayProcess } from '../support/gateway.ts';
import { answerInfer, startServer } from '../support/model-server.ts';
import { RawClient, rawRequest } from '../support/raw-client.ts';
import { startRawServer } from '../support/raw-server.ts';
import { forEachOf, INFER_BODY, inferPath, openClient, range, seriesOf, until } from '../support/traffic.ts';

function withFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'makas-workers-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const config = (folder: string, url: string, more = 'workers: 2'): string => `${configHead(folder)}${more}
backends: { main: { protocol: oip, endpoints: ['${url}'] } }
routes: [{ name: all, rules: [{ backend: main }] }]
`;

test('SIGTERM drains every worker: what is under way is answered, then the process ends by itself', async (t) => {
  const folder = withFolder(t);
  const upstream = await startRawServer(() => {});
  const configPath = join(folder, 'makas.yaml');
  writeFileSync(configPath, config(folder, upstream.url));
  const gateway = await startGatewayProcess(configPath);
  t.teardown(async () => {
    await gateway.stop('SIGKILL');
    await upstream.close();
  });
  const clients = await Promise.all(Array.from({ length: 16 }, () => RawClient.connect(gateway.url)));
  const idle = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(gateway.url)));
  for (const client of clients) client.send(rawRequest(inferPath('m')));
  await until('all are upstream', () => upstream.connections.length === 16);
  const exit = gateway.stop('SIGTERM');
  await Promise.all(idle.map((client) => client.closed));
  t.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 503);
  await t.rejects(RawClient.connect(gateway.url), /ECONNREFUSED/);
  for (const { socket } of upstream.connections) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
  const answers = await Promise.all(clients.map((client) => client.answer()));
  t.ok(answers.every((answer) => answer?.status === 200));
  t.equal(await exit, 0);
  const messages = gateway.lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
  t.equal(messages.filter((text) => text === 'draining').length, 3, 'the gateway and two workers say so');
  t.notOk(messages.includes('a worker did not end in time'));
  t.equal(messages.at(-1), 'stopped');
});

test('workers that cannot drain in time do not hold up the end', async (t) => {
  const folder = withFolder(t);
  const upstream = await startRawServer(() => {});
  const configPath = join(folder, 'makas.yaml');
  writeFileSync(configPath, config(folder, upstream.url, 'workers: 2\nlimits: { drain: 200ms }'));
  const gateway = await startGatewayProcess(configPath);
  t.teardown(() => upstream.close());
  const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(gateway.url)));
  for (const client of clients) client.send(rawRequest(inferPath('m')));
  await until('all are upstream', () => upstream.connections.length === 8);
  t.equal(await gateway.stop('SIGTERM'), 0);
  for (const client of clients) t.equal(await client.answer(), null);
});

test('a worker that hangs is ended and replaced, while the others answer', async (t) => {
  const folder = withFolder(t);
  const server = await startServer(answerInfer('main'));
  const configPath = join(folder, 'makas.yaml');
  writeFileSync(configPath, config(folder, server.url));
  const hang = new URL('../support/hang-worker.ts', import.meta.url);
  const gateway = await startGatewayProcess(configPath, ['--import', hang.href]);
  t.teardown(async () => {
    await gateway.stop('SIGKILL');
    await server.close();
  });
  const metric = async (name: string): Promise<number> =>
    seriesOf(await (await fetch(`${gateway.adminUrl}/metrics`)).text(), name);
  const clients = await Promise.all(Array.from({ length: 16 }, () => RawClient.connect(gateway.url)));
  gateway.child.kill('SIGUSR2');
  await until('it is ended', async () => (await metric('makas_worker_restarts_total')) === 1, 30_000);
  await until('another one takes its place', async () => (await metric('makas_workers')) === 2, 30_000);
  for (const client of clients) client.send(rawRequest(inferPath('m')));
  const answers = await Promise.all(clients.map((client) => client.answer()));
  const lost = answers.filter((answer) => answer === null).length;
  t.ok(lost > 0 && lost < 16, `${lost} of 16 connections were with that worker`);
  t.ok(gateway.lines.some((line) => line.includes('a worker hangs and is ended')));
  const again = await RawClient.connect(gateway.url);
  again.send(rawRequest(inferPath('m')));
  t.equal((await again.answer())?.status, 200);
  again.close();
  for (const client of clients) client.close();
});

test('the log lines of all workers come whole, and each decision once', async (t) => {
  const folder = withFolder(t);
  const server = await startServer(answerInfer('main'));
  t.teardown(() => server.close());
  const configPath = join(folder, 'makas.yaml');
  writeFileSync(configPath, config(folder, server.url, 'workers: 2\nlog: { decisions: 100% }'));
  const gateway = await startGatewayProcess(configPath);
  t.teardown(() => gateway.stop('SIGKILL'));
  const client = openClient(gateway.url, 24);
  await forEachOf(range(2000), 24, (i) => client.post(inferPath('m'), INFER_BODY, { 'x-request-id': `id-${i}` }));
  await client.close();
  t.equal(await gateway.stop(), 0);
  // Every line was JSON, or the gateway of the test would have thrown.
  const decisions = gateway.lines.map((line) => JSON.parse(line) as { type?: string; request_id?: string });
  const ids = decisions.filter(({ type }) => type === 'decision').map(({ request_id: id }) => id);
  t.equal(ids.length, 2000);
  t.equal(new Set(ids).size, 2000);
});

test('a port that is taken is told at the start, also when its owner would share it', async (t) => {
  const server = await startServer(answerInfer('main'));
  t.teardown(() => server.close());
  const other = createServer();
  await new Promise<void>((resolve) => other.listen({ port: 0, host: '127.0.0.1', reusePort: true }, resolve));
  const { port } = other.address() as AddressInfo;
  const onPort = (folder: string) => config(folder, server.url).replace('port: 0', `port: ${port}`);
  await t.rejects(startGateway(onPort), /EADDRINUSE/);
  await new Promise((resolve) => other.close(resolve));
  const gateway = await startGateway(onPort);
  t.equal(new URL(gateway.url).port, String(port), 'nothing of the failed start is left');
  t.equal((await fetch(`${gateway.url}/v2/health/ready`)).status, 200);
  await gateway.close();
});

test('a start that a worker cannot make fails with its reason', async (t) => {
  const start = startGateway((folder) =>
    config(folder, 'https://127.0.0.1:9').replace(`'] }`, `'], tls: { ca: /nowhere/ca.pem } }`),
  );
  await t.rejects(start, /nowhere/);
});
