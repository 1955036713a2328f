import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { compileEntitySource, type EntitySource, readEntityValues } from '../../src/protocol/entity-values.ts';
import { pathOf } from '../../src/protocol/json-path.ts';

const none = Buffer.alloc(0);

function read(text: string, source: string | EntitySource | null, { max = 1024, tail = none } = {}): unknown {
  const compiled = typeof source === 'string' ? compileEntitySource(source) : source;
  if (compiled === null) return 'bad source';
  const result = readEntityValues(Buffer.from(text), tail, compiled, max);
  return result.ok ? result.values : result.reason;
}

test('a field gives one value, or one per row when it is an array', async (t) => {
  t.same(read('{"parameters":{"flower_id":"f\\u0031"}}', 'parameters.flower_id'), ['f1']);
  t.same(read('{"id":[1,"b",1152921504606846977,true]}', 'id'), [1, 'b', '1152921504606846977', 'true']);
});

test('rows give a key, a nested key or a column each', async (t) => {
  const text = '{"instances":[{"id":1,"u":{"k":"a"}},{"id":2,"u":{"k":"b"}}]}';
  t.same(read(text, 'instances[*].id'), [1, 2]);
  t.same(read(text, 'instances[*].u.k'), ['a', 'b']);
  t.same(read('{"instances":[[1001,5],[1002,6]]}', 'instances[*][0]'), [1001, 1002]);
  t.same(read('{"inputs":[[1001,5]]}', 'instances[*][1]'), [5]);
});

test('a tensor gives its elements flattened', async (t) => {
  const source: EntitySource = { kind: 'tensor', name: 'driver' };
  t.same(
    read('{"inputs":[{"name":"x"},{"name":"driver","datatype":"INT64","data":[[1],[9007199254740993]]}]}', source),
    [1, '9007199254740993'],
  );
  t.same(read('{"inputs":[{"name":"driver","datatype":"BYTES","data":["a","b"]}]}', source), ['a', 'b']);
});

test('a binary tensor gives the numbers that were written', async () => {
  const writers: Record<string, [number, (b: Buffer, v: bigint, at: number) => number, bigint, bigint]> = {
    INT8: [1, (b, v, at) => b.writeInt8(Number(v), at), -128n, 127n],
    UINT16: [2, (b, v, at) => b.writeUInt16LE(Number(v), at), 0n, 65535n],
    INT32: [4, (b, v, at) => b.writeInt32LE(Number(v), at), -(2n ** 31n), 2n ** 31n - 1n],
    UINT32: [4, (b, v, at) => b.writeUInt32LE(Number(v), at), 0n, 2n ** 32n - 1n],
    INT64: [8, (b, v, at) => b.writeBigInt64LE(v, at), -(2n ** 63n), 2n ** 63n - 1n],
    UINT64: [8, (b, v, at) => b.writeBigUInt64LE(v, at), 0n, 2n ** 64n - 1n],
  };
  for (const [datatype, [size, write, min, max]] of Object.entries(writers)) {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min, max }), { minLength: 1, maxLength: 5 }), (values) => {
        const tail = Buffer.alloc(3 + size * values.length);
        for (const [i, value] of values.entries()) write(tail, value, 3 + i * size);
        const text =
          `{"inputs":[{"name":"x","parameters":{"binary_data_size":3}},{"name":"d","datatype":"${datatype}",` +
          `"parameters":{"binary_data_size":${size * values.length}}}]}`;
        const result = readEntityValues(Buffer.from(text), tail, { kind: 'tensor', name: 'd' });
        const isSafe = (v: bigint) => Number.isSafeInteger(Number(v));
        return (
          result.ok &&
          result.values.every((v, i) => v === (isSafe(values[i] ?? 0n) ? Number(values[i]) : String(values[i])))
        );
      }),
      { seed: 33, numRuns: 200 },
    );
  }
});

test('binary BYTES are read by their lengths and never beyond the tail', async (t) => {
  const text = (size: number) =>
    `{"inputs":[{"name":"d","datatype":"BYTES","parameters":{"binary_data_size":${size}}}]}`;
  const source: EntitySource = { kind: 'tensor', name: 'd' };
  const good = Buffer.from('\u0002\0\0\0é\0\0\0\0\u0001\0\0\0b', 'utf8');
  t.same(read(text(good.length), source, { tail: good }), ['é', '', 'b']);
  for (const [size, tail] of [
    [3, 'abc'],
    [4, '\u0001\0\0\0'],
    [5, '\u0002\0\0\0a'],
    [4, '\u00ff\u00ff\u00ff\u007f'],
  ] as const) {
    t.equal(read(text(size), source, { tail: Buffer.from(tail, 'latin1') }), 'BINARY_DATA');
  }
  t.equal(read(text(9), source, { tail: Buffer.alloc(8) }), 'BINARY_LENGTH');
  t.equal(read(text(0), source), 'MISSING');
});

