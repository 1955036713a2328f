import type { Test } from 'tap';

import { oneRoute, startGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { answerInfer, startServer } from '../support/model-server.ts';
import { RawClient, rawRequest } from '../support/raw-client.ts';

const INFER = '/v2/models/m/infer';

async function setUp(t: Test, http: string) {
  const server = await startServer(answerInfer('m'));
  const gateway = await startGateway(oneRoute([server.url], { http }));
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  return { server, gateway, client: await RawClient.connect(gateway.url) };
}

/** Sends the bytes one at a time until the connection closes. */
async function dribble(client: RawClient, endless: string): Promise<void> {
  let i = 0;
  const timer = setInterval(() => client.send(endless[i++ % endless.length]!), 20);
  await client.closed;
  clearInterval(timer);
}

test('a head that never ends is answered 408 and closed, also when it keeps dribbling', async (t) => {
  const { gateway, client } = await setUp(t, 'headerTimeout: 200ms, requestTimeout: 10s');
  const startMs = performance.now();
  client.send(`POST ${INFER} HTTP/1.1\r\nHost: g\r\n`);
  const [answer] = await Promise.all([client.answer(), dribble(client, 'a: b\r\n')]);
  t.equal(answer?.status, 408);
  t.equal(answer?.headers.get('makas-error'), 'REQUEST_TIMEOUT');
  t.ok(performance.now() - startMs < 7000);
  t.match(await gateway.ledger(), { started: 0, inflight: 0 });
});

test('a body that never ends is cut when the time for the whole request is over', async (t) => {
  const { server, gateway, client } = await setUp(t, 'headerTimeout: 200ms, requestTimeout: 400ms');
  client.send(`POST ${INFER} HTTP/1.1\r\nHost: g\r\nContent-Length: 1000000\r\n\r\n`);
  const [answer] = await Promise.all([client.answer(), dribble(client, 'x')]);
  t.equal(answer?.status, 408);
  t.equal(server.received.length, 0);
  t.match(await gateway.ledger(), { started: 1, inflight: 0 });
});

test('an idle connection is closed after the keep-alive time, and works until then', async (t) => {
  const { client } = await setUp(t, 'keepAliveTimeout: 300ms');
  for (let i = 0; i < 3; i++) {
    client.send(rawRequest(INFER));
    t.equal((await client.answer())?.status, 200);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const startMs = performance.now();
  await client.closed;
  t.ok(performance.now() - startMs < 3000);
});
