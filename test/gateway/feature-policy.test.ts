import { test } from 'tap';

import type { FeatureView } from '../../src/core/snapshot.ts';
import type { EntityValues } from '../../src/gateway/ports.ts';
import { type FeatureStatus, featureStatuses } from '../../src/gateway/record.ts';
import { entity, field, InstantStore, makeBench, makeView, type Result, StillClock } from './feature-fixtures.ts';

const clock = new StillClock();
const hour = 3_600_000;
const fresh = clock.ms - 1000;
const old = clock.ms - 2 * hour;
// oxlint-disable-next-line unicorn/no-thenable -- a policy, not a promise.
const stale = (then: 'use' | 'default' | 'reject') => ({ maxAgeMs: hour, then });
const bad: EntityValues = { found: true, values: [undefined, 2], timeMs: null, bad: ['a'] };
const plain = [field('a', 'float'), field('b', 'float')];
const tensor = { kind: 'tensor', name: 'x', datatype: 'FP32' } as const;

interface Case {
  readonly name: string;
  readonly view?: Partial<FeatureView>;
  /** What the store has for the entity; null: it fails. */
  readonly stored?: EntityValues | null;
  readonly supplied?: object;
  readonly id?: string | null;
  /** Statuses of a and b, and what the parameters hold afterwards; or the code. */
  readonly expect: readonly [string, string] | string;
  readonly values?: object;
}

