import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import t, { test } from 'tap';

import { watchFile } from '../../../src/config/watch.ts';
import { EmbeddedStore } from '../../../src/edges/features/embedded.ts';
import type { EntityRead, EntityValues } from '../../../src/gateway/ports.ts';
import { field, Journal, makeView, Meter } from '../../gateway/feature-fixtures.ts';

const directory = mkdtempSync(join(tmpdir(), 'makas-features-'));
t.teardown(() => rmSync(directory, { recursive: true }));
let files = 0;

function write(text: string, extension = 'jsonl'): string {
  const path = join(directory, `${files++}.${extension}`);
  writeFileSync(path, text);
  return path;
}

async function open(path: string, keyField = 'key') {
  const meter = new Meter();
  const journal = new Journal();
  let changed = () => {};
  let isWatched = false;
  const store = await EmbeddedStore.open({
    path,
    keyField,
    logger: journal,
    metrics: meter,
    watch: (watched, onChange) => {
      isWatched = watched === path;
      changed = onChange;
      return { close: () => void (isWatched = false) };
    },
  });
  return { store, meter, journal, change: () => changed(), isWatched: () => isWatched };
}

const view = makeView({
  fields: [field('f'), field('i', 'int'), field('s', 'string'), field('b', 'bool')],
  timestamp: 'at',
});

/** The store is read at once, without waiting. */
function readOne(store: EmbeddedStore, key: string, of = view): EntityValues | null {
  const read: EntityRead = { view: of, key, entity: null };
  store.read([read], { onRead: () => undefined });
  return read.entity;
}

test('JSON Lines are read by key, with types, nulls and times', async (t) => {
  const path = write(
    '\uFEFF{"key":"a","f":1.5,"i":9007199254740993,"s":"x","b":true,"at":1700000000}\r\n' +
      '\n{"key":7,"f":null,"i":"5","s":"y"}\n{"key":"bad","f":"x","i":1.5,"s":{},"b":2,"at":"soon"}',
  );
  const { store } = await open(path);
  t.strictSame(readOne(store, 'a'), {
    found: true,
    values: [1.5, 9007199254740993n, 'x', true],
    timeMs: 1.7e12,
    bad: [],
  });
  t.strictSame(readOne(store, '7'), { found: true, values: [null, 5, 'y', undefined], timeMs: null, bad: [] });
  t.strictSame(readOne(store, 'bad')?.bad, ['f', 'i', 's', 'b', 'at']);
  t.strictSame(readOne(store, 'nobody'), {
    found: false,
    values: [undefined, undefined, undefined, undefined],
    timeMs: null,
    bad: [],
  });
  t.equal(store.size, 3);
});

test('CSV is read by its header, empty cells are null', async (t) => {
  const path = write('\uFEFFid,f,i,s,b,at\na,1.5,3,"x, ""y""",true,2023-11-14T22:13:20Z\nb,,,,,\n', 'csv');
  const { store } = await open(path, 'id');
  t.strictSame(readOne(store, 'a'), { found: true, values: [1.5, 3, 'x, "y"', true], timeMs: 1.7e12, bad: [] });
  t.strictSame(readOne(store, 'b'), { found: true, values: [null, null, null, null], timeMs: null, bad: [] });
});

test('names of object members are no features', async (t) => {
  const { store } = await open(write('{"key":"a"}\n{"key":"__proto__","f":1}'));
  const odd = makeView({ fields: [field('constructor', 'string'), field('__proto__', 'string')] });
  t.strictSame(readOne(store, 'a', odd)?.values, [undefined, undefined]);
  t.match(readOne(store, '__proto__'), { found: true });
  t.match(readOne(store, 'toString'), { found: false });
});

test('of two rows with one key the later counts', async (t) => {
  const { store } = await open(write('{"key":"a","f":1}\n{"key":"a","f":2}'));
  t.equal(readOne(store, 'a')?.values[0], 2);
});

test('a broken file is refused with the line named', async (t) => {
  const cases: [string, string, RegExp][] = [
    ['{"key":"a"}\n{"key":', 'jsonl', /:2: the line is not JSON/],
    ['{"key":"a"}\n\n[1]', 'jsonl', /:3: the line is not a JSON object/],
    ['{"key":"a"}\n{"f":1}', 'jsonl', /:2: the row has no key: "key"/],
    ['{"key":1.5}', 'jsonl', /:1: the row has no key/],
    ['key,f\na,1\nb,2,3\n', 'csv', /:3: .*column/i],
    ['id,f\na,1\n', 'csv', /:2: the row has no key: "key"/],
  ];
  for (const [text, extension, message] of cases) await t.rejects(open(write(text, extension)), message, text);
  await t.rejects(open(join(directory, 'none.jsonl')), /ENOENT/);
  await t.rejects(open(join(directory, 'none.csv')), /ENOENT/);
});

test('a changed file replaces the rows, a broken one leaves them and says so', async (t) => {
  const path = write('{"key":"a","f":1}');
  const { store, change, meter, journal } = await open(path);
  writeFileSync(path, '{"key":"a","f":2}');
  change();
  await waitFor(() => meter.of('makas_feature_file_reads_total ok') === 1);
  t.equal(readOne(store, 'a')?.values[0], 2);
  t.ok(store.isHealthy());

  writeFileSync(path, '{"key":"a","f":3}\n{"key":');
  change();
  await waitFor(() => meter.of('makas_feature_file_reads_total failed') === 1);
  t.equal(readOne(store, 'a')?.values[0], 2, 'nothing of the broken file is used');
  t.notOk(store.isHealthy());
  t.strictSame(journal.lines, ['the feature file is broken; the old rows stay']);

  writeFileSync(path, '{"key":"a","f":4}');
  change();
  await waitFor(() => readOne(store, 'a')?.values[0] === 4);
  t.ok(store.isHealthy());
});

test('a change during a reload is not lost', async (t) => {
  const path = write('{"key":"a","f":1}');
  const { store, change } = await open(path);
  writeFileSync(path, '{"key":"a","f":2}');
  change();
  writeFileSync(path, '{"key":"a","f":3}');
  change();
  await waitFor(() => readOne(store, 'a')?.values[0] === 3);
  t.ok(store.isHealthy());
});

test('a change while the file is opened is not lost', async (t) => {
  const path = write('{"key":"a","f":1}');
  const store = await EmbeddedStore.open({
    path,
    keyField: 'key',
    logger: new Journal(),
    metrics: new Meter(),
    watch: (_, onChange) => {
      setImmediate(() => {
        writeFileSync(path, '{"key":"a","f":2}');
        onChange();
      });
      return { close: () => undefined };
    },
  });
  await waitFor(() => readOne(store, 'a')?.values[0] === 2);
  t.ok(store.isHealthy());
});

test('a file is read again when it really changes on the disk', async (t) => {
  const path = write('{"key":"a","f":1}');
  const options = { path, keyField: 'key', logger: new Journal(), metrics: new Meter() };
  const store = await EmbeddedStore.open({ ...options, watch: (file, onChange) => watchFile(file, onChange) });
  t.teardown(() => store.close());
  writeFileSync(`${path}.new`, '{"key":"a","f":2}');
  renameSync(`${path}.new`, path);
  while (readOne(store, 'a')?.values[0] !== 2) await new Promise((resolve) => setTimeout(resolve, 10));
  t.equal(store.size, 1);
});

test('closing ends the watch', async (t) => {
  const { store, isWatched } = await open(write('{"key":"a"}'));
  t.ok(isWatched());
  await store.close();
  t.notOk(isWatched());
});

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}
