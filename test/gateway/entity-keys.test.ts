import { Buffer } from 'node:buffer';

import { test } from 'tap';

import type { EntityPart, FeatureView } from '../../src/core/snapshot.ts';
import { prepareEntity, readEntityKeys } from '../../src/gateway/entity-keys.ts';
import { compilePlaces, RequestBody } from '../../src/protocol/request-body.ts';
import { makeFacts, makeView, type TestRequest } from './feature-fixtures.ts';

function read(view: FeatureView, request: TestRequest, tail: Buffer = Buffer.alloc(0)) {
  const json = Buffer.from(typeof request.body === 'string' ? request.body : JSON.stringify(request.body));
  const body = new RequestBody(json, tail, tail.length > 0, compilePlaces([]));
  return readEntityKeys(prepareEntity(view), { facts: makeFacts(request, json), body, maxRows: 5 });
}

function part(source: EntityPart['source'], type: EntityPart['type'] = 'string', name = 'id'): EntityPart {
  return { name, source, type };
}

const bodyPart = (...path: string[]) => part({ from: 'body', path });

test('a key is read from every kind of source', async (t) => {
  const cases: [string, EntityPart['source'], TestRequest, (string | null)[], boolean][] = [
    ['a header', { from: 'header', name: 'x-user' }, { body: {}, headers: { 'x-user': 'u1' } }, ['u1'], false],
    ['a query parameter', { from: 'query', name: 'u' }, { body: {}, query: 'a=1&u=u%201' }, ['u 1'], false],
    ['a cookie', { from: 'cookie', name: 'u' }, { body: {}, headers: { cookie: 'a=b; u=u1' } }, ['u1'], false],
    ['a body scalar', { from: 'body', path: ['a', 'b'] }, { body: { a: { b: 7 } } }, ['7'], false],
    ['a body array', { from: 'body', path: ['ids'] }, { body: { ids: ['x', 2, true] } }, ['x', '2', 'true'], true],
    ['a nested body array', { from: 'body', path: ['ids'] }, { body: { ids: [['x'], ['y']] } }, ['x', 'y'], true],
    ['an array of one', { from: 'body', path: ['ids'] }, { body: { ids: ['x'] } }, ['x'], true],
    [
      'a column by key',
      { from: 'column', name: 'u' },
      { body: { instances: [{ u: 1 }, {}, { u: 'b' }] } },
      ['1', null, 'b'],
      true,
    ],
    [
      'a column by position',
      { from: 'column', name: 1 },
      {
        body: {
          instances: [
            [0, 5],
            [0, 6],
          ],
        },
      },
      ['5', '6'],
      true,
    ],
    [
      'a tensor',
      { from: 'tensor', name: 'id' },
      { body: { inputs: [{ name: 'id', shape: [2, 1], datatype: 'INT64', data: [[1], [2]] }] } },
      ['1', '2'],
      true,
    ],
    ['nothing there: a header', { from: 'header', name: 'x-user' }, { body: {} }, [null], false],
    [
      'nothing there: empty text',
      { from: 'header', name: 'x-user' },
      { body: {}, headers: { 'x-user': '' } },
      [null],
      false,
    ],
    ['nothing there: a body field', { from: 'body', path: ['a'] }, { body: {} }, [null], false],
    ['nothing there: null', { from: 'body', path: ['a'] }, { body: { a: null } }, [null], false],
    ['nothing there: an empty array', { from: 'body', path: ['a'] }, { body: { a: [] } }, [null], false],
    ['nothing there: a tensor', { from: 'tensor', name: 'id' }, { body: { inputs: [] } }, [null], false],
    ['a null among rows', { from: 'body', path: ['a'] }, { body: { a: ['x', null] } }, ['x', null], true],
  ];
  for (const [name, source, request, keys, isPerRow] of cases) {
    t.strictSame(read(makeView({ entity: [part(source)] }), request), { ok: true, keys, isPerRow }, name);
  }
});

test('a binary tensor gives a key for each element', async (t) => {
  const tail = Buffer.alloc(16);
  tail.writeBigInt64LE(5n, 0);
  tail.writeBigInt64LE(9007199254740993n, 8);
  const body = { inputs: [{ name: 'id', shape: [2], datatype: 'INT64', parameters: { binary_data_size: 16 } }] };
  const keys = read(makeView({ entity: [part({ from: 'tensor', name: 'id' }, 'int')] }), { body }, tail);
  t.strictSame(keys, { ok: true, keys: ['5', '9007199254740993'], isPerRow: true });
});

test('parts are joined as the key says, and one value goes with every row', async (t) => {
  const view = makeView({
    entity: [part({ from: 'header', name: 'x-shop' }, 'string', 'shop'), bodyPart('items')],
    key: { literals: ['i:', ':', '!'], parts: [1, 0] },
  });
  const keys = read(view, { body: { items: [1, 2] }, headers: { 'x-shop': 's' } });
  t.strictSame(keys, { ok: true, keys: ['i:1:s!', 'i:2:s!'], isPerRow: true });
  t.strictSame(
    read(view, { body: { items: [1, 2] } }),
    { ok: true, keys: [null, null], isPerRow: true },
    'one part missing',
  );
});

