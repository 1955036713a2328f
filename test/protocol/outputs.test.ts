import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { readOutputs } from '../../src/protocol/outputs.ts';
import { jsonDocument } from './json-document.ts';

const oip = (text: string, max = 100) => readOutputs(Buffer.from(text), null, 'oip', max);
const v1 = (text: string, max = 100) => readOutputs(Buffer.from(text), null, 'v1', max);
const output = (name: string, values: (number | string)[], shape: number[] | null = null, isTruncated = false) => ({
  name,
  shape,
  values,
  isTruncated,
});

test('JSON outputs are read by name, nested data flattened', async (t) => {
  t.strictSame(
    oip(
      '{"outputs":[{"name":"p","shape":[2,2],"datatype":"FP32","data":[[1,NaN],[-Infinity,4]]},{"name":"l","datatype":"BYTES","data":["a","b"]}]}',
    ),
    [output('p', [1, NaN, -Infinity, 4], [2, 2]), output('l', ['a', 'b'])],
  );
  t.strictSame(oip('{"outputs":[{"name":"p","data":[true,false,null,9007199254740993]}]}'), [
    output('p', [1, 0, NaN, 9007199254740992]),
  ]);
});

test('binary outputs are read from the tail beside JSON ones', async (t) => {
  const part = (name: string, datatype: string, size: number) =>
    `{"name":"${name}","datatype":"${datatype}","shape":[2],"parameters":{"binary_data_size":${size}}}`;
  const json = `{"outputs":[${part('f', 'FP32', 8)},{"name":"j","shape":[1],"data":[7]},${part('x', 'FP8', 4)},${part('h', 'FP16', 4)},${part('b', 'BOOL', 2)},${part('s', 'BYTES', 9)},${part('i', 'INT64', 8)},${part('d', 'FP64', 8)}]}`;
  const tail = Buffer.alloc(43);
  tail.writeFloatLE(1.5, 0);
  tail.writeFloatLE(NaN, 4);
  tail.writeUInt16LE(0x3c00, 12);
  tail.writeUInt16LE(0xc100, 14);
  tail.writeUInt8(1, 17);
  tail.writeUInt32LE(1, 18);
  tail.write('z', 22);
  tail.writeBigInt64LE(-5n, 27);
  tail.writeDoubleLE(0.1, 35);
  t.strictSame(readOutputs(Buffer.concat([Buffer.from(json), tail]), json.length, 'oip', 100), [
    output('f', [1.5, NaN], [2]),
    output('j', [7], [1]),
    output('h', [1, -2.5], [2]),
    output('b', [0, 1], [2]),
    output('s', ['z', ''], [2]),
    output('i', [-5], [2]),
    output('d', [0.1], [2]),
  ]);
});

test('predictions are read as numbers, arrays or one output per key', async (t) => {
  t.strictSame(v1('{"predictions":[1,NaN,3]}'), [output('predictions', [1, NaN, 3])]);
  t.strictSame(v1('{"predictions":[[1,2],[3,4]]}'), [output('predictions', [1, 2, 3, 4])]);
  t.strictSame(v1('{"predictions":[{"label":"a","p":0.5},{"label":"b","p":[1,2]}]}'), [
    output('label', ['a', 'b']),
    output('p', [0.5, 1, 2]),
  ]);
  t.strictSame(v1('{"predictions":{"label":["a","b"]}}'), [output('label', ['a', 'b'])]);
  t.strictSame(v1('{"predictions":["a",1,true]}'), [output('predictions', ['a', '1', '1'])]);
});

test('no more elements are kept than allowed, and the cut is told', async (t) => {
  t.strictSame(v1('{"predictions":[1,2,3]}', 2), [output('predictions', [1, 2], null, true)]);
  t.strictSame(v1('{"predictions":[{"a":1,"b":2},{"a":3,"b":4}]}', 3), [
    output('a', [1, 3]),
    output('b', [2], null, true),
  ]);
  t.strictSame(oip('{"outputs":[{"name":"a","data":[1,2]},{"name":"b","data":[3,4]}]}', 3), [
    output('a', [1, 2]),
    output('b', [3], null, true),
  ]);
  const json = '{"outputs":[{"name":"a","datatype":"INT8","parameters":{"binary_data_size":4}}]}';
  t.match(readOutputs(Buffer.from(`${json}\u0001\u0002\u0003\u0004`), json.length, 'oip', 2), [
    { values: [1, 2], isTruncated: true },
  ]);
});

test('an answer of more outputs than any model has is not read', async (t) => {
  const answer = (count: number): Buffer =>
    Buffer.from(JSON.stringify({ outputs: Array.from({ length: count }, (_, i) => ({ name: `o${i}`, data: [i] })) }));
  t.equal(readOutputs(answer(1024), null, 'oip', 5_000)?.length, 1024);
  t.equal(readOutputs(answer(1025), null, 'oip', 5_000), null);
});

test('answers of another form give null', async (t) => {
  for (const text of [
    '',
    '{}',
    '{"outputs":1}',
    '{"outputs":[1]}',
    '{"outputs":[{"name":"a","data":[{}]}]}',
    '{"outputs":[]',
    '{"predictions":[1]}',
  ])
    t.equal(oip(text), null, text);
  for (const text of [
    '',
    '{}',
    '{"predictions":7}',
    '{"predictions":null}',
    '{"predictions":[[{}]]}',
    '{"predictions":[1',
  ])
    t.equal(v1(text), null, text);
  t.equal(readOutputs(Buffer.from('{"outputs":[]}'), 99, 'oip', 9), null);
});

test('no answer makes reading throw', async () => {
  fc.assert(
    fc.property(jsonDocument, jsonDocument, fc.nat(), (a, b, cut) => {
      for (const text of [`{"predictions":${a}}`, `{"outputs":[{"name":"x","data":${a},"shape":${b}}]}`]) {
        const body = Buffer.from(text).subarray(0, cut % 2 === 0 ? undefined : cut % text.length);
        for (const protocol of ['oip', 'v1'] as const) {
          const outputs = readOutputs(body, null, protocol, 3);
          if (outputs !== null && outputs.some((one) => one.values.length > 3)) return false;
        }
      }
      return true;
    }),
    { seed: 35, numRuns: 3000 },
  );
});
