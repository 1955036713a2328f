import t, { test } from 'tap';

import type { FeatureView } from '../../src/core/snapshot.ts';
import {
  entity,
  HeldStore,
  InstantStore,
  makeBench,
  makeFacts,
  makeView,
  realClock,
  StillClock,
} from './feature-fixtures.ts';

// The timers of requests do not keep a process alive; in a gateway the connections of the clients do.
const alive = setInterval(() => undefined, 1000);
t.teardown(() => clearInterval(alive));

const table = { x: entity([1, 2]), y: entity([3, 4]), z: entity([5, 6]) };
const request = { body: { parameters: { id: 'x' } } };
const cached = { mode: 'ttl', max: 100, ttlMs: 60_000 } as const;

const keyed = (name: string, from: string, overrides: Partial<FeatureView> = {}): FeatureView =>
  makeView({
    name,
    entity: [{ name: 'id', source: { from: 'body', path: [from] }, type: 'string' }],
    into: { kind: 'pointer', path: [name] },
    ...overrides,
  });

test('all views and entities of a request that one store has are one read', async (t) => {
  const store = new HeldStore(table);
  const { run } = makeBench([keyed('f', 'ids'), keyed('g', 'ids'), keyed('h', 'one')], () => store);
  const result = run({ body: { ids: ['x', 'y'], one: 'z' } });
  t.equal(store.reads.length, 1);
  t.strictSame(store.asked, [['f x', 'f y', 'g x', 'g y', 'h z']]);
  store.held[0]?.answer();
  t.match(await result, {
    ok: true,
    body: {
      f: [
        { a: 1, b: 2 },
        { a: 3, b: 4 },
      ],
      h: { a: 5, b: 6 },
    },
  });
});

test('several stores are read at the same time', async (t) => {
  const stores = { f: new HeldStore(table), g: new HeldStore(table) };
  const views = [keyed('f', 'id'), keyed('g', 'id')];
  const { run } = makeBench(views, (view) => (view.name === 'f' ? stores.f : stores.g));
  const result = run({ body: { id: 'x' } });
  t.equal(stores.f.reads.length, 1);
  t.equal(stores.g.reads.length, 1);
  stores.g.held[0]?.answer();
  stores.f.held[0]?.answer();
  t.match(await result, { ok: true, body: { f: { a: 1 }, g: { a: 1 } } });
});

test('a store that hangs costs its time limit and no more', async (t) => {
  const store = new HeldStore(table);
  const { run, meter, journal } = makeBench([makeView({ timeoutMs: 30 })], () => store);
  const startMs = performance.now();
  const plainTimer = new Promise((resolve) => setTimeout(resolve, 30)).then(() => performance.now() - startMs);
  const result = await run(request);
  const tookMs = performance.now() - startMs;
  t.ok(tookMs > 25, `${tookMs} ms`);
  t.ok(tookMs - (await plainTimer) < 15, 'as exact as a timer can be on this machine');
  t.match(result, { ok: true, body: { parameters: { a: 0, b: 0 } }, views: [{ error: 'timeout' }] });
  t.equal(meter.of('makas_feature_errors_total flower timeout'), 1);
  t.equal(meter.of('makas_degraded features'), 1);
  t.strictSame(journal.lines, ['degraded']);
});

test('each view has its own time limit, and what came in time is used', async (t) => {
  const [slow, quick, never] = [new HeldStore(table), new HeldStore(table), new HeldStore(table)];
  const stores = new Map(Object.entries({ slow, quick, never }));
  const views = [
    keyed('slow', 'id', { timeoutMs: 2000 }),
    keyed('quick', 'id', { timeoutMs: 2000 }),
    keyed('never', 'id', { timeoutMs: 20 }),
  ];
  const { run, meter } = makeBench(views, (view) => stores.get(view.name) ?? slow);
  const result = run({ body: { id: 'x' } });
  quick.held[0]?.answer();
  while (meter.of('makas_feature_errors_total never timeout') === 0) await new Promise(setImmediate);
  slow.held[0]?.answer();
  t.match(await result, { ok: true, body: { slow: { a: 1 }, quick: { a: 1 }, never: { a: 0 } } });
});

test('degraded is over when the store has answered in time for a while', async (t) => {
  const store = new InstantStore(table);
  const clock = new StillClock();
  const { run, enricher, meter, journal } = makeBench([makeView()], () => store, clock);
  t.equal(meter.of('makas_degraded features'), 0);
  store.fails = true;
  await run(request);
  store.fails = false;
  await run(request);
  t.equal(meter.of('makas_degraded features'), 1, 'one good answer may be chance');
  clock.ms += 1000;
  await run(request);
  t.equal(meter.of('makas_degraded features'), 0);
  store.fails = true;
  await run(request);
  t.strictSame(journal.lines, ['degraded', 'degraded']);
  enricher.adopt({ views: [], limits: { bodyBytes: 1, bufferBytes: 1, rows: 10 } });
  t.equal(meter.of('makas_degraded features'), 0, 'a store that is gone from the configuration cannot fail');
});

