import { once } from 'node:events';
import { test, type Test } from 'tap';

import { startGateway, sumOf, type TestGateway } from '../support/gateway.ts';
import { answerInfer, startServer } from '../support/model-server.ts';
import { RawClient, rawRequest, sendRaw } from '../support/raw-client.ts';
import { startRawServer } from '../support/raw-server.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import { readLog, until } from '../support/traffic.ts';
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

/** Everything in a scrape that must never go down, by series. */
function countersOf(text: string): Map<string, number> {
  const counters = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^(\w+_(?:total|bucket|count)(?:\{.*\})?) (\S+)$/.exec(line);
    if (match !== null) counters.set(match[1]!, Number(match[2]));
  }
  return counters;
}

interface CounterWatch {
  /** Counters that went down or away. */
  readonly down: string[];
  /** Scrapes in which requests were begun that were neither completed, aborted nor under way, or the other way round. */
  readonly unequal: string[];
  /** Resolves with the number of scrapes. */
  stop(): Promise<number>;
}

/** Scrapes without end, and notes what cannot be. */
function watchCounters(gateway: TestGateway): CounterWatch {
  const down: string[] = [];
  const unequal: string[] = [];
  const state = { isOn: true };
  let scrapes = 0;
  const watch = async (): Promise<void> => {
    let before = new Map<string, number>();
    while (state.isOn) {
      const text = await gateway.metrics();
      const now = countersOf(text);
      scrapes++;
      const begun = sumOf(text, 'makas_requests_started_total');
      const known = ['makas_requests_total', 'makas_requests_aborted_total', 'makas_requests_inflight'];
      const sums = known.map((name) => sumOf(text, name));
      if (sums.reduce((sum, each) => sum + each, 0) !== begun) unequal.push(`${begun}: ${sums.join(' + ')}`);
      for (const [series, value] of before) {
        if (!((now.get(series) ?? -1) >= value)) down.push(`${series}: ${value}, then ${now.get(series)}`);
      }
      before = now;
    }
  };
  const watching = watch();
  return {
    down,
    unequal,
    async stop() {
      state.isOn = false;
      await watching;
      return scrapes;
    },
  };
}

async function killWorker(gateway: TestGateway, at: number): Promise<void> {
  const thread = gateway.app.threads()[at]!;
  const exited = once(thread, 'exit');
  void thread.terminate();
  await exited;
}

test('at any moment the metrics are the sum of what was answered, whichever worker answered', async (t) => {
  const { gateway } = await setUp(t);
  t.equal(gateway.app.threads().length, 2);
  t.equal(await gateway.metric('makas_workers'), 2);
  const clients = await Promise.all(Array.from({ length: 32 }, () => RawClient.connect(gateway.url)));
  for (let round = 1; round <= 30; round++) {
    for (const client of clients) client.send(rawRequest(INFER));
    for (const client of clients) t.equal((await client.answer())?.status, 200);
    const count = 32 * round;
    const text = await gateway.metrics();
    const sums = ['makas_requests_started_total', 'makas_requests_total', 'makas_request_duration_seconds_count'];
    t.same(
      sums.map((name) => sumOf(text, name)),
      [count, count, count],
    );
    t.equal(sumOf(text, 'makas_requests_inflight'), 0);
  }
  // Both have clients: those of one worker lose their connection with it, the others do not.
  await killWorker(gateway, 0);
  for (const client of clients) client.send(rawRequest(INFER));
  const answers = await Promise.all(clients.map((client) => client.answer()));
  const lost = answers.filter((answer) => answer === null).length;
  t.ok(lost > 0 && lost < 32, `${lost} of 32 connections were with that worker`);
  for (const client of clients) client.close();
});

