import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

import { configHead, startGateway, startGatewayProcess } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { answerInfer, startServer } from '../support/model-server.ts';
import {
  decisionsOf,
  forEachOf,
  headerText,
  INFER_BODY,
  inferPath,
  openClient,
  range,
  scrape,
  until,
  type Client,
} from '../support/traffic.ts';

const UNITS = range(5000).map((i) => `user-${i}`);

/** One backend for each arm, all at one server: what is asked is which arm answers. */
async function startArms(t: Test, names: readonly string[]): Promise<string> {
  const server = await startServer((request, response) => {
    server.received.length = 0;
    answerInfer('any')(request, response);
  });
  t.teardown(() => server.close());
  const entries = names.map((name) => `  ${name}: { protocol: oip, endpoints: ['${server.url}'] }`);
  return `backends:\n${entries.join('\n')}\n`;
}

const split = (weights: string): string => `routes:
  - name: iris
    match: { model: iris }
    unit: header:x-user-id
    expose: true
    rules: [{ name: live, split: ${weights} }]
`;

/** The arm of each unit, in order. */
async function armsOf(client: Client, units: readonly string[]): Promise<string[]> {
  return forEachOf(units, 16, async (unit) => {
    const { status, headers } = await client.post(inferPath('iris'), INFER_BODY, { 'x-user-id': headerText(unit) });
    if (status !== 200) throw new Error(`status ${status}`);
    return String(headers['makas-backend']);
  });
}

/** Which ways units moved, such as `a to b`. */
const movesOf = (units: readonly string[], before: readonly string[], after: readonly string[]): string[] => [
  ...new Set(units.flatMap((_, i) => (before[i] === after[i] ? [] : [`${before[i]} to ${after[i]}`]))),
];

const countOf = (arms: readonly string[], arm: string): number => arms.filter((each) => each === arm).length;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

test('a split of 80/20 holds within 3 sigma, over a restart, and at 90/10 no unit leaves the first arm', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'makas-split-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const backends = await startArms(t, ['a', 'b']);
  const configPath = join(folder, 'makas.yaml');
  const write = (weights: string): void => writeFileSync(configPath, configHead(folder) + backends + split(weights));
  write('{ a: 80, b: 20 }');

  const first = await startGatewayProcess(configPath);
  const firstClient = openClient(first.url);
  const before = await armsOf(firstClient, UNITS);
  await firstClient.close();
  t.equal(await first.stop(), 0);

  const sigma = Math.sqrt(UNITS.length * 0.8 * 0.2);
  t.ok(
    Math.abs(countOf(before, 'b') - 1000) <= 3 * sigma,
    `${countOf(before, 'b')} of 5000 units are on the second arm`,
  );
  // arms = ['a' if mmh3.hash(f'user-{i}' + 'iris/live', 1, signed=False) / 2**32 < 0.8 else 'b' for i in range(5000)]
  // arms.count('b'), hashlib.sha256(''.join(arms).encode()).hexdigest()  (Python, mmh3 5.3.1)
  t.equal(countOf(before, 'b'), 1033);
  t.equal(sha256(before.join('')), 'bd9bf6e130c2eea739f1be9dbb5f6b66d9f7c28b45ee498c93c35c98ac08e953');

  const second = await startGatewayProcess(configPath);
  const client = openClient(second.url);
  t.same(await armsOf(client, UNITS), before, 'a restart moves nobody');

  write('{ a: 90, b: 10 }');
  const reloads = 'makas_config_reloads_total{result="ok"}';
  await until('the file is loaded', async () => (await scrape(second.adminUrl, reloads)) === 2);
  const after = await armsOf(client, UNITS);
  const left = UNITS.filter((_, i) => before[i] === 'a' && after[i] !== 'a');
  t.same(left, [], 'no unit leaves the first arm');
  // The same call with 0.9 in place of 0.8.
  t.equal(countOf(after, 'b'), 508);
  t.equal(sha256(after.join('')), 'f2bdd16429699762dba7849c14e5d72a5c0c69763d8e206035aa23f42cd23f17');
  await client.close();
  t.equal(await second.stop(), 0);
});

