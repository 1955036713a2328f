import { Buffer } from 'node:buffer';

import fc from 'fast-check';
import { test } from 'tap';

import type { FeatureView, Into } from '../../src/core/snapshot.ts';
import type { EntityValues } from '../../src/gateway/ports.ts';
import { entity, field, InstantStore, makeBench, makeFacts, makeView, placed } from './feature-fixtures.ts';

const table = { x: entity([1.5, 2]), y: entity([3, 4.25]) };
const bodyKey = (...path: string[]) => [{ name: 'id', source: { from: 'body', path }, type: 'string' }] as const;
const headerKey = [{ name: 'id', source: { from: 'header', name: 'x-user' }, type: 'string' }] as const;

async function enrich(
  views: readonly FeatureView[],
  body: Buffer | null,
  headers: Record<string, string>,
  length: number | null,
) {
  const { enricher } = makeBench(views, () => new InstantStore(table));
  return placed(await enricher.enrich({ enrich: views }, makeFacts({ headers }, body), body, length), body);
}

test('a rule without views leaves everything as it is', async (t) => {
  const body = Buffer.from('not json');
  t.strictSame(await enrich([], body, { 'content-encoding': 'gzip' }, 3), {
    ok: true,
    body,
    inferenceHeaderLength: null,
    isDecoded: false,
    views: [],
  });
  t.match(await enrich([], null, {}, null), {
    ok: true,
    body: null,
    inferenceHeaderLength: null,
    isDecoded: false,
    views: [],
  });
});

test('bodies that nothing can be put into are refused with a text that says why', async (t) => {
  const views = [makeView({ entity: headerKey })];
  const json = Buffer.from('{"a":1}');
  const cases: [string, Buffer | null, Record<string, string>, number | null, object][] = [
    ['gzip', json, { 'content-encoding': 'gzip' }, null, { code: 'BAD_BODY', message: /without Content-Encoding/ }],
    ['no body', null, {}, null, { code: 'BAD_BODY', message: /needs a JSON body/ }],
    ['an empty body', Buffer.alloc(0), {}, null, { code: 'BAD_BODY' }],
    ['a raw request', json, {}, 0, { code: 'BAD_BODY', message: /raw binary/ }],
    ['a length beyond the body', json, {}, 8, { code: 'BAD_REQUEST', message: /larger than the body/ }],
    ['no JSON', Buffer.from('{"a":'), {}, null, { code: 'BAD_BODY' }],
    ['no object', Buffer.from('[1]'), {}, null, { code: 'BAD_BODY' }],
  ];
  for (const [name, body, headers, length, expected] of cases) {
    t.match(await enrich(views, body, { 'x-user': 'x', ...headers }, length), { ok: false, ...expected }, name);
  }
  t.match(
    await enrich(views, json, { 'x-user': 'x', 'content-encoding': 'Identity' }, null),
    { ok: true },
    'identity is none',
  );
});

test('a body that is no JSON is blamed before the entity that is not in it', async (t) => {
  const views = [makeView({ entity: bodyKey('id'), onMissing: 'reject' })];
  t.match(await enrich(views, Buffer.from('{"id":'), {}, null), {
    ok: false,
    code: 'BAD_BODY',
    message: /not valid JSON/,
  });
  t.match(await enrich(views, Buffer.from('{}'), {}, null), {
    ok: false,
    code: 'ENTITY_MISSING',
    message: /the field id of the body/,
  });
});

test('a tensor goes into a request with binary tensors, and the length of the JSON is new', async (t) => {
  const json = Buffer.from(
    '{"inputs":[{"name":"img","shape":[1,2],"datatype":"UINT8","parameters":{"binary_data_size":2}}]}',
  );
  const tail = Buffer.from([1, 2]);
  const into: Into = { kind: 'tensor', name: 'f', datatype: 'FP32' };
  const result = await enrich(
    [makeView({ entity: headerKey, into })],
    Buffer.concat([json, tail]),
    { 'x-user': 'x' },
    json.length,
  );
  t.match(result, { ok: true });
  if (!result.ok || result.body === null) return;
  const length = result.inferenceHeaderLength ?? 0;
  t.strictSame(JSON.parse(result.body.subarray(0, length).toString()).inputs[1], {
    name: 'f',
    shape: [1, 2],
    datatype: 'FP32',
    data: [1.5, 2],
  });
  t.strictSame(result.body.subarray(length), tail);
});