test('nothing is awaited when everything comes from the cache', async (t) => {
  const store = new HeldStore(table);
  const { run, enricher, meter } = makeBench([makeView({ cache: cached })], () => store);
  const first = run(request);
  store.held[0]?.answer();
  await first;
  const body = Buffer.from(JSON.stringify(request.body));
  const views = [makeView({ cache: cached })];
  enricher.adopt({ views, limits: { bodyBytes: 1, bufferBytes: 1, rows: 10 } });
  const second = enricher.enrich({ enrich: views }, makeFacts({}, body), body, null);
  t.notOk(second instanceof Promise, 'also after a reload that did not change the view');
  t.match(second, { ok: true, views: [{ cached: 1 }] });
  t.equal(store.reads.length, 1);
  t.equal(meter.of('makas_feature_cache_total flower miss'), 1);
  t.equal(meter.of('makas_feature_cache_total flower hit'), 1);
});

test('a synchronous store needs no promise either', async (t) => {
  const { enricher } = makeBench([], () => new InstantStore(table));
  const views = [makeView()];
  enricher.adopt({ views, limits: { bodyBytes: 1, bufferBytes: 1, rows: 10 } });
  const body = Buffer.from(JSON.stringify(request.body));
  t.match(enricher.enrich({ enrich: views }, makeFacts({}, body), body, null), { ok: true });
});

test('absent entities are cached too', async (t) => {
  const store = new InstantStore({});
  const { run } = makeBench([makeView({ cache: cached })], () => store);
  await run(request);
  await run(request);
  t.equal(store.reads.length, 1);
});

test('only the entities that the cache does not have are read', async (t) => {
  const store = new InstantStore(table);
  const { run } = makeBench([keyed('f', 'ids', { cache: cached })], () => store);
  await run({ body: { ids: ['x'] } });
  const result = await run({ body: { ids: ['y', 'x', 'z'] } });
  t.strictSame(store.asked[1], ['f y', 'f z']);
  t.match(result, { body: { f: [{ a: 3 }, { a: 1 }, { a: 5 }] }, views: [{ cached: 1 }] });
});

test('requests for one key at the same time share one read', async (t) => {
  const store = new HeldStore(table);
  const { run, meter } = makeBench([keyed('f', 'ids', { cache: cached })], () => store);
  const results = [
    run({ body: { ids: ['x', 'y', 'x'] } }),
    run({ body: { ids: ['x'] } }),
    run({ body: { ids: ['y', 'z'] } }),
  ];
  t.strictSame(store.asked, [['f x', 'f y'], ['f z']]);
  store.held[1]?.answer();
  store.held[0]?.answer();
  t.match(await Promise.all(results), [
    { body: { f: [{ a: 1 }, { a: 3 }, { a: 1 }] } },
    { body: { f: { a: 1 } } },
    { body: { f: [{ a: 3 }, { a: 5 }] } },
  ]);
  t.equal(meter.of('makas_feature_cache_total f shared'), 3);
  t.equal(meter.of('makas_feature_cache_total f miss'), 3);
});

test('a shared read that fails fails for all who share it, and is tried anew by the next', async (t) => {
  const store = new HeldStore(table);
  const { run, meter } = makeBench([makeView({ cache: cached })], () => store);
  const results = [run(request), run(request)];
  store.held[0]?.fail();
  for (const result of await Promise.all(results))
    t.match(result, { body: { parameters: { a: 0 } }, views: [{ error: 'store' }] });
  t.equal(meter.of('makas_feature_errors_total flower store'), 2);
  const next = run(request);
  store.held[1]?.answer();
  t.match(await next, { body: { parameters: { a: 1 } } });
});

test('an answer that comes too late still fills the cache', async (t) => {
  const store = new HeldStore(table);
  const { run } = makeBench([makeView({ cache: cached, timeoutMs: 5 })], () => store);
  t.match(await run(request), { body: { parameters: { a: 0 } } });
  store.held[0]?.answer();
  await new Promise(setImmediate);
  t.match(await run(request), { body: { parameters: { a: 1 } } });
  t.equal(store.reads.length, 1);
});

test('a read that is overdue is not joined: the store may be well again', async (t) => {
  const store = new HeldStore(table);
  const { run } = makeBench([makeView({ cache: cached, timeoutMs: 5 })], () => store);
  await run(request);
  const second = run(request);
  t.equal(store.reads.length, 2);
  store.held[1]?.answer();
  t.match(await second, { body: { parameters: { a: 1 } } });
});

test('the limit holds although the loop was busy, and an answer that is already there counts', async (t) => {
  const store = new HeldStore(table);
  const { run } = makeBench([makeView({ timeoutMs: 5 })], () => store);
  const result = run(request);
  setImmediate(() => store.held[0]?.answer());
  const until = realClock.steady() + 20;
  while (realClock.steady() < until);
  t.match(await result, { body: { parameters: { a: 1 } }, views: [{ error: null }] });
});

