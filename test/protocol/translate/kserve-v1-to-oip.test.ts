import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import type { Protocol } from '../../../src/core/facts.ts';
import { column, elementType, flat, nestedText, shape, shapeOf } from './documents.ts';
import {
  answerText,
  jsonLengthOf,
  numberText,
  parseExact,
  type Sent,
  textOf,
  translate,
  translated,
} from './oracle.ts';

const oip = (body: string, sent: Sent = {}) => textOf(translate('kserve-v1', 'oip', body, sent));
const { answer } = translated('kserve-v1', 'oip', '{"instances":[1]}');

test('rows without names are one tensor with the name of the settings', async (t) => {
  const request = translated('kserve-v1', 'oip', '{"instances":[[1,2],[3,4]]}', { version: '2' });
  t.equal(request.method, 'POST');
  t.equal(request.path, '/v2/models/m/versions/2/infer');
  t.equal(request.headers, 'content-type: application/json\r\n');
  t.equal(textOf(request), '{"inputs":[{"name":"input","shape":[2,2],"datatype":"INT64","data":[1,2,3,4]}]}');
  t.equal(oip('{ "inputs" : ["a"] }'), '{"inputs":[{"name":"input","shape":[1],"datatype":"BYTES","data":["a"]}]}');
  t.equal(oip('{"instances":[]}'), '{"inputs":[{"name":"input","shape":[0],"datatype":"FP32","data":[]}]}');
});

test('rows that are objects are a tensor for each key, whatever the order of the keys', async (t) => {
  t.equal(
    oip('{"instances":[{"age":1,"name":"x"},{"name":"y","age":2}],"parameters":{"a":[1]}}'),
    '{"parameters":{"a":[1]},"inputs":[{"name":"age","shape":[2],"datatype":"INT64","data":[1,2]},{"name":"name","shape":[2],"datatype":"BYTES","data":["x","y"]}]}',
  );
});

test('numbers are sent as they are written, and their datatype is what they need', async (t) => {
  const tensor = (data: string, sent: Sent = {}) =>
    oip(`{"instances":[${data}]}`, sent).replace(/.*"datatype":"(\w+)","data":\[(.*)\]\}\]\}$/, '$1 $2');
  t.equal(tensor('9223372036854775807,-0'), 'INT64 9223372036854775807,-0');
  t.equal(tensor('1,2.50'), 'FP32 1,2.50');
  t.equal(tensor('1e5', { float: 'FP64' }), 'FP64 1e5');
  t.equal(tensor('9223372036854775808,0.5'), 'FP32 9223372036854775808,0.5');
  t.equal(tensor('true,false'), 'BOOL true,false');
});

test('booleans in an answer are booleans, also where a server writes 0 and 1', async (t) => {
  const { answer } = translated('kserve-v1', 'oip', '{"instances":[1]}');
  const output = (data: string) => `{"outputs":[{"name":"y","datatype":"BOOL","shape":[2],"data":${data}}]}`;
  t.equal(answerText(answer, output('[0,1]')), '{"predictions":[false,true]}');
  t.equal(answerText(answer, output('[true,false]')), '{"predictions":[true,false]}');
  t.match(answerText(answer, output('[0,2]')), /^NOT_REPRESENTABLE/);
});