test('the bucket of a unit is MurmurHash3 x86-32 with seed 1 of the UTF-8 bytes of unit and salt', async (t) => {
  const backends = await startArms(t, ['a', 'b']);
  const gateway = await startGateway(
    (folder) => `${configHead(folder)}log: { decisions: 100% }\n${backends}${split('{ a: 50, b: 50 }')}`,
  );
  t.teardown(() => gateway.close());
  const client = openClient(gateway.url);
  t.teardown(() => client.close());
  // mmh3.hash(unit + 'iris/live', 1, signed=False)  (Python, mmh3 5.3.1)
  const expected: readonly (readonly [unit: string, hash: number])[] = [
    ['user-0', 654360390],
    ['ab', 1692213709],
    ['Zoë', 3462239775],
    ['kullanıcı-7', 3909390328],
    ['用户42', 1542296387],
    ['🚂-makas', 2890256616],
    ['naïve café ñ', 11869215],
  ];
  for (const [i, [unit]] of expected.entries()) {
    const headers = { 'x-user-id': headerText(unit), 'x-request-id': `bucket-${i}` };
    t.equal((await client.post(inferPath('iris'), INFER_BODY, headers)).status, 200);
  }
  const decisions = await decisionsOf(
    gateway.folder,
    expected.map((_, i) => `bucket-${i}`),
  );
  for (const [i, [unit, hash]] of expected.entries()) {
    const decision = decisions.get(`bucket-${i}`);
    t.equal(decision?.['bucket'], hash / 2 ** 32, unit);
    t.equal(decision?.['arm'], hash / 2 ** 32 < 0.5 ? 'a' : 'b', unit);
  }
});

test('a change between one canary and the baseline moves no unit of another canary', async (t) => {
  const backends = await startArms(t, ['base', 'left', 'right']);
  const config = (folder: string, weights: string): string => configHead(folder) + backends + split(weights);
  const gateway = await startGateway((folder) => config(folder, '{ base: 80, left: 10, right: 10 }'));
  t.teardown(() => gateway.close());
  const client = openClient(gateway.url);
  t.teardown(() => client.close());
  const units = UNITS.slice(0, 2000);
  const before = await armsOf(client, units);

  await gateway.rewrite(config(gateway.folder, '{ base: 65, left: 10, right: 25 }'));
  const grown = await armsOf(client, units);
  t.same(movesOf(units, before, grown), ['base to right']);
  t.ok(Math.abs(countOf(grown, 'right') - 500) <= 3 * Math.sqrt(2000 * 0.25 * 0.75));

  await gateway.rewrite(config(gateway.folder, '{ base: 50, left: 25, right: 25 }'));
  const both = await armsOf(client, units);
  t.same(movesOf(units, grown, both), ['base to left'], 'also from one that stands before another');

  await gateway.rewrite(config(gateway.folder, '{ base: 90, left: 10, right: 0 }'));
  const withdrawn = await armsOf(client, units);
  t.equal(countOf(withdrawn, 'right'), 0, 'weight 0 gets nothing');
  const strays = units.filter((_, i) => before[i] !== 'right' && before[i] !== withdrawn[i]);
  t.same(strays, []);
});

test('weights may be decimal and of any scale', async (t) => {
  const backends = await startArms(t, ['a', 'b', 'c']);
  const config = (folder: string, weights: string): string => configHead(folder) + backends + split(weights);
  const gateway = await startGateway((folder) => config(folder, '{ a: 97.5, b: 2.5 }'));
  t.teardown(() => gateway.close());
  const client = openClient(gateway.url);
  t.teardown(() => client.close());
  const units = UNITS.slice(0, 2000);
  const percent = await armsOf(client, units);
  t.ok(Math.abs(countOf(percent, 'b') - 50) <= 3 * Math.sqrt(2000 * 0.025 * 0.975), `${countOf(percent, 'b')}`);

  await gateway.rewrite(config(gateway.folder, '{ a: 0.039, b: 0.001, c: 0 }'));
  t.same(await armsOf(client, units), percent, 'the same shares on another scale are the same arms');
});