const cases: Case[] = [
  { name: 'present', stored: entity([1, 2]), expect: ['present', 'present'], values: { a: 1, b: 2 } },
  {
    name: 'a field is missing, default',
    stored: entity([1, undefined]),
    expect: ['present', 'defaulted'],
    values: { a: 1, b: 0 },
  },
  { name: 'the entity is missing, default', expect: ['defaulted', 'defaulted'], values: { a: 0, b: 0 } },
  {
    name: 'missing, null',
    view: { onMissing: 'null' },
    expect: ['not_found', 'not_found'],
    values: { a: null, b: null },
  },
  {
    name: 'stored null, null',
    view: { onMissing: 'null' },
    stored: entity([null, 2]),
    expect: ['null', 'present'],
    values: { a: null, b: 2 },
  },
  { name: 'stored null, default', stored: entity([null, 2]), expect: ['defaulted', 'present'], values: { a: 0, b: 2 } },
  { name: 'missing, reject', view: { onMissing: 'reject' }, stored: entity([1, undefined]), expect: 'FEATURE_MISSING' },
  { name: 'stored null, reject', view: { onMissing: 'reject' }, stored: entity([1, null]), expect: 'FEATURE_MISSING' },
  {
    name: 'missing, skip',
    view: { onMissing: 'skip' },
    stored: entity([1, undefined]),
    expect: ['present', 'not_found'],
    values: {},
  },
  {
    name: 'missing, default, none given',
    view: { fields: plain },
    expect: ['not_found', 'not_found'],
    values: { a: null, b: null },
  },
  {
    name: 'missing in a tensor, null, a default is there',
    view: { onMissing: 'null', into: tensor },
    expect: ['defaulted', 'defaulted'],
  },
  {
    name: 'missing in a tensor, null, no default',
    view: { onMissing: 'null', into: tensor, fields: plain },
    expect: 'FEATURE_MISSING',
  },
  {
    name: 'missing in a tensor, default, none given',
    view: { into: tensor, fields: plain },
    expect: 'FEATURE_MISSING',
  },
  { name: 'no entity, default', id: null, expect: ['defaulted', 'defaulted'], values: { a: 0, b: 0 } },
  {
    name: 'no entity, null',
    id: null,
    view: { onMissing: 'null' },
    expect: ['not_found', 'not_found'],
    values: { a: null, b: null },
  },
  { name: 'no entity, skip', id: null, view: { onMissing: 'skip' }, expect: ['not_found', 'not_found'], values: {} },
  { name: 'no entity, reject', id: null, view: { onMissing: 'reject' }, expect: 'ENTITY_MISSING' },
  {
    name: 'fresh, with a largest age',
    view: { onStale: stale('reject') },
    stored: entity([1, 2], fresh),
    expect: ['present', 'present'],
  },
  {
    name: 'no time, with a largest age',
    view: { onStale: stale('reject') },
    stored: entity([1, 2]),
    expect: ['present', 'present'],
  },
  {
    name: 'stale, use',
    view: { onStale: stale('use') },
    stored: entity([1, 2], old),
    expect: ['stale', 'stale'],
    values: { a: 1, b: 2 },
  },
  {
    name: 'stale, default',
    view: { onStale: stale('default') },
    stored: entity([1, 2], old),
    expect: ['defaulted', 'defaulted'],
    values: { a: 0, b: 0 },
  },
  {
    name: 'stale, default, none given',
    view: { onStale: stale('default'), fields: plain },
    stored: entity([1, 2], old),
    expect: ['stale', 'stale'],
    values: { a: null, b: null },
  },
  { name: 'stale, reject', view: { onStale: stale('reject') }, stored: entity([1, 2], old), expect: 'FEATURE_STALE' },
  { name: 'old, but no largest age', stored: entity([1, 2], old), expect: ['present', 'present'] },
  { name: 'the store fails, default', stored: null, expect: ['defaulted', 'defaulted'], values: { a: 0, b: 0 } },
  {
    name: 'the store fails, default, null',
    stored: null,
    view: { onMissing: 'null' },
    expect: ['error', 'error'],
    values: { a: null, b: null },
  },
  {
    name: 'the store fails, default, skip',
    stored: null,
    view: { onMissing: 'skip' },
    expect: ['error', 'error'],
    values: {},
  },
  {
    name: 'the store fails, default, reject',
    stored: null,
    view: { onMissing: 'reject' },
    expect: 'FEATURES_UNAVAILABLE',
  },
  { name: 'the store fails, reject', stored: null, view: { onError: 'reject' }, expect: 'FEATURES_UNAVAILABLE' },
  {
    name: 'the store fails, last known, nothing known',
    stored: null,
    view: { onError: 'lastKnown' },
    expect: ['defaulted', 'defaulted'],
  },
  { name: 'an unreadable value, default', stored: bad, expect: ['defaulted', 'present'], values: { a: 0, b: 2 } },
  {
    name: 'an unreadable value, null',
    stored: bad,
    view: { onMissing: 'null' },
    expect: ['error', 'present'],
    values: { a: null, b: 2 },
  },
  { name: 'an unreadable value, reject', stored: bad, view: { onError: 'reject' }, expect: 'FEATURES_UNAVAILABLE' },
  {
    name: 'a value that the tensor cannot hold, reject',
    stored: entity([1e300, 2]),
    view: { onError: 'reject', into: tensor, fields: [field('a', 'double', 0), field('b', 'double', 0)] },
    expect: 'FEATURES_UNAVAILABLE',
  },
  {
    name: 'the request brings one',
    stored: entity([1, 2]),
    supplied: { a: 9 },
    expect: ['overridden', 'present'],
    values: { a: 9, b: 2 },
  },
  {
    name: 'the request brings null',
    stored: entity([1, 2]),
    supplied: { a: null },
    expect: ['overridden', 'present'],
    values: { a: null, b: 2 },
  },
  {
    name: 'the request brings one, the store has none, reject',
    supplied: { a: 9, b: 8 },
    view: { onMissing: 'reject' },
    expect: ['overridden', 'overridden'],
    values: { a: 9, b: 8 },
  },
  {
    name: 'the request brings all and names nobody, reject',
    id: null,
    supplied: { a: 9, b: 8 },
    view: { onMissing: 'reject' },
    expect: ['overridden', 'overridden'],
  },
  {
    name: 'the request brings one, prefer store',
    stored: entity([1, 2]),
    supplied: { a: 9 },
    view: { prefer: 'store' },
    expect: ['present', 'present'],
    values: { a: 1, b: 2 },
  },
  {
    name: 'the request brings one, prefer store, missing',
    supplied: { a: 9 },
    view: { prefer: 'store' },
    expect: ['defaulted', 'defaulted'],
    values: { a: 0, b: 0 },
  },
];

async function run({ view = {}, stored, supplied = {}, id = 'k' }: Case) {
  const store = new InstantStore(stored ? { k: stored } : {});
  store.fails = stored === null;
  const bench = makeBench([makeView(view)], () => store, clock);
  const parameters = id === null ? supplied : { id, ...supplied };
  return { ...bench, store, result: await bench.run({ body: { parameters } }) };
}

function parametersOf(result: Result): object {
  if (!result.ok) return {};
  const body: { parameters: Record<string, unknown> } = JSON.parse(result.text);
  const { id: _, ...rest } = body.parameters;
  return rest;
}

test('status and value follow the policies', async (t) => {
  for (const each of cases) {
    const { result } = await run(each);
    if (typeof each.expect === 'string') {
      t.equal(result.ok ? 'ok' : result.code, each.expect, each.name);
      continue;
    }
    t.strictSame(result.views[0]?.firstRow, each.expect, `${each.name}: statuses`);
    if (each.values !== undefined) t.strictSame(parametersOf(result), each.values, `${each.name}: values`);
  }
});