test('what has no translation is refused with its place', async (t) => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ['{"instances":[1,"a"]}', /^WRONG_TYPE: instances\[1\] is a string, and an element before it is a number/],
    ['{"instances":[[true],[0]]}', /^WRONG_TYPE: instances\[1\]\[0\] is a number/],
    ['{"instances":[[1,2],[3]]}', /^SHAPE: instances\[1\] has another nesting/],
    ['{"instances":[1,[2]]}', /^SHAPE: instances\[1\]/],
    ['{"instances":[[1],2]}', /^SHAPE: instances\[1\]/],
    ['{"instances":[[],1]}', /^SHAPE: instances\[1\]/],
    ['{"instances":[[[]],[]]}', /^SHAPE: instances\[1\]/],
    ['{"instances":[[1,null]]}', /^NULL_VALUE: instances\[0\]\[1\] is null/],
    ['{"instances":[[{}]]}', /^WRONG_TYPE: instances\[0\]\[0\] is an object/],
    ['{"instances":[{"a":1},{"b":1}]}', /^UNSUPPORTED_FIELD: instances\[1\] has "b" which the first row does not have/],
    ['{"instances":[{"a":1,"b":1},{"a":1}]}', /^ROW_COUNT: instances\[1\] lacks "b"/],
    ['{"instances":[{"a":1,"a":2}]}', /^UNSUPPORTED_FIELD: instances\[0\] has "a" twice/],
    ['{"instances":[{"a":1},2]}', /^WRONG_TYPE: .*instances\[1\]" must be an object/],
    ['{"instances":[1,{"a":1}]}', /^WRONG_TYPE: instances\[1\] is an object/],
    ['{"instances":[{"a":1},{"a":[1]}]}', /^SHAPE: instances\[1\]\.a has another nesting/],
    ['{"instances":[{"b64":"aGk="}]}', /^UNSUPPORTED_FIELD: The elements \{"b64": \.\.\.\} of "instances" are bytes/],
    ['{"instances":[{}]}', /^MISSING: The rows of "instances" have no keys/],
    ['{"instances":[18446744073709551616]}', /^NOT_REPRESENTABLE: instances\[0\] is an integer beyond 64 bits/],
    ['{"instances":{"a":1}}', /^WRONG_TYPE: The field "instances" must be an array/],
    ['{"instances":[1],"inputs":[1]}', /^UNSUPPORTED_FIELD: The field "inputs" stands beside "instances"/],
    ['{"instances":[1],"context":1}', /^UNSUPPORTED_FIELD: The field "context" has no translation; leave it out/],
    ['{"instances":[1],"parameters":1}', /^WRONG_TYPE: The field "parameters" must be an object/],
    ['{}', /^MISSING: The request needs an array "instances"/],
    ['[1]', /^NOT_AN_OBJECT/],
    ['', /^NOT_AN_OBJECT/],
    ['{"instances":[1,]}', /^NOT_JSON/],
    ['{"instances":[1]}x', /^NOT_JSON/],
  ];
  for (const [body, failure] of refused) t.match(oip(body), failure, body);
  t.match(oip('{"instances":[1]}', { contentType: 'application/cloudevents+json' }), /^CONTENT_TYPE: A CloudEvent/);
  const latin = Buffer.from('{"instances":["\u00ff"]}', 'latin1');
  t.match(textOf(translate('kserve-v1', 'oip', latin)), /^NOT_JSON: .*UTF-8/);
});

test('numbers that no datatype holds, and halves of characters, are not sent on', async (t) => {
  const of = (elements: string, float: 'FP32' | 'FP64' = 'FP64') => oip(`{"instances":[${elements}]}`, { float });
  const uint = '{"inputs":[{"name":"input","shape":[2],"datatype":"UINT64","data":[18446744073709551615,1]}]}';
  t.equal(of('18446744073709551615,1'), uint, 'beyond INT64 and not negative');
  t.match(of('9223372036854775807,-9223372036854775808'), /"INT64"/);
  t.match(
    of('-1,9223372036854775808'),
    /^NOT_REPRESENTABLE: instances\[1\] is an integer beyond INT64, and others are/,
  );
  t.match(of('1,-9223372036854775809'), /^NOT_REPRESENTABLE: instances\[1\] is an integer beyond 64 bits/);
  t.match(of('18446744073709551616,0.5'), /"FP64"/, 'as a fraction it may lose digits, as the others do');
  t.match(of('0.5,[1]'), /^SHAPE/);
  t.match(of('1e400'), /^NOT_REPRESENTABLE: instances\[0\] is a number beyond FP64; send a smaller one/);
  t.match(of('0.5,-1E39', 'FP32'), /^NOT_REPRESENTABLE: instances\[1\] is a number beyond FP32/);
  t.match(of(`0.5,${'9'.repeat(40)}`, 'FP32'), /^NOT_REPRESENTABLE: instances\[1\] is a number beyond FP32/);
  for (const fine of ['0.5,-1E39', '1e-400']) t.match(of(fine), /"FP64"/, fine);
  t.match(of('3.4e38,-1', 'FP32'), /"FP32"/);
  t.match(of('"a","\\ud83d"'), /^NOT_REPRESENTABLE: instances\[1\] has half of a surrogate pair/);
  t.match(of('"\\ud83d\\ude00"'), /"BYTES"/);
});

test('what TF Serving has on the same path is read as well, and answered in columns', async (t) => {
  const request = translated(
    'kserve-v1',
    'oip',
    '{"signature_name":"serving_default","inputs":{"a":[1,2],"b":[[3],[4]]}}',
  );
  t.equal(
    textOf(request),
    '{"inputs":[{"name":"a","shape":[2],"datatype":"INT64","data":[1,2]},{"name":"b","shape":[2,1],"datatype":"INT64","data":[3,4]}]}',
  );
  const outputs = '{"outputs":[{"name":"y","datatype":"FP32","shape":[2],"data":[0.5,1]}]}';
  t.equal(answerText(request.answer, outputs), '{"outputs":[0.5,1]}');
});

