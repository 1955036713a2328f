import { renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import type { Test } from 'tap';

import { configHead, startGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { answerInfer, startServer } from '../support/model-server.ts';
import { RawClient, rawRequest, sendRaw, type RawAnswer } from '../support/raw-client.ts';
import { startRawServer } from '../support/raw-server.ts';
import { until } from '../support/traffic.ts';

const INFER = '/v2/models/m/infer';

/** A configuration whose route and backend carry the same mark, so that a mixed answer can be seen. */
function marked(folder: string, mark: string, backends: Readonly<Record<string, string>>, chosen: string): string {
  const lines = Object.entries(backends).map(
    ([name, url]) => `  ${name}-${mark}: { protocol: oip, endpoints: ['${url}'] }`,
  );
  return `${configHead(folder)}backends:
${lines.join('\n')}
routes:
  - { name: route-${mark}, expose: true, rules: [{ backend: ${chosen}-${mark} }] }
`;
}

async function lastError(adminUrl: string): Promise<string | null> {
  const config = (await (await fetch(`${adminUrl}/admin/config`)).json()) as { last_reload_error: string | null };
  return config.last_reload_error;
}

async function setUp(t: Test) {
  const one = await startServer(answerInfer('one'));
  const two = await startServer(answerInfer('two'));
  const urls = { one: one.url, two: two.url };
  const gateway = await startGateway((folder) => marked(folder, 'start', urls, 'one'));
  t.teardown(async () => {
    await gateway.close();
    await one.close();
    await two.close();
  });
  return { one, two, urls, gateway };
}

test('100 reloads under load, a third of them broken: no request fails, none sees two configurations', async (t) => {
  const { one, two, urls, gateway } = await setUp(t);
  const load = { isOn: true };
  let requests = 0;
  const wrong: string[] = [];
  const check = (answer: RawAnswer | null): void => {
    requests++;
    const route = answer?.headers.get('makas-route')?.slice('route-'.length);
    const [backend, mark] = (answer?.headers.get('makas-backend') ?? '').split(/-(.*)/);
    const isRight = answer?.status === 200 && route === mark && answer.body.includes(`"${backend}"`);
    if (!isRight) wrong.push(`${answer?.status} ${route} ${backend}-${mark} ${answer?.body.toString()}`);
  };
  const client = async (): Promise<void> => {
    const connection = await RawClient.connect(gateway.url);
    while (load.isOn) {
      connection.send(rawRequest(INFER));
      check(await connection.answer());
    }
    connection.close();
  };
  const clients = Array.from({ length: 20 }, client);
  await until('all connections are used', () => requests > 200);
  const connectionsBefore = one.connections() + two.connections();
  const broken = ['version: 1\n  bad: [', 'version: 1\nroutes: 3\n', marked(gateway.folder, 'x', urls, 'nowhere')];
  for (let i = 0; i < 100; i++) {
    if (i % 3 === 2) {
      await gateway.rewrite(broken[(i - 2) % broken.length]!);
      t.ok(await lastError(gateway.adminUrl), `reload ${i} is refused, and says why`);
    } else {
      await gateway.rewrite(marked(gateway.folder, `m${i}`, urls, i % 2 === 0 ? 'one' : 'two'));
      t.equal(await lastError(gateway.adminUrl), null, `reload ${i} is live`);
      const answer = await sendRaw(gateway.url, rawRequest(INFER));
      t.equal(answer?.headers.get('makas-route'), `route-m${i}`, 'and holds from now on');
    }
  }
  load.isOn = false;
  await Promise.all(clients);
  t.strictSame(wrong.slice(0, 5), [], `${requests} requests`);
  t.ok(requests > 1000);
  // Twenty to each of the two servers at most: a reload that closed connections would have opened thousands.
  const opened = one.connections() + two.connections();
  t.ok(opened <= 42, `${opened} connections, ${connectionsBefore} before the reloads`);
  t.equal(await gateway.metric('makas_config_reloads_total{result="failed"}'), 33);
  const { started, completed, aborted, inflight } = await gateway.ledger();
  t.strictSame({ started, aborted, inflight }, { started: completed, aborted: 0, inflight: 0 });
});

test('the connections of a backend that a reload took away are closed, after its last request', async (t) => {
  const old = await startRawServer(() => {});
  const next = await startServer(answerInfer('next'));
  const gateway = await startGateway((folder) => marked(folder, 'a', { old: old.url }, 'old'));
  t.teardown(async () => {
    await gateway.close();
    await old.close();
    await next.close();
  });
  const client = await RawClient.connect(gateway.url);
  client.send(rawRequest(INFER));
  await until('the request is at the old server', () => old.received().endsWith('{"inputs":[]}'));
  await gateway.rewrite(marked(gateway.folder, 'b', { next: next.url }, 'next'));
  t.equal((await sendRaw(gateway.url, rawRequest(INFER)))?.headers.get('makas-backend'), 'next-b');
  const connection = old.connections[0]!;
  t.notOk(connection.socket.destroyed, 'the request under way is left alone');
  connection.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
  const answer = await client.answer();
  t.equal(answer?.headers.get('makas-backend'), 'old-a', 'and answered with what it began with');
  await connection.closed;
  t.equal((await sendRaw(gateway.url, rawRequest(INFER)))?.status, 200);
  client.close();
});

test('a changed file is taken up by itself', async (t) => {
  const { urls, gateway } = await setUp(t);
  writeFileSync(gateway.configPath, marked(gateway.folder, 'written', urls, 'two'));
  const isLive = (mark: string) => async () =>
    (await sendRaw(gateway.url, rawRequest(INFER)))?.headers.get('makas-route') === `route-${mark}`;
  await until('written in place', isLive('written'));
  writeFileSync(`${gateway.configPath}.new`, marked(gateway.folder, 'renamed', urls, 'one'));
  renameSync(`${gateway.configPath}.new`, gateway.configPath);
  await until('renamed over', isLive('renamed'));
  t.match(await gateway.ledger(), { aborted: 0 });
});

test('a configuration that is written while the gateway starts is the one that serves', async (t) => {
  const server = await startServer(answerInfer('one'));
  const yaml = (folder: string, mark: string): string => marked(folder, mark, { one: server.url }, 'one');
  const gateway = await startGateway(
    (folder) => yaml(folder, 'read'),
    (configPath) => writeFileSync(configPath, yaml(dirname(configPath), 'written')),
  );
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  t.equal((await sendRaw(gateway.url, rawRequest(INFER)))?.headers.get('makas-route'), 'route-written');
});
