import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Redis } from 'ioredis';
import t, { test } from 'tap';

import { createStores } from '../../../src/edges/features/stores.ts';
import { field, Journal, makeView, Meter, readAll } from '../../gateway/feature-fixtures.ts';
import { freePort, startRedis } from '../../support/redis-server.ts';

const directory = mkdtempSync(join(tmpdir(), 'makas-stores-'));
t.teardown(() => rmSync(directory, { recursive: true }));
writeFileSync(join(directory, 'a.jsonl'), '{"key":"k","f":1}');
writeFileSync(join(directory, 'b.csv'), 'key,f\nk,2\n');

const fileView = (name: string, file: string) =>
  makeView({
    name,
    fields: [field('f')],
    store: { kind: 'embedded', id: `file:${file}`, path: join(directory, file), keyField: 'key' },
  });
const redisView = (url: string) =>
  makeView({ name: 'r', fields: [field('f')], store: { kind: 'redis-hash', id: `redis:${url}`, url } });

function create(connectWaitMs = 5000) {
  const watched = new Set<string>();
  const journal = new Journal();
  const watch = (path: string) => {
    watched.add(path);
    return { close: () => void watched.delete(path) };
  };
  return { journal, watched, stores: createStores({ logger: journal, metrics: new Meter(), watch, connectWaitMs }) };
}

test('views of one store share it, unchanged stores stay open, and gone ones are closed', async (t) => {
  const { stores, watched } = create();
  t.teardown(() => stores.close());
  const [a, a2, b] = [fileView('a', 'a.jsonl'), fileView('a2', 'a.jsonl'), fileView('b', 'b.csv')];
  await stores.adopt([a, a2]);
  const store = stores.storeOf(a);
  t.equal(stores.storeOf(a2), store);
  t.match(await readAll(store, [{ view: a, keys: ['k'] }]), [[{ values: [1] }]]);

  await stores.adopt([a, b]);
  t.equal(stores.storeOf(a), store, 'the same store after a reload');
  t.match(await readAll(stores.storeOf(b), [{ view: b, keys: ['k'] }]), [[{ values: [2] }]]);
  t.equal(watched.size, 2);

  await stores.retain([b]);
  t.strictSame([...watched], [join(directory, 'b.csv')]);
  await t.rejects(async () => readAll(stores.storeOf(a), [{ view: a, keys: ['k'] }]), /closed/);
  await stores.adopt([a]);
  t.match(await readAll(stores.storeOf(a), [{ view: a, keys: ['k'] }]), [[{ values: [1] }]], 'opened anew');
});

test('when one of the new stores cannot be opened none is', async (t) => {
  const { stores, watched } = create();
  t.teardown(() => stores.close());
  const views = [fileView('a', 'a.jsonl'), fileView('none', 'none.jsonl')];
  await t.rejects(stores.adopt(views), /none\.jsonl/);
  t.equal(watched.size, 0);
  t.notOk(stores.storeOf(views[0]!).isHealthy());
});

test('a Redis is connected when adopt ends', async (t) => {
  const server = await startRedis();
  t.teardown(() => server.stop());
  const writer = new Redis(server.url);
  await writer.hset('k', 'f', '3');
  writer.disconnect();
  const { stores } = create();
  t.teardown(() => stores.close());
  const view = redisView(server.url);
  await stores.adopt([view]);
  t.match(await readAll(stores.storeOf(view), [{ view, keys: ['k'] }]), [[{ values: [3] }]]);
});

test('a Redis that is away does not keep the gateway from starting, and is used when it comes', async (t) => {
  const port = await freePort();
  const { stores, journal } = create(50);
  t.teardown(() => stores.close());
  const view = redisView(`redis://127.0.0.1:${port}`);
  await stores.adopt([view]);
  t.ok(journal.lines.includes('serving without the feature store'));
  const store = stores.storeOf(view);
  t.notOk(store.isHealthy());
  await t.rejects(async () => readAll(store, [{ view, keys: ['k'] }]), /no connection/);
  const server = await startRedis({ port });
  t.teardown(() => server.stop());
  while (!store.isHealthy()) await new Promise((resolve) => setTimeout(resolve, 5));
  t.match(await readAll(store, [{ view, keys: ['k'] }]), [[{ found: false }]]);
});