test('one output is rows nested by its shape, several are rows with names', async (t) => {
  const y = '{"name":"y","datatype":"FP32","shape":[2,2],"data":[0.10, 1e5,NaN,-0]}';
  const z = '{"name":"z","datatype":"BYTES","shape":[2],"data":["a","b"]}';
  t.equal(answerText(answer, `{"model_name":"m","outputs":[${y}]}`), '{"predictions":[[0.10, 1e5],[NaN,-0]]}');
  t.equal(
    answerText(answer, `{"outputs":[${y},${z}],"id":null}`),
    '{"predictions":[{"y":[0.10, 1e5],"z":"a"},{"y":[NaN,-0],"z":"b"}]}',
  );
  t.equal(
    answerText(answer, '{"outputs":[{"name":"y","datatype":"INT64","shape":[2,1,2],"data":[[[1,2]],[[3,4]]]}]}'),
    '{"predictions":[[[1,2]],[[3,4]]]}',
  );
});

test('binary outputs are read from behind the JSON', async (t) => {
  const part = (name: string, datatype: string, size: number) =>
    `{"name":"${name}","datatype":"${datatype}","shape":[2],"parameters":{"binary_data_size":${size}}}`;
  const json = `{"outputs":[${part('f', 'FP32', 8)},${part('h', 'FP16', 4)},${part('x', 'BF16', 4)},${part('s', 'BYTES', 10)},${part('i', 'INT64', 16)}]}`;
  const tail = Buffer.alloc(42);
  tail.writeFloatLE(0.1, 0);
  tail.writeFloatLE(NaN, 4);
  tail.writeUInt16LE(0x3c00, 8);
  tail.writeUInt16LE(0xfc00, 10);
  tail.writeUInt16LE(0x3fc0, 12);
  tail.writeUInt16LE(0x7fc0, 14);
  tail.writeUInt32LE(2, 16);
  tail.write('é', 20);
  tail.writeBigInt64LE(-9007199254740993n, 26);
  tail.writeBigInt64LE(5n, 34);
  t.equal(
    Buffer.from(answerText(answer, Buffer.concat([Buffer.from(json), tail]), json.length), 'latin1').toString(),
    '{"predictions":[{"f":0.1,"h":1,"x":1.5,"s":"é","i":-9007199254740993},{"f":NaN,"h":-Infinity,"x":NaN,"s":"","i":5}]}',
  );
});

test('answers without such a form are the fault of the server', async (t) => {
  const output = (name: string, shape: string, data: string) =>
    `{"name":"${name}","datatype":"FP32","shape":${shape},"data":${data}}`;
  const refused: readonly (readonly [string, RegExp])[] = [
    [`{"outputs":[${output('y', '[3]', '[1,2]')}]}`, /^ELEMENT_COUNT: .*output "y" have fewer elements/],
    [`{"outputs":[${output('y', '[1]', '[1,2]')}]}`, /^ELEMENT_COUNT: .*more elements/],
    [`{"outputs":[${output('y', '[1000000000,1000000000]', '[1,2]')}]}`, /^ELEMENT_COUNT: .*fewer elements/],
    [`{"outputs":[${output('y', '[1000000000,0]', '[]')}]}`, /^SHAPE: .*empty rows/],
    [`{"outputs":[${output('y', '[]', '[1]')}]}`, /^SHAPE: .*no dimension/],
    [`{"outputs":[${output('y', '[-1]', '[1]')}]}`, /^SHAPE: .*outputs\[0\]\.shape/],
    [`{"outputs":[${output('y', '[1]', '[{}]')}]}`, /^WRONG_TYPE: .*hold an object/],
    [
      `{"outputs":[${output('y', '[1]', '[1]')},${output('z', '[2]', '[1,2]')}]}`,
      /^ROW_COUNT: .*output "z" has 2 rows/,
    ],
    [`{"outputs":[${output('y', '[1]', '[1]')},${output('y', '[1]', '[1]')}]}`, /^DUPLICATE_TENSOR/],
    ['{"outputs":[]}', /^MISSING/],
    ['{"predictions":[1]}', /^MISSING: The body needs an array "outputs"/],
    ['{"outputs":[{"name":"y","datatype":"FP32","shape":[1]}]}', /^BINARY_DATA/],
    ['<html>', /^NOT_AN_OBJECT/],
  ];
  for (const [body, failure] of refused) t.match(answerText(answer, body), failure, body);
});

const plainRows = fc
  .tuple(fc.nat({ max: 3 }), shape, elementType)
  .chain(([rows, sizes, type]) => nestedText([rows, ...sizes], type));

