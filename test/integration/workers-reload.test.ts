import { setTimeout as pause } from 'node:timers/promises';
import { test, type Test } from 'tap';

import { startGateway, type TestGateway } from '../support/gateway.ts';
import { answerInfer, startServer } from '../support/model-server.ts';
import { RawClient, rawRequest, sendRaw } from '../support/raw-client.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import { until } from '../support/traffic.ts';
import { marked } from '../support/worker-config.ts';

const INFER = '/v2/models/m/infer';

async function setUp(t: Test) {
  const server = await startServer((request, response) => {
    server.received.length = 0;
    answerInfer('main')(request, response);
  });
  t.teardown(() => server.close());
  const gateway = await startGateway((folder) => marked(folder, server.url, 'start'));
  t.teardown(() => gateway.close());
  return { server, gateway };
}

test('reloads under load: no request fails, each sees one configuration, and after it all workers have it', async (t) => {
  const { server, gateway } = await setUp(t);
  const load = new SteadyLoad(gateway.url, 16, INFER, ({ status, headers }) => {
    const mark = headers.get('makas-route')?.slice('route-'.length);
    return status === 200 && headers.get('makas-backend') === `main-${mark}`;
  });
  await until('the load is on', () => load.answered > 200);
  const connections = await Promise.all(Array.from({ length: 16 }, () => RawClient.connect(gateway.url)));
  const broken = ['version: 1\n  bad: [', marked(gateway.folder, server.url, 'x', 'nowhere')];
  let live = 'start';
  for (let i = 0; i < 20; i++) {
    const isBroken = i % 4 === 3;
    if (!isBroken) live = `m${i}`;
    await gateway.rewrite(isBroken ? broken[i % 2]! : marked(gateway.folder, server.url, live));
    for (const connection of connections) connection.send(rawRequest(INFER));
    const answers = await Promise.all(connections.map((connection) => connection.answer()));
    t.same([...new Set(answers.map((answer) => answer?.headers.get('makas-route')))], [`route-${live}`]);
  }
  await load.stop();
  t.same(load.wrong.slice(0, 5), [], `${load.answered} answers`);
  t.same(load.broken, []);
  // The watch of the file may have found a broken one too.
  t.ok((await gateway.metric('makas_config_reloads_total{result="failed"}')) >= 5);
  t.match(await gateway.ledger(), { aborted: 0, inflight: 0 });
  for (const connection of connections) connection.close();
});

test('a configuration that the workers cannot take goes live nowhere', async (t) => {
  const { server, gateway } = await setUp(t);
  const next = marked(gateway.folder, 'https://127.0.0.1:9', 'tls').replace(
    `'] }`,
    `'], tls: { ca: /nowhere/ca.pem } }`,
  );
  await gateway.rewrite(next);
  const config = (await (await fetch(`${gateway.adminUrl}/admin/config`)).json()) as { last_reload_error: string };
  t.match(config.last_reload_error, /nowhere/);
  for (let i = 0; i < 16; i++) {
    const answer = await sendRaw(gateway.url, rawRequest(INFER));
    t.equal(answer?.headers.get('makas-route'), 'route-start');
  }
  await gateway.rewrite(marked(gateway.folder, server.url, 'after'));
  t.equal((await sendRaw(gateway.url, rawRequest(INFER)))?.headers.get('makas-route'), 'route-after');
});

/** Waits until both workers serve, and checks that every one of them serves this configuration. */
async function expectEverywhere(t: Test, gateway: TestGateway, mark: string): Promise<void> {
  await until('it is whole again', async () => (await gateway.metric('makas_workers')) === 2, 30_000);
  const routes = new Set<string | undefined>();
  for (let k = 0; k < 24; k++) {
    const answer = await sendRaw(gateway.url, rawRequest(INFER));
    routes.add(answer?.headers.get('makas-route'));
  }
  t.same(routes, new Set([`route-${mark}`]));
}

test('a worker that ends during a reload is replaced by one with the configuration that is live then', async (t) => {
  const { server, gateway } = await setUp(t);
  for (let i = 0; i < 4; i++) {
    const [thread] = gateway.app.threads();
    // At several moments of the reload.
    const kill = pause(4 * i).then(() => thread!.terminate());
    await gateway.rewrite(marked(gateway.folder, server.url, `m${i}`));
    await kill;
    await expectEverywhere(t, gateway, `m${i}`);
  }
});

test('a worker that was starting during a reload serves the configuration that is live when it serves', async (t) => {
  const { server, gateway } = await setUp(t);
  const [thread] = gateway.app.threads();
  await thread!.terminate();
  await until(
    'another one starts',
    () => gateway.app.threads().length === 2 && !gateway.app.threads().includes(thread!),
  );
  await gateway.rewrite(marked(gateway.folder, server.url, 'next'));
  t.equal(await gateway.metric('makas_workers'), 1, 'it is not there yet');
  await expectEverywhere(t, gateway, 'next');
});