test('integers of 64 bits are exact and have one spelling', async (t) => {
  const view = makeView({ entity: [part({ from: 'body', path: ['a'] }, 'int')] });
  for (const [body, key] of [
    ['{"a":9223372036854775807}', '9223372036854775807'],
    ['{"a":-9223372036854775808}', '-9223372036854775808'],
    ['{"a":"007"}', '7'],
    ['{"a":5.0}', '5'],
    ['{"a":-0}', '0'],
  ]) {
    t.strictSame(read(view, { body }), { ok: true, keys: [key], isPerRow: false }, body ?? '');
  }
  for (const body of ['{"a":1.5}', '{"a":9223372036854775808}', '{"a":"x"}', '{"a":true}', '{"a":1e30}', '{"a":{}}']) {
    const refused = read(view, { body });
    t.match(refused, { ok: false, code: 'BAD_REQUEST', message: /the field a of the body must be an integer/ }, body);
  }
});

test('what cannot be a key is refused with the place named', async (t) => {
  const cases: [string, FeatureView, TestRequest, object][] = [
    [
      'an object',
      makeView({ entity: [bodyPart('a')] }),
      { body: { a: {} } },
      { code: 'BAD_REQUEST', message: /field a of the body/ },
    ],
    ['an object in a row', makeView({ entity: [bodyPart('a')] }), { body: { a: [1, {}] } }, { code: 'BAD_REQUEST' }],
    ['NaN', makeView({ entity: [bodyPart('a')] }), { body: '{"a":NaN}' }, { code: 'BAD_REQUEST' }],
    [
      'an object in a column',
      makeView({ entity: [part({ from: 'column', name: 'u' })] }),
      { body: { instances: [{ u: 1 }, { u: [] }] } },
      { code: 'BAD_REQUEST', message: /key u of every row .* Row 1 does not/ },
    ],
    [
      'a key that is too long',
      makeView({ entity: [part({ from: 'header', name: 'x-user' })] }),
      { body: {}, headers: { 'x-user': 'é'.repeat(513) } },
      { code: 'BAD_REQUEST', message: /the header x-user is longer than 1024 bytes/ },
    ],
    [
      'rows that differ',
      makeView({ entity: [bodyPart('a'), bodyPart('b')], key: { literals: ['', ':', ''], parts: [0, 1] } }),
      { body: { a: [1, 2], b: [1, 2, 3] } },
      { code: 'BAD_REQUEST', message: /2 in the field a of the body and 3 in the field b/ },
    ],
    [
      'too many rows',
      makeView({ entity: [bodyPart('a')] }),
      { body: { a: [1, 2, 3, 4, 5, 6] } },
      { code: 'BAD_BODY', message: /more than 5/ },
    ],
    [
      'too many instances',
      makeView({ entity: [part({ from: 'column', name: 0 })] }),
      { body: { instances: Array.from({ length: 6 }, () => [1]) } },
      { code: 'BAD_BODY', message: /more than 5/ },
    ],
    [
      'no instances',
      makeView({ entity: [part({ from: 'column', name: 0 })] }),
      { body: {} },
      { code: 'BAD_BODY', message: /instances/ },
    ],
    [
      'a tensor of floats',
      makeView({ entity: [part({ from: 'tensor', name: 'id' })] }),
      { body: { inputs: [{ name: 'id', shape: [1], datatype: 'FP32', data: [1] }] } },
      { code: 'BAD_BODY' },
    ],
  ];
  for (const [name, view, request, expected] of cases) t.match(read(view, request), { ok: false, ...expected }, name);
});

test('a key of exactly the longest length is taken', async (t) => {
  const view = makeView({ entity: [part({ from: 'header', name: 'x-user' })] });
  t.match(read(view, { body: {}, headers: { 'x-user': 'é'.repeat(512) } }), { ok: true });
});

test('an element of a tensor that names no entity costs only its own row the key', async (t) => {
  const view = makeView({ entity: [part({ from: 'tensor', name: 'ids' })] });
  const bodyOf = (data: string) => `{"inputs":[{"name":"ids","shape":[3],"datatype":"BYTES","data":${data}}]}`;
  for (const element of ['null', '""', '{"a":[1]}', 'NaN']) {
    const keys = read(view, { body: bodyOf(`["a",${element},"c"]`) });
    t.strictSame(keys, { ok: true, keys: ['a', null, 'c'], isPerRow: true }, element);
  }
  const tail = Buffer.from('\u0001\0\0\0a\0\0\0\0\u0001\0\0\0c', 'latin1');
  const parameters = { binary_data_size: tail.length };
  const body = { inputs: [{ name: 'ids', datatype: 'BYTES', shape: [3], parameters }] };
  t.strictSame(read(view, { body }, tail), { ok: true, keys: ['a', null, 'c'], isPerRow: true }, 'binary');
});

test('an element of a tensor that is too long for a key is refused, in JSON and in binary', async (t) => {
  const view = makeView({ entity: [part({ from: 'tensor', name: 'ids' })] });
  const refusal = { ok: false, code: 'BAD_REQUEST', message: /the input tensor ids is longer than 1024 bytes/ };
  for (const size of [1025, 5000]) {
    const long = 'k'.repeat(size);
    t.match(read(view, { body: { inputs: [{ name: 'ids', datatype: 'BYTES', data: ['a', long] }] } }), refusal);
    const tail = Buffer.concat([Buffer.alloc(4), Buffer.from(long)]);
    tail.writeUInt32LE(size);
    const parameters = { binary_data_size: tail.length };
    const body = { inputs: [{ name: 'ids', datatype: 'BYTES', shape: [1], parameters }] };
    t.match(read(view, { body }, tail), refusal);
  }
});

test('half of a surrogate pair in a key is what the store would make of it', async (t) => {
  const view = makeView({ entity: [bodyPart('id')] });
  t.match(read(view, { body: '{"id":"a\\ud800b"}' }), { keys: ['a\ufffdb'] });
});
