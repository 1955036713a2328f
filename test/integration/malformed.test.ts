import { Buffer } from 'node:buffer';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { configHead, startGatewayProcess, sumOf } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { answerInfer, startServer } from '../support/model-server.ts';
import { RawClient, rawRequest, sendRaw } from '../support/raw-client.ts';
import { until } from '../support/traffic.ts';

const REQUESTS = 10_000;
const AT_ONCE = 40;
/** How long an answer is waited for: many of these requests are never complete. */
const PATIENCE_MS = 40;

function config(folder: string, url: string): string {
  return `${configHead(folder, 'headerTimeout: 1s')}
limits: { buffer: 16KiB, body: 64KiB }
backends:
  one: { protocol: oip, endpoints: ['${url}'], model: inner }
  two: { protocol: oip, endpoints: ['${url}'] }
routes:
  - { name: body, match: { body: { parameters.kind: special } }, rules: [{ backend: one }] }
  - name: rest
    unit: body:parameters.unit
    rules:
      - { when: 'has(request.query.q) && request.query.q == "x"', backend: two }
      - { split: { one: 1, two: 1 } }
`.replace('when: \'has(request.query.q) && request.query.q == "x"\'', 'when: { query: { q: x } }');
}

const BODY = '{"model_name":"m","parameters":{"kind":"special","unit":"u1"},"inputs":[{"name":"x","data":[1,2]}]}';
const SEEDS = [
  rawRequest('/v2/models/m/infer?q=x', BODY, ['Content-Type: application/json', 'X-Request-Id: abc', 'Cookie: a=b']),
  rawRequest('/v2/models/m/versions/2/infer', `${BODY}\x00\x01\xff`, [
    `Inference-Header-Content-Length: ${BODY.length}`,
  ]),
  rawRequest('/v1/models/m:predict', '{"instances":[[1,2],[3,4]]}'),
  rawRequest('/v2/models/m', null, ['Connection: keep-alive, x-a', 'X-A: 1']),
  Buffer.from(
    `POST /v2/models/m/infer HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n10;a=b\r\n${BODY.slice(0, 16)}\r\n` +
      `${(BODY.length - 16).toString(16)}\r\n${BODY.slice(16)}\r\n0\r\n\r\n`,
  ),
  Buffer.concat([rawRequest('/v2/health/live', null), rawRequest('/v2/models/m/infer', BODY)]),
  rawRequest('/v2/models/m/infer', BODY.repeat(400), ['Expect: 100-continue']),
];
const PIECES = [
  '\r\n',
  '\n',
  '\0',
  ' ',
  ':',
  '%',
  '%2e%2e/',
  '"',
  '{',
  '[',
  '\\u',
  'e999',
  '\xff',
  '0',
  '9'.repeat(30),
  ';',
];

/** Deterministic: Park and Miller's generator. */
function makeRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
}

function mutate(bytes: Buffer, random: (below: number) => number): Buffer {
  let mutated = bytes;
  for (let edits = 1 + random(3); edits > 0; edits--) {
    const at = random(mutated.length + 1);
    const rest = mutated.subarray(Math.min(mutated.length, at + random(4)));
    const kind = random(6);
    if (kind === 0) mutated = Buffer.concat([mutated.subarray(0, at), rest]);
    else if (kind === 1) mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(random(at + 1))]);
    else if (kind === 2) mutated = mutated.subarray(0, at);
    else if (kind === 3) {
      mutated = Buffer.from(mutated);
      mutated[Math.min(at, mutated.length - 1)]! ^= 1 << random(8);
    } else {
      const piece = Buffer.from(PIECES[random(PIECES.length)]!, 'latin1');
      mutated = Buffer.concat([mutated.subarray(0, at), piece, rest]);
    }
    if (mutated.length === 0) return Buffer.from('\0');
  }
  return mutated;
}

test('10,000 malformed requests crash nothing, leak nothing, and each answer is a clear one', async (t) => {
  const server = await startServer(answerInfer('inner'));
  let badUpstream = 0;
  server.server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code?.startsWith('HPE_') && error.code !== 'HPE_INVALID_EOF_STATE') badUpstream++;
    socket.destroy();
  });
  const folder = mkdtempSync(join(tmpdir(), 'makas-malformed-'));
  const path = join(folder, 'makas.yaml');
  writeFileSync(path, config(folder, server.url));
  // A young generation that stays small, so that memory that grows is memory that is kept.
  const gateway = await startGatewayProcess(path, ['--max-semi-space-size=2']);
  t.teardown(async () => {
    gateway.child.kill('SIGKILL');
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const scrape = async (): Promise<string> => (await fetch(`${gateway.adminUrl}/metrics`)).text();
  const random = makeRandom(20261123);
  const statuses = new Map<number, number>();
  const unclear: string[] = [];

  const attack = async (bytes: Buffer): Promise<void> => {
    const client = await RawClient.connect(gateway.url);
    const timer = setTimeout(() => client.close(), PATIENCE_MS);
    client.send(bytes);
    let answer = await client.answer();
    while (answer !== null && answer.status < 200) answer = await client.answer();
    clearTimeout(timer);
    client.close();
    if (answer === null) return;
    const { status, headers, body } = answer;
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (status < 300) return;
    if (status >= 500 || !headers.has('makas-error') || !/^\{"error":"(?:[^"\\]|\\.)+"\}$/.test(body.toString()))
      unclear.push(
        `${status} ${headers.get('makas-error')} ${body.toString()} for ${JSON.stringify(bytes.toString('latin1'))}`,
      );
  };
  const run = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i += AT_ONCE) {
      const batch = Array.from({ length: AT_ONCE }, () => mutate(SEEDS[random(SEEDS.length)]!, random));
      await Promise.all(batch.map(attack));
    }
  };

  await run(REQUESTS / 2);
  const halfway = sumOf(await scrape(), 'makas_process_resident_memory_bytes');
  await run(REQUESTS / 2);
  t.strictSame(unclear.slice(0, 5), []);
  t.equal(badUpstream, 0, 'nothing malformed reached the model server');
  t.ok((statuses.get(200) ?? 0) > 500 && (statuses.get(400) ?? 0) > 500, JSON.stringify([...statuses]));
  const answer = await sendRaw(gateway.url, rawRequest('/v2/models/m/infer', BODY));
  t.equal(answer?.status, 200, 'it still serves');
  await until('nothing is under way', async () => sumOf(await scrape(), 'makas_requests_inflight') === 0);
  const text = await scrape();
  t.equal(
    sumOf(text, 'makas_requests_started_total'),
    sumOf(text, 'makas_requests_total') + sumOf(text, 'makas_requests_aborted_total'),
  );
  t.equal(sumOf(text, 'makas_endpoint_inflight'), 0);
  const growth = (sumOf(text, 'makas_process_resident_memory_bytes') - halfway) / 2 ** 20;
  t.ok(growth < 64, `${growth.toFixed(1)} MiB more after the second half than after the first`);
  t.notOk(
    gateway.lines.some((line) => line.includes('failed unexpectedly')),
    'nothing unexpected is logged',
  );
  t.equal(await gateway.stop(), 0);
});