test('the record and the metrics count the statuses of all rows', async (t) => {
  const store = new InstantStore({ x: entity([1, 2], fresh), y: entity([1, undefined], old) });
  const view = makeView({
    entity: [{ name: 'id', source: { from: 'body', path: ['ids'] }, type: 'string' }],
    into: { kind: 'pointer', path: ['features'] },
    onStale: stale('use'),
    onMissing: 'null',
  });
  const { run, meter } = makeBench([view], () => store, clock);
  const result = await run({ body: { ids: ['x', 'y', 'z'] } });
  const expected: Partial<Record<FeatureStatus, number>> = { present: 2, stale: 1, not_found: 3 };
  const [record] = result.views;
  t.strictSame(
    record?.statuses,
    featureStatuses.map((status) => expected[status] ?? 0),
  );
  t.equal(record?.rows, 3);
  t.equal(record?.ageMs, 2 * hour, 'age of the oldest value used');
  for (const [status, count] of Object.entries(expected))
    t.equal(meter.of(`makas_features_total flower ${status}`), count);
  t.strictSame(meter.observed.get('makas_feature_age_seconds flower'), [7200]);
  t.strictSame(result.ok && result.body, {
    ids: ['x', 'y', 'z'],
    features: [
      { a: 1, b: 2 },
      { a: 1, b: null },
      { a: null, b: null },
    ],
  });
});

test('the last known value is served while the store fails, and says that it is stale', async (t) => {
  const store = new InstantStore({ k: entity([1, 2], fresh) });
  const { run, meter } = makeBench([makeView({ onError: 'lastKnown' })], () => store, clock);
  const request = { body: { parameters: { id: 'k' } } };
  t.strictSame((await run(request)).views[0]?.firstRow, ['present', 'present']);
  store.fails = true;
  const result = await run(request);
  t.strictSame(result.views[0]?.firstRow, ['stale', 'stale']);
  t.strictSame(parametersOf(result), { a: 1, b: 2 });
  t.equal(result.views[0]?.error, 'store');
  t.equal(meter.of('makas_feature_errors_total flower store'), 1);
  t.equal(store.reads.length, 2, 'the store is asked first');
});

test('a last known value that is too old follows onStale', async (t) => {
  const store = new InstantStore({ k: entity([1, 2], old) });
  const { run } = makeBench([makeView({ onError: 'lastKnown', onStale: stale('reject') })], () => store, clock);
  await run({ body: { parameters: { id: 'k' } } });
  store.fails = true;
  t.match(await run({ body: { parameters: { id: 'k' } } }), { ok: false, code: 'FEATURE_STALE' });
});

test('the last known value also stands in for one that became unreadable', async (t) => {
  const table: Record<string, EntityValues> = { k: entity([1, 2]) };
  const { run, meter } = makeBench([makeView({ onError: 'lastKnown' })], () => new InstantStore(table), clock);
  await run({ body: { parameters: { id: 'k' } } });
  table['k'] = { ...bad, values: [undefined, 3] };
  const result = await run({ body: { parameters: { id: 'k' } } });
  t.strictSame(result.views[0]?.firstRow, ['stale', 'present']);
  t.strictSame(parametersOf(result), { a: 1, b: 3 });
  t.equal(meter.of('makas_feature_errors_total flower value'), 1);
});

test('a time ahead of our clock is an age of zero', async (t) => {
  const { result, meter } = await run({ name: '', stored: entity([1, 2], clock.ms + hour), expect: '' });
  t.equal(result.views[0]?.ageMs, 0);
  t.strictSame(meter.observed.get('makas_feature_age_seconds flower'), [0]);
});

test('refusals tell the client what to do, and in which row', async (t) => {
  const entityPart = { name: 'id', source: { from: 'body', path: ['ids'] }, type: 'string' } as const;
  const view = makeView({ entity: [entityPart], into: { kind: 'pointer', path: ['features'] }, onMissing: 'reject' });
  const { run } = makeBench([view], () => new InstantStore({ x: entity([1, 2]) }), clock);
  const missing = await run({ body: { ids: ['x', 'y'] } });
  t.match(missing, { code: 'FEATURE_MISSING', message: 'The feature a was not found for the entity of row 1.' });
  const nobody = await run({ body: { ids: ['x', null] } });
  t.match(nobody, {
    code: 'ENTITY_MISSING',
    message: 'The entity key of row 1 is expected in the field ids of the body.',
  });
});