test('one key for the whole request is copied to each of its rows', async (t) => {
  const shapes = async (into: Into, body: unknown) => {
    const { run } = makeBench([makeView({ entity: headerKey, into })], () => new InstantStore(table));
    return run({ body, headers: { 'x-user': 'x' } });
  };
  const input = (shape: number[]) => ({ inputs: [{ name: 'i', shape, datatype: 'FP32', data: [] }] });
  const tensor: Into = { kind: 'tensor', name: 'f', datatype: 'FP32' };
  const shapeOf = async (shape: number[]) => {
    const result = await shapes(tensor, input(shape));
    return result.ok ? (result.body as { inputs: { shape: number[] }[] }).inputs[1]?.shape : result;
  };
  t.strictSame(await shapeOf([3, 4]), [3, 2], 'the batch of the other input');
  t.strictSame(await shapeOf([4]), [1, 2], 'one dimension may be a single row');
  t.match(await shapes({ kind: 'columns', position: 'append' }, { instances: [[0], [0]] }), {
    body: {
      instances: [
        [0, 1.5, 2],
        [0, 1.5, 2],
      ],
    },
  });
  t.match(await shapes(tensor, input([101, 1])), { ok: false, code: 'BAD_BODY', message: /more than 100 rows/ });
});

test('one key goes with the rows of another view, and views that have rows must agree', async (t) => {
  const tensors: Into = { kind: 'tensors' };
  const items = makeView({ name: 'items', entity: bodyKey('ids'), into: tensors, fields: [field('i'), field('j')] });
  const user = makeView({ name: 'user', entity: headerKey, into: tensors });
  const more = makeView({ name: 'more', entity: bodyKey('more'), into: tensors });
  const headers = { 'x-user': 'x' };
  const result = await makeBench([user, items], () => new InstantStore(table)).run({
    body: { ids: ['x', 'y'] },
    headers,
  });
  t.match(result, { body: { inputs: [{ name: 'a', data: [1.5, 1.5] }, {}, { name: 'i', data: [1.5, 3] }, {}] } });
  const bad = await makeBench([items, more], () => new InstantStore(table)).run({ body: { ids: [1, 2], more: [1] } });
  t.match(bad, { ok: false, code: 'BAD_REQUEST', message: /different numbers of rows: 2 and 1/ });
});

test('a tensor of the request stays, and the store replaces it when it is preferred', async (t) => {
  const into: Into = { kind: 'tensor', name: 'f', datatype: 'FP32' };
  const body = { inputs: [{ name: 'f', shape: [1, 2], datatype: 'FP32', data: [7, 8] }] };
  const headers = { 'x-user': 'x' };
  for (const [prefer, data] of [
    ['request', [7, 8]],
    ['store', [1.5, 2]],
  ] as const) {
    const view = makeView({ entity: headerKey, into, prefer, onMissing: 'reject' });
    const result = await makeBench([view], () => new InstantStore(table)).run({ body, headers });
    t.match(result, { body: { inputs: [{ name: 'f', data }] } }, prefer);
  }
  const each = makeView({
    entity: headerKey,
    into: { kind: 'tensors' },
    fields: [field('f', 'float', 0), field('g', 'float', 0)],
  });
  const result = await makeBench([each], () => new InstantStore({})).run({ body, headers });
  t.match(
    result,
    {
      body: {
        inputs: [
          { name: 'f', data: [7, 8] },
          { name: 'g', data: [0] },
        ],
      },
    },
    'one of two',
  );
});

test('the number of rows of the request and of its keys must agree', async (t) => {
  const view = makeView({ entity: bodyKey('ids'), into: { kind: 'columns', position: 'append' } });
  const result = await makeBench([view], () => new InstantStore(table)).run({
    body: { ids: ['x'], instances: [[1], [2]] },
  });
  t.match(result, { ok: false, code: 'BAD_BODY', message: /names 1 entities but has more rows/ });
});