test('entities of which the request brings everything are not read', async (t) => {
  const store = new InstantStore(table);
  const { run } = makeBench([makeView()], () => store);
  await run({ body: { parameters: { id: 'x', a: 1, b: 2 } } });
  t.equal(store.reads.length, 0);
});

test('a changed view starts with an empty cache', async (t) => {
  const store = new InstantStore(table);
  const { run, enricher } = makeBench([makeView({ cache: cached })], () => store);
  await run(request);
  const views = [makeView({ cache: cached, timestamp: 'at' })];
  enricher.adopt({ views, limits: { bodyBytes: 1, bufferBytes: 1, rows: 10 } });
  const body = Buffer.from(JSON.stringify(request.body));
  await enricher.enrich({ enrich: views }, makeFacts({}, body), body, null);
  t.equal(store.reads.length, 2);
});

test('the age of a kept value counts when it is used, not when it was read', async (t) => {
  const clock = new StillClock();
  const store = new InstantStore({ x: entity([1, 2], clock.ms) });
  const view = makeView({
    cache: { mode: 'tracking', max: 10, ttlMs: 1000 },
    timestamp: 'at',
    // oxlint-disable-next-line unicorn/no-thenable -- a policy, not a promise.
    onStale: { maxAgeMs: 10_000, then: 'default' },
  });
  const { run } = makeBench([view], () => store, clock);
  store.watches[0]?.watcher.onTracked();
  t.match(await run(request), { body: { parameters: { a: 1 } } });
  clock.ms += 10_001;
  t.match(await run(request), { body: { parameters: { a: 0 } }, views: [{ cached: 1 }] });
  t.equal(store.reads.length, 1);
});

test('a store that cannot tell of changes is said so, and its values live by their time to live', async (t) => {
  const clock = new StillClock();
  const store = new InstantStore(table);
  store.canWatch = false;
  const view = makeView({ cache: { mode: 'tracking', max: 10, ttlMs: 1000 } });
  const { run, journal } = makeBench([view], () => store, clock);
  t.match(journal.lines, [/tells of no changes/]);
  await run(request);
  clock.ms += 999;
  await run(request);
  t.equal(store.reads.length, 1);
  clock.ms += 1;
  await run(request);
  t.equal(store.reads.length, 2);
});

test('what the store says of a key reaches the views that are at work, and a view that goes stops listening', async (t) => {
  const store = new HeldStore(table);
  const view = makeView({ cache: { mode: 'tracking', max: 10, ttlMs: 1000 }, key: { literals: ['', ''], parts: [0] } });
  const { run, enricher } = makeBench([view], () => store);
  t.strictSame(
    store.watches.map(({ prefix }) => prefix),
    [''],
  );
  const [{ watcher }] = store.watches as [(typeof store.watches)[0]];
  watcher.onTracked();
  const first = run(request);
  watcher.onChange('x');
  const second = run(request);
  t.equal(store.reads.length, 2, 'a read that may be outdated is not joined');
  store.held[0]?.answer();
  await first;
  const third = run(request);
  t.equal(store.reads.length, 2, 'the second one is');
  store.held[1]?.answer();
  t.match(await Promise.all([second, third]), [{ body: { parameters: { a: 1 } } }, { body: { parameters: { a: 1 } } }]);
  await run(request);
  t.equal(store.reads.length, 2, 'and was kept');
  enricher.adopt({ views: [view], limits: { bodyBytes: 1, bufferBytes: 1, rows: 10 } });
  t.equal(store.watches.length, 1, 'a view that did not change goes on');
  enricher.adopt({ views: [], limits: { bodyBytes: 1, bufferBytes: 1, rows: 10 } });
  t.equal(store.watches.length, 0);
});

test('a view that goes leaves no gauges behind, and one that changes keeps them', async (t) => {
  const store = new InstantStore(table);
  const view = makeView({ cache: { mode: 'tracking', max: 10, ttlMs: 1000 } });
  const { run, meter, enricher } = makeBench([view], () => store);
  const adopt = (views: readonly FeatureView[]) =>
    enricher.adopt({ views, limits: { bodyBytes: 1, bufferBytes: 1, rows: 10 } });
  store.watches[0]?.watcher.onTracked();
  await run(request);
  t.equal(meter.of('makas_feature_cache_tracked flower'), 1);
  t.equal(meter.of('makas_feature_cache_entries flower'), 1);
  adopt([makeView({ cache: { mode: 'tracking', max: 20, ttlMs: 1000 } })]);
  t.equal(meter.of('makas_feature_cache_tracked flower'), 0, 'a new cache, not tracked yet');
  t.equal(store.watches.length, 1);
  adopt([]);
  t.ok(Number.isNaN(meter.of('makas_feature_cache_tracked flower')));
});
