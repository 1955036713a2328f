import { oneRoute, startGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { answerInfer, startServer } from '../support/model-server.ts';
import { RawClient, rawRequest } from '../support/raw-client.ts';

const INFER = '/v2/models/m/infer';

/** Sends requests one after another on one connection and gives their times in milliseconds. */
async function times(url: string, count: number): Promise<number[]> {
  const client = await RawClient.connect(url);
  const found: number[] = [];
  for (let i = 0; i < count; i++) {
    const startMs = performance.now();
    client.send(rawRequest(INFER));
    if ((await client.answer())?.status !== 200) throw new Error('not answered');
    found.push(performance.now() - startMs);
  }
  client.close();
  return found.toSorted((a, b) => a - b);
}

test('of two endpoints the faster one gets most of the requests', async (t) => {
  const fast = await startServer(answerInfer('fast'));
  const slow = await startServer((request, response) => {
    setTimeout(() => answerInfer('slow')(request, response), 40);
  });
  const gateway = await startGateway(oneRoute([slow.url, fast.url]));
  t.teardown(async () => {
    await gateway.close();
    await fast.close();
    await slow.close();
  });
  await Promise.all(Array.from({ length: 8 }, () => times(gateway.url, 50)));
  t.equal(fast.received.length + slow.received.length, 400);
  t.ok(fast.received.length > 2 * slow.received.length, `fast ${fast.received.length}, slow ${slow.received.length}`);
  t.ok(slow.received.length > 0, 'the slow one is not forgotten');
});

test('two equal endpoints share the requests evenly', async (t) => {
  const servers = [await startServer(answerInfer('a')), await startServer(answerInfer('b'))];
  const gateway = await startGateway(oneRoute(servers.map(({ url }) => url)));
  t.teardown(async () => {
    await gateway.close();
    for (const server of servers) await server.close();
  });
  await times(gateway.url, 400);
  const [a = 0, b = 0] = servers.map(({ received }) => received.length);
  t.equal(a + b, 400);
  // Binomial of 400 at 0.5: sigma is 10.
  t.ok(Math.abs(a - 200) < 50, `${a} and ${b}`);
});

test('on a kept connection the gateway adds little time and opens no further connection', async (t) => {
  const server = await startServer(answerInfer('m'));
  const gateway = await startGateway(oneRoute([server.url]));
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  await times(server.url, 100);
  await times(gateway.url, 100);
  const before = server.connections();
  const direct = (await times(server.url, 200))[100]!;
  const through = (await times(gateway.url, 200))[100]!;
  t.ok(through - direct < 3, `p50 ${through.toFixed(2)} ms through the gateway, ${direct.toFixed(2)} ms direct`);
  t.equal(server.connections(), before + 1, "only this test's own");
});