test('a tensor has a row for each row of the other inputs', async (t) => {
  for (const into of [{ kind: 'tensor', name: 'f', datatype: 'FP32' }, { kind: 'tensors' }] as const satisfies Into[]) {
    const { run } = makeBench([makeView({ entity: bodyKey('ids'), into })], () => new InstantStore(table));
    const inputs = [{ name: 'i', shape: [3, 1], datatype: 'FP32', data: [1, 2, 3] }];
    const bad = await run({ body: { ids: ['x', 'y'], inputs } });
    t.match(bad, { ok: false, code: 'BAD_REQUEST', message: /have 3 rows, but its entity keys have 2/ }, into.kind);
    t.match(await run({ body: { ids: ['x', 'y', 'x'], inputs } }), { ok: true }, into.kind);
  }
});

test('integers of 64 bits reach the body exactly', async (t) => {
  const view = makeView({ fields: [field('a', 'int'), field('b', 'int')] });
  const exact = { k: entity([9007199254740993n, -1]) };
  const { run } = makeBench([view], () => new InstantStore(exact));
  const result = await run({ body: { parameters: { id: 'k' } } });
  t.match(result.ok && result.text, /"a":9007199254740993,"b":-1/);
});

/** The same on objects: what a person would write down as the meaning of enrichment. */
function reference(body: Body, view: FeatureView, stored: Readonly<Record<string, EntityValues>>): unknown {
  const valuesOf = (key: string | undefined) =>
    view.fields.map((each, f) => stored[key ?? '']?.values[f] ?? (view.onMissing === 'null' ? null : each.default));
  const merge = (object: Record<string, unknown>, key: string | undefined) => {
    const result = { ...object };
    for (const [f, each] of view.fields.entries()) {
      if (view.prefer === 'store' || !Object.hasOwn(object, each.name)) result[each.name] = valuesOf(key)[f];
    }
    return result;
  };
  const instances = body.instances.map((row, i) => {
    const key = body.ids[i];
    if (!Array.isArray(row)) return merge(row, key);
    return view.into.kind === 'columns' && view.into.position === 'append'
      ? [...row, ...valuesOf(key)]
      : [...valuesOf(key), ...row];
  });
  return { ...body, instances };
}

interface Body {
  readonly ids: readonly string[];
  readonly instances: readonly (number[] | Record<string, unknown>)[];
}

test('enrichment of a JSON body means the same as enrichment of the object', async () => {
  const value = fc.option(fc.oneof(fc.integer({ min: -1000, max: 1000 }), fc.constantFrom(0.5, -2.25)), {
    nil: undefined,
  });
  const stored = fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.tuple(value, value), { noNullPrototype: true });
  const row = fc.oneof(
    fc.array(fc.integer()),
    fc.record(
      { a: fc.integer(), b: fc.constant(null), 'é"\\': fc.string() },
      { requiredKeys: [], noNullPrototype: true },
    ),
  );
  const rows = fc.array(fc.tuple(fc.constantFrom('x', 'y', 'z', 'q'), row), { minLength: 1, maxLength: 6 });
  const space = fc.constantFrom(0, 2, '\t');
  const policy = fc.record({
    prefer: fc.constantFrom('store', 'request'),
    onMissing: fc.constantFrom('default', 'null'),
    position: fc.constantFrom('append', 'prepend'),
    isCached: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      stored,
      rows,
      policy,
      space,
      async (values, pairs, { prefer, onMissing, position, isCached }, indent) => {
        const view = makeView({
          entity: bodyKey('ids'),
          into: { kind: 'columns', position },
          prefer: prefer as 'store',
          onMissing: onMissing as 'null',
          cache: isCached ? { mode: 'ttl', max: 10, ttlMs: 1000 } : null,
        });
        const entities = Object.fromEntries(Object.entries(values).map(([key, pair]) => [key, entity(pair)]));
        const body: Body = { ids: pairs.map(([id]) => id), instances: pairs.map(([, each]) => each) };
        const { run } = makeBench([view], () => new InstantStore(entities));
        const result = await run({ body: JSON.stringify(body, null, indent) });
        return (
          result.ok && JSON.stringify(sorted(result.body)) === JSON.stringify(sorted(reference(body, view, entities)))
        );
      },
    ),
    { seed: 42, numRuns: 300 },
  );
});

/** Keys of objects in order: where a new key stands among others has no meaning. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) => [key, sorted(each)] as const);
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