test('a worker is killed under load: no counter goes down, no request of another fails, it is replaced', async (t) => {
  const { gateway } = await setUp(t);
  const watch = watchCounters(gateway);
  let sent = 0;
  let answered = 0;
  for (const [round, at] of [0, 1, 0].entries()) {
    // New connections each time: those that connect anew while a worker is away are all with the other one.
    const load = new SteadyLoad(gateway.url, 24, INFER);
    await until('the load is on', () => load.answered > 300);
    const before = load.answered;
    await killWorker(gateway, at);
    const restarts = async (): Promise<number> => gateway.metric('makas_worker_restarts_total');
    await until('the end of the worker is known', async () => (await restarts()) > round, 30_000);
    await until('the worker is replaced', async () => (await gateway.metric('makas_workers')) === 2, 30_000);
    await until('the load goes on', () => load.answered > before + 300);
    await load.stop();
    const broken = new Set(load.broken);
    t.ok(broken.size > 0 && broken.size < 24, `${broken.size} of 24 clients were with that worker`);
    t.same(load.wrong, [], 'the others got only good answers');
    sent += load.sent;
    answered += load.answered;
  }
  const scrapes = await watch.stop();
  t.same(watch.down.slice(0, 5), [], `${scrapes} scrapes`);
  t.same(watch.unequal.slice(0, 5), []);
  t.ok(scrapes > 10);
  t.equal(await gateway.metric('makas_worker_restarts_total'), 3);
  t.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 200);

  const { started, completed, aborted, inflight } = await gateway.ledger();
  t.equal(inflight, 0);
  t.equal(started, completed + aborted, 'requests that ended with their worker are counted as aborted');
  // A worker may end between the last byte of an answer and its count.
  t.ok(completed <= sent, `${completed} completed of ${sent} sent`);
  t.ok(completed + aborted >= answered, `${answered} answered, ${completed} completed, ${aborted} aborted`);
  t.ok(started <= sent, `${started} of ${sent} were begun`);
  const ended = readLog(gateway.folder).filter(({ msg }) => msg?.startsWith('a worker ended') === true);
  t.equal(ended.length, 3);
});

test('while a worker is away the gateway is ready and says what is missing', async (t) => {
  const { gateway } = await setUp(t);
  type Readiness = { ready: boolean; degraded: string[] };
  const readiness = async (): Promise<Readiness> =>
    (await (await fetch(`${gateway.adminUrl}/readyz`)).json()) as Readiness;
  t.same(await readiness(), { ready: true, reasons: [], degraded: [] });
  const seen: Readiness[] = [];
  await killWorker(gateway, 1);
  const isWhole = async (): Promise<boolean> => {
    seen.push(await readiness());
    return seen.at(-1)!.degraded.length === 0;
  };
  await until('it is whole again', isWhole, 30_000);
  t.same(seen[0], { ready: true, reasons: [], degraded: ['workers'] });
  t.equal(await gateway.metric('makas_degraded{reason="workers"}'), 0);
  t.equal((await sendRaw(gateway.url, rawRequest(INFER)))?.status, 200);
});

test('the admin views and the gauges show what all workers do together', async (t) => {
  const slow = await startRawServer(() => {});
  t.teardown(() => slow.close());
  const gateway = await startGateway((folder) => marked(folder, slow.url, 'start'));
  t.teardown(() => gateway.close());
  const clients = await Promise.all(Array.from({ length: 24 }, () => RawClient.connect(gateway.url)));
  for (const client of clients) client.send(rawRequest(INFER));
  await until('all are upstream', () => slow.connections.length === 24);
  const text = await gateway.metrics();
  t.equal(sumOf(text, 'makas_requests_inflight'), 24);
  t.equal(sumOf(text, 'makas_endpoint_inflight'), 24);
  t.equal(sumOf(text, 'makas_endpoint_up'), 1);
  t.equal(sumOf(text, 'makas_build_info'), 1);
  t.equal(sumOf(text, 'makas_config_info'), 1);
  const { backends } = (await (await fetch(`${gateway.adminUrl}/admin/backends`)).json()) as {
    backends: { name: string; endpoints: { up: boolean; inflight: number }[] }[];
  };
  t.match(backends, [{ name: 'main-start', endpoints: [{ up: true, inflight: 24 }] }]);
  for (const client of clients) client.close();
  await until('all are given up', async () => (await gateway.metric('makas_requests_inflight')) === 0);
  t.equal(await gateway.metric('makas_requests_aborted_total{reason="client-closed"}'), 24);
});