test('more rows than allowed are refused from every source', async (t) => {
  const options = { max: 2 };
  t.equal(read('{"id":[1,2,3]}', 'id', options), 'TOO_MANY_ROWS');
  t.equal(read('{"instances":[{"id":1},{"id":2},{"id":3}]}', 'instances[*].id', options), 'TOO_MANY_ROWS');
  const tensor = '{"inputs":[{"name":"d","datatype":"INT8","parameters":{"binary_data_size":3}}]}';
  t.equal(read(tensor, { kind: 'tensor', name: 'd' }, { max: 2, tail: Buffer.alloc(3) }), 'TOO_MANY_ROWS');
  t.same(read(tensor, { kind: 'tensor', name: 'd' }, { max: 3, tail: Buffer.alloc(3) }), [0, 0, 0]);
  t.same(read('{"id":[1,2]}', 'id', options), [1, 2]);
});

test('a request without a usable key is refused as such', async (t) => {
  for (const value of ['null', '[]', '{}', '[1,null]', '[[{}]]', 'NaN', '[1,Infinity]', '1e999']) {
    t.equal(read(`{"id":${value}}`, 'id'), 'MISSING', value);
  }
  t.equal(read('{}', 'id'), 'MISSING');
  t.equal(read(`{"id":"${'k'.repeat(5000)}"}`, 'id'), 'MISSING', 'a key of absurd length');
  t.equal(read('{"id":1', 'id'), 'MISSING');
  t.equal(read('{"instances":[{"id":1},{}]}', 'instances[*].id'), 'MISSING');
  t.equal(read('{"instances":[]}', 'instances[*].id'), 'MISSING');
  t.equal(read('{"instances":[[1],[[2]]]}', 'instances[*][0]'), 'MISSING');
  const result = readEntityValues(Buffer.from('{"instances":[{"id":1},{}]}'), none, {
    kind: 'rows',
    path: pathOf(['id']),
  });
  t.match(result, { code: 'ENTITY_MISSING', message: /Row 1 / });
});

test('a tensor that cannot be keys is refused with a reason', async (t) => {
  const source: EntitySource = { kind: 'tensor', name: 'd' };
  t.equal(read('{"inputs":[{"name":"d","datatype":"FP32","data":[1]}]}', source), 'DATATYPE');
  t.equal(read('{"inputs":[{"name":"d","data":[1]}]}', source), 'DATATYPE');
  t.equal(read('{"inputs":[{"name":"d","datatype":"INT8"}]}', source), 'MISSING');
  t.equal(read('{"inputs":[{"name":"e"}]}', source), 'MISSING');
  t.equal(read('{"inputs":[{"name":"d"},{"name":"d"}]}', source), 'DUPLICATE_TENSOR');
  t.equal(read('{"inputs":[7]}', source), 'WRONG_TYPE');
});

test('sources that mean nothing do not compile', async (t) => {
  for (const text of ['', 'instances[*]', 'instances[*][x]', 'rows[*].id', 'instances[*].', 'a[*].b']) {
    t.equal(compileEntitySource(text), null, text);
  }
});

test('arbitrary bytes never make reading throw', async () => {
  const source: EntitySource = { kind: 'tensor', name: 'd' };
  const part = fc.constantFrom(
    '{"inputs":',
    '[',
    ']',
    '{"name":"d",',
    '"datatype":"BYTES",',
    '"data":',
    '"a"',
    ',',
    '}',
    '1',
    '"instances":',
    '"parameters":{"binary_data_size":2}',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 14 }), fc.uint8Array({ maxLength: 9 }), (parts, tail) => {
      for (const one of [source, compileEntitySource('instances[*].id'), compileEntitySource('inputs')]) {
        if (one !== null) readEntityValues(Buffer.from(parts.join('')), Buffer.from(tail), one, 2);
      }
    }),
    { seed: 34, numRuns: 5000 },
  );
});
