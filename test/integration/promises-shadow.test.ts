import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

import { configHead, startGateway, startGatewayProcess } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { answerInfer, startServer, type Answerer, type TestServer } from '../support/model-server.ts';
import {
  forEachOf,
  INFER_BODY,
  inferPath,
  openClient,
  range,
  readLog,
  scrape,
  seriesOf,
  until,
} from '../support/traffic.ts';

async function start(t: Test, answerer: Answerer): Promise<TestServer> {
  const server = await startServer((request, response) => {
    server.received.length = 0;
    answerer(request, response);
  });
  t.teardown(() => server.close());
  return server;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const DROP_REASONS = [
  'queue_full',
  'deadline',
  'body_too_large',
  'streamed',
  'cancelled',
  'no_endpoint',
  'draining',
  'protocol',
];

test('a shadow that hangs changes nothing for the client, its drops are counted and its memory is bounded', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'makas-shadow-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const primary = await start(t, answerInfer('primary'));
  const hanging = await start(t, () => undefined);
  const configPath = join(folder, 'makas.yaml');
  writeFileSync(
    configPath,
    `${configHead(folder)}
backends:
  primary: { protocol: oip, endpoints: ['${primary.url}'] }
  hanging: { protocol: oip, endpoints: ['${hanging.url}'] }
routes:
  - { name: alone, match: { model: alone }, rules: [{ backend: primary }] }
  - name: mirrored
    match: { model: mirrored }
    rules:
      - backend: primary
        shadow: [{ backend: hanging, timeout: 300ms, concurrency: 4, queue: 32, maxBody: 256KiB }]
  - name: beside
    match: { model: beside }
    rules: [{ backend: primary, shadow: [{ backend: hanging, start: immediate, timeout: 300ms, concurrency: 4, queue: 32 }] }]
`,
  );
  const gateway = await startGatewayProcess(configPath);
  t.teardown(() => gateway.stop('SIGKILL'));
  const client = openClient(gateway.url);
  t.teardown(() => client.close());

  // Both ways take turns, so that what else the machine does is the same for both.
  const models = ['alone', 'mirrored', 'beside'];
  const times: Record<string, number[]> = { alone: [], mirrored: [], beside: [] };
  const texts = new Set<string>();
  for (const round of range(400)) {
    for (const model of round % 2 === 0 ? models : models.toReversed()) {
      const { status, text, ms } = await client.post(inferPath(model), INFER_BODY);
      texts.add(`${status} ${text}`);
      if (round >= 50) times[model]!.push(ms);
    }
  }
  t.equal(texts.size, 1, 'the answers are the same');
  const alone = median(times['alone']!);
  for (const model of ['mirrored', 'beside']) {
    const own = median(times[model]!);
    t.ok(own < alone * 1.5 + 0.5, `medians ${alone.toFixed(2)} ms alone, ${own.toFixed(2)} ms ${model}`);
  }

  const memory = (): Promise<number> => scrape(gateway.adminUrl, 'makas_process_resident_memory_bytes');
  const before = await memory();
  const large = Buffer.from(JSON.stringify({ inputs: [], parameters: { text: 'x'.repeat(128 * 1024) } }));
  const statuses = await forEachOf(
    range(2500),
    16,
    async () => (await client.post(inferPath('mirrored'), large)).status,
  );
  t.ok(statuses.every((status) => status === 200));
  const grownMiB = ((await memory()) - before) / 2 ** 20;
  t.ok(grownMiB < 200, `312 MiB were sent, the process grew by ${grownMiB.toFixed(0)} MiB`);
  const tooLarge = Buffer.from(JSON.stringify({ inputs: [], parameters: { text: 'x'.repeat(300 * 1024) } }));
  t.equal((await client.post(inferPath('mirrored'), tooLarge)).status, 200);

  const sent = 400 + 2500 + 1;
  const labels = 'route="mirrored",backend="hanging"';
  let timedOut = 0;
  let drops: Record<string, number> = {};
  await until('every copy has ended', async () => {
    const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
    timedOut = seriesOf(text, `makas_shadow_total{${labels},result="timeout"}`);
    const count = (reason: string): number =>
      seriesOf(text, `makas_shadow_dropped_total{${labels},reason="${reason}"}`);
    drops = Object.fromEntries(DROP_REASONS.map((reason) => [reason, count(reason)]));
    return timedOut + Object.values(drops).reduce((a, b) => a + b, 0) === sent;
  });
  t.ok(timedOut >= 4, `${timedOut} were sent and timed out`);
  t.ok(drops['queue_full']! > 1000, `${drops['queue_full']} found the queue full`);
  t.ok(drops['deadline']! > 0, `${drops['deadline']} waited too long in the queue`);
  t.equal(drops['body_too_large'], 1);
  t.equal(await scrape(gateway.adminUrl, `makas_shadow_total{${labels},result="dropped"}`), sent - timedOut);
  t.equal(await gateway.stop(), 0);
});