const namedRows = fc
  .tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.uniqueArray(column, { minLength: 1, maxLength: 3, selector: ([name]) => name }),
  )
  .chain(([rows, columns]) =>
    fc.array(
      fc
        .tuple(
          ...columns.map(([name, sizes, type]) =>
            nestedText(sizes, type).map((text) => `${JSON.stringify(name)}: ${text}`),
          ),
        )
        .map((members) => `{${members.join(' ,')}}`),
      { minLength: rows, maxLength: rows },
    ),
  )
  .map((rows) => `[${rows.join(',')}]`);

function expectedTensor(name: string, rows: unknown[]): object {
  const data = flat(rows);
  const numbers = data.map(numberText);
  let datatype = 'FP32';
  if (typeof data[0] === 'boolean') datatype = 'BOOL';
  else if (data.length > 0 && numbers[0] === null) datatype = 'BYTES';
  else if (data.length > 0 && numbers.every((text) => /^-?\d+$/.test(text ?? ''))) datatype = 'INT64';
  return { name, shape: shapeOf(rows).map((size) => `\u0001${size}`), datatype, data };
}

test('random rows become the tensors that JSON.parse finds in them', async (t) => {
  fc.assert(
    fc.property(fc.oneof(plainRows, namedRows), (rows) => {
      const parsed = parseExact(rows) as unknown[];
      const first: unknown = parsed[0];
      const isNamed = typeof first === 'object' && first !== null && !Array.isArray(first);
      const inputs = isNamed
        ? Object.keys(first).map((name) =>
            expectedTensor(
              name,
              parsed.map((row) => (row as Record<string, unknown>)[name]),
            ),
          )
        : [expectedTensor('input', parsed)];
      const result = oip(`{"instances":${rows}}`);
      // An integer that INT64 cannot hold is fine only beside a fraction.
      if (result.startsWith('NOT_REPRESENTABLE')) return rows.includes('12345678901234567890123');
      const text = Buffer.from(result, 'latin1').toString();
      return fc.stringify(parseExact(text)) === fc.stringify({ inputs });
    }),
    { seed: 61, numRuns: 2000 },
  );
  t.pass('2000 cases');
});

test('rows that are not all finite are sent in the binary form, where the server reads that', async (t) => {
  const bodies: readonly (readonly [Protocol, string, RegExp])[] = [
    ['kserve-v1', '{"instances":[[1,NaN],[-Infinity,0.5]]}', /The input "input" holds NaN or infinities/],
    ['tfserving', '{"instances":[[1,NaN],[-Infinity,0.5]]}', /The input "input"/],
    ['vertex', '{"instances":[[1,NaN],[-Infinity,0.5]]}', /The input "input"/],
    ['mlflow', '{"inputs":[[1,NaN],[-Infinity,0.5]]}', /The input "input"/],
    ['kserve-v1', '{"instances":[{"a":[1,NaN]},{"a":[-Infinity,0.5]}]}', /The input "a" holds NaN/],
  ];
  for (const [from, body, failure] of bodies) {
    const request = translated(from, 'oip', body);
    const length = jsonLengthOf(request) ?? -1;
    t.match(JSON.parse(request.body!.toString('latin1', 0, length)), {
      inputs: [{ shape: [2, 2], datatype: 'FP32', parameters: { binary_data_size: 16 } }],
    });
    const tail = request.body!.subarray(length);
    t.same(
      [0, 4, 8, 12].map((at) => tail.readFloatLE(at)),
      [1, NaN, -Infinity, 0.5],
    );
    t.match(textOf(translate(from, 'oip', body, { binary: false })), failure);
    t.ok(translate(from, 'oip-grpc', body, { binary: false }).ok, 'over gRPC they have a form always');
  }
  t.match(oip('{"instances":[1],"parameters":{"t":NaN}}'), /The field "parameters" holds NaN/);
  t.match(textOf(translate('mlflow', 'oip', '{"inputs":[1],"params":{"t":NaN}}')), /The field "params" holds NaN/);
  t.match(oip('{"instances":["NaN Infinity"]}'), /"data":\["NaN Infinity"\]/, 'texts are texts');
});

test('the operator names the datatype of numbers', async (t) => {
  const datatypes = { input: 'FP32', a: 'INT32' } as const;
  t.match(oip('{"instances":[1,2]}', { datatypes }), /"datatype":"FP32","data":\[1,2\]/);
  t.match(oip('{"instances":[{"a":1,"b":2}]}', { datatypes }), /"INT32","data":\[1\].*"INT64","data":\[2\]/);
  t.match(oip('{"instances":[{"a":1.5}]}', { datatypes }), /^NOT_REPRESENTABLE: .*input "a", 1\.5, is not INT32/);
  t.match(oip('{"instances":[true]}', { datatypes }), /^NOT_REPRESENTABLE: .*input "input", true, is not FP32/);
});
