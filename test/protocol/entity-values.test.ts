import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { readEntityValues } from '../../src/protocol/entity-values.ts';
import { compileKey } from '../../src/protocol/json-key.ts';
import { compilePlaces, RequestBody } from '../../src/protocol/request-body.ts';

const none = Buffer.alloc(0);

const bodyOf = (text: string, tail: Buffer) =>
  new RequestBody(Buffer.from(text), tail, tail.length > 0, compilePlaces([]));
const d = compileKey('d');

/** The values of the tensor d, or the reason of the failure. */
function read(text: string, { max = 1024, tail = none } = {}): unknown {
  const result = readEntityValues(bodyOf(text, tail), d, max);
  return result.ok ? result.values : result.reason;
}

const ofBytes = (data: string): string => `{"inputs":[{"name":"d","datatype":"BYTES","data":${data}}]}`;

test('a tensor gives its elements flattened', async (t) => {
  t.same(read('{"inputs":[{"name":"x"},{"name":"d","datatype":"INT64","data":[[1],[9007199254740993]]}]}'), [
    1,
    '9007199254740993',
  ]);
  t.same(read(ofBytes('["a","b"]')), ['a', 'b']);
  t.same(read('{"inputs":[{"name":"d","datatype":"BOOL","data":[true,false]}]}'), [true, false]);
  const binary = '{"inputs":[{"name":"d","datatype":"BOOL","shape":[2],"parameters":{"binary_data_size":2}}]}';
  t.same(read(binary, { tail: Buffer.from([1, 0]) }), [true, false]);
});

test('an element that names no entity is null and leaves the others alone', async (t) => {
  for (const element of ['null', '{}', '{"a":[1,{}]}', 'NaN', '-Infinity', '1e999']) {
    t.same(read(ofBytes(`["a",${element},"b"]`)), ['a', null, 'b'], element);
    t.same(read(ofBytes(`[["a"],[${element}]]`)), ['a', null], element);
  }
});

test('without the tensor or its elements there are no values', async (t) => {
  for (const text of ['{}', '{"inputs":[]}', '{"inputs":[{"name":"e"}]}', '{"inputs":', 'null']) t.same(read(text), []);
  for (const data of ['[]', '[[],[]]', 'null']) t.same(read(ofBytes(data)), [], data);
  t.same(read('{"inputs":[{"name":"d","datatype":"INT8"}]}'), []);
  t.same(read('{"inputs":[{"name":"d","datatype":"BYTES","shape":[0],"parameters":{"binary_data_size":0}}]}'), []);
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
          `{"inputs":[{"name":"x","datatype":"INT8","shape":[3],"parameters":{"binary_data_size":3}},` +
          `{"name":"d","datatype":"${datatype}","shape":[1,${values.length}],"parameters":{"binary_data_size":${size * values.length}}}]}`;
        const result = readEntityValues(bodyOf(text, tail), d, 5);
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
  const text = (size: number, count = 1) =>
    `{"inputs":[{"name":"d","datatype":"BYTES","shape":[${count}],"parameters":{"binary_data_size":${size}}}]}`;
  const good = Buffer.from('\u0002\0\0\0é\0\0\0\0\u0001\0\0\0b', 'utf8');
  t.same(read(text(good.length, 3), { tail: good }), ['é', '', 'b']);
  for (const [size, tail] of [
    [6, '\u0003\0\0\0ab'],
    [4, '\u0001\0\0\0'],
    [5, '\u0002\0\0\0a'],
    [4, '\u00ff\u00ff\u00ff\u007f'],
  ] as const) {
    t.equal(read(text(size), { tail: Buffer.from(tail, 'latin1') }), 'BINARY_DATA');
  }
  t.equal(read(text(9), { tail: Buffer.alloc(8) }), 'BINARY_LENGTH');
});

test('more rows than allowed are refused', async (t) => {
  t.equal(read(ofBytes('["a","b","c"]'), { max: 2 }), 'TOO_MANY_ROWS');
  t.same(read(ofBytes('["a","b"]'), { max: 2 }), ['a', 'b']);
  const binary = '{"inputs":[{"name":"d","datatype":"INT8","shape":[3],"parameters":{"binary_data_size":3}}]}';
  t.equal(read(binary, { max: 2, tail: Buffer.alloc(3) }), 'TOO_MANY_ROWS');
  t.same(read(binary, { max: 3, tail: Buffer.alloc(3) }), [0, 0, 0]);
});

test('a tensor with another number of elements than its shape is refused', async (t) => {
  const text = (shape: string, data: string) =>
    `{"inputs":[{"name":"d","datatype":"INT64","shape":${shape},"data":${data}}]}`;
  t.same(read(text('[2,1]', '[[1],[2]]')), [1, 2]);
  t.same(read(text('[]', '[7]')), [7]);
  for (const shape of ['[5]', '[99999999999]', '[1,2]', '[-1]', '[0]', '[1.5]', '["1"]', '{}']) {
    t.equal(read(text(shape, '[1]')), 'ELEMENT_COUNT', shape);
  }
  const binary = '{"inputs":[{"name":"d","datatype":"BYTES","shape":[2],"parameters":{"binary_data_size":10}}]}';
  t.equal(read(binary, { tail: Buffer.from('\u0006\0\0\0abcdef') }), 'ELEMENT_COUNT');
});

test('a tensor that cannot be keys is refused with a reason', async (t) => {
  t.equal(read('{"inputs":[{"name":"d","datatype":"FP32","data":[1]}]}'), 'DATATYPE');
  t.equal(read('{"inputs":[{"name":"d","data":[1]}]}'), 'DATATYPE');
  t.equal(read('{"inputs":[{"name":"d"},{"name":"d"}]}'), 'DUPLICATE_TENSOR');
  t.equal(read('{"inputs":[7]}'), 'WRONG_TYPE');
});

test('arbitrary bytes never make reading throw', async () => {
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
    '"parameters":{"binary_data_size":2}',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 14 }), fc.uint8Array({ maxLength: 9 }), (parts, tail) => {
      readEntityValues(bodyOf(parts.join(''), Buffer.from(tail)), d, 2);
    }),
    { seed: 34, numRuns: 5000 },
  );
});