test('a shadow that answers errors, garbage or nothing never reaches the client', async (t) => {
  const sockets = new Set<Socket>();
  const noise = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', () => socket.end('\u0000\u0001this is no HTTP at all\r\n\r\n'));
  });
  await new Promise<void>((resolve) => noise.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    noise.close();
  });
  const primary = await start(t, answerInfer('primary'));
  const failing = await start(t, (_request, response) => void response.writeHead(500).end('{"error":"secret"}'));
  const refusing = await start(t, (_request, response) => void response.writeHead(400).end('{"error":"no"}'));
  const text = await start(t, (_request, response) => void response.writeHead(200).end('<html>hello</html>'));
  const cutting = await start(t, (_request, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{"outputs":[');
    setImmediate(() => response.destroy());
  });
  const gone = await startServer(() => undefined);
  await gone.close();
  const urls = {
    noise: `http://127.0.0.1:${(noise.address() as AddressInfo).port}`,
    failing: failing.url,
    refusing: refusing.url,
    text: text.url,
    cutting: cutting.url,
    gone: gone.url,
  };
  const names = Object.keys(urls);
  const gateway = await startGateway(
    (folder) => `${configHead(folder)}
backends:
  primary: { protocol: oip, endpoints: ['${primary.url}'] }
${Object.entries(urls)
  .map(([name, url]) => `  ${name}: { protocol: oip, endpoints: ['${url}'] }`)
  .join('\n')}
routes:
  - { name: r, match: { model: m }, rules: [{ backend: primary, shadow: [${names.map((name) => `{ backend: ${name} }`).join(', ')}] }] }
`,
  );
  t.teardown(() => gateway.close());
  const client = openClient(gateway.url);
  t.teardown(() => client.close());
  const count = 40;
  const seen = await forEachOf(range(count), 4, async () => {
    const { status, text: answer, headers } = await client.post(inferPath('m'), INFER_BODY);
    return `${status} ${String(headers['makas-error'])} ${answer}`;
  });
  t.equal(new Set(seen).size, 1);
  t.match(seen[0], /^200 undefined .*"model_name":"primary"/);

  const series = (name: string, backend: string, result: string): Promise<number> =>
    gateway.metric(`makas_shadow_${name}{route="r",backend="${backend}",result="${result}"}`);
  await until('all copies have ended', async () => {
    const ends = await Promise.all(
      names.flatMap((name) => ['ok', 'error', 'timeout', 'dropped'].map((result) => series('total', name, result))),
    );
    return ends.reduce((a, b) => a + b, 0) === count * names.length;
  });
  t.equal(await series('compared_total', 'failing', 'mismatch'), count, 'an error in place of a success');
  t.equal(await series('compared_total', 'refusing', 'mismatch'), count);
  t.equal(await series('compared_total', 'text', 'mismatch'), count, 'an answer that cannot be read');
  for (const name of ['noise', 'cutting', 'gone']) {
    t.equal(await series('total', name, 'ok'), 0, name);
    t.equal(await series('compared_total', name, 'agree'), 0, name);
  }
  t.equal(await series('total', 'noise', 'error'), count);
  t.equal(await series('total', 'cutting', 'error'), count);
});

test('agreement of labels is counted as known answers say, and a mismatch is logged as a pair', async (t) => {
  const scores = (label: number, largest: number): number[] => range(3).map((i) => (i === label ? largest : 0.01 * i));
  const labelOf = (name: string, rotate: (i: number) => number): Answerer => {
    return (request, response) => {
      const { id } = JSON.parse(String(request.body)) as { id: string };
      const i = Number(id);
      // Scores of the two models are far apart; only the largest counts.
      const data = scores((i + rotate(i)) % 3, name === 'primary' ? 0.9 : 0.6);
      answerInfer(name, [{ name: 'scores', datatype: 'FP32', shape: [1, 3], data }])(request, response);
    };
  };
  const primary = await start(
    t,
    labelOf('primary', () => 0),
  );
  const shadow = await start(
    t,
    labelOf('shadow', (i) => (i % 5 === 0 ? 1 : 0)),
  );
  const gateway = await startGateway(
    (folder) => `${configHead(folder)}
backends:
  primary: { protocol: oip, endpoints: ['${primary.url}'] }
  shadow: { protocol: oip, endpoints: ['${shadow.url}'] }
routes:
  - name: r
    match: { model: m }
    rules: [{ backend: primary, shadow: [{ backend: shadow, compare: { labels: true }, log: 100%, queue: 1000 }] }]
`,
  );
  t.teardown(() => gateway.close());
  const client = openClient(gateway.url);
  t.teardown(() => client.close());
  await forEachOf(range(200), 8, async (i) => {
    const body = { id: String(i), inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [i] }] };
    await client.post(inferPath('m'), body, { 'x-request-id': `pair-${i}` });
  });
  const series = (result: string): Promise<number> =>
    gateway.metric(`makas_shadow_compared_total{route="r",backend="shadow",result="${result}"}`);
  await until('all pairs are compared', async () => (await series('agree')) + (await series('mismatch')) === 200);
  t.equal(await series('agree'), 160);
  t.equal(await series('mismatch'), 40);
  t.equal(await series('incomparable'), 0);
  t.equal(await gateway.metric('makas_shadow_mismatch_total{route="r",backend="shadow"}'), 40);

  const pairs = () => readLog(gateway.folder).filter(({ msg }) => msg === 'a shadow answered differently');
  await until('a mismatch is in the log', () => pairs().length > 0);
  for (const pair of pairs()) {
    const i = Number(String(pair['requestId']).slice('pair-'.length));
    t.equal(i % 5, 0, `request ${i} is one that differs`);
    t.match(pair, {
      route: 'r',
      primary: 'primary',
      shadow: 'shadow',
      primaryStatus: 200,
      shadowStatus: 200,
      primaryOutputs: `scores[1,3]: ${scores(i % 3, 0.9).join(', ')}`,
      shadowOutputs: `scores[1,3]: ${scores((i + 1) % 3, 0.6).join(', ')}`,
    });
  }
  t.ok(pairs().length <= 20, 'no more than ten lines in a second');
});
