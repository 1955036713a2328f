import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { column, elementTexts, nest } from './documents.ts';
import { answered, answerText, jsonLengthOf, parseExact, type Sent, textOf, translate, translated } from './oracle.ts';

const v1 = (body: string | Buffer, sent: Sent = {}) => textOf(translate('oip', 'kserve-v1', body, sent));
const input = (name: string, datatype: string, shape: string, data: string, more = '') =>
  `{"name":"${name}","datatype":"${datatype}","shape":${shape}${more},"data":${data}}`;
const x = input('x', 'FP32', '[2,2]', '[0.10,1e5,3,4]');

/** Translates a request that asks for these outputs, and then the answer. */
function outputsOf(outputs: string, predictions: string, more = ''): string {
  const body = `{"id":"q1","inputs":[${x}]${outputs === '' ? '' : `,"outputs":${outputs}`}${more}}`;
  const { answer } = translated('oip', 'kserve-v1', body, { version: '3' });
  return answerText(answer, `{"predictions":${predictions},"deployed":1}`);
}

test('one input is rows nested by its shape, nested or flat as it was', async (t) => {
  const request = translated('oip', 'kserve-v1', `{"id":"1","inputs":[${x}]}`, { version: '2' });
  t.equal(request.path, '/v1/models/m:predict');
  t.equal(textOf(request), '{"instances":[[0.10,1e5],[3,4]]}');
  t.equal(v1(`{"inputs":[${input('x', 'INT64', '[2,1,2]', '[[[1,2]],[[3,4]]]')}]}`), '{"instances":[[[1,2]],[[3,4]]]}');
  t.equal(v1(`{"inputs":[${input('x', 'BYTES', '[0]', '[]')}]}`), '{"instances":[]}');
  t.equal(v1(`{"inputs":[${input('x', 'BYTES', '[2,0]', '[]')}]}`), '{"instances":[[],[]]}');
});

test('several inputs are rows with names', async (t) => {
  const n = input('n', 'BYTES', '[2]', '["a","b"]', ',"parameters":{"content_type":"str"}');
  t.equal(
    v1(`{"inputs":[${x},${n}],"parameters":{"binary_data_output":false,"content_type":"pd","k":[1]}}`),
    '{"instances":[{"x":[0.10,1e5],"n":"a"},{"x":[3,4],"n":"b"}],"parameters":{"k":[1]}}',
  );
});

test('binary inputs are read from behind the JSON', async (t) => {
  const part = (name: string, datatype: string, size: number) =>
    `{"name":"${name}","datatype":"${datatype}","shape":[2],"parameters":{"binary_data_size":${size}}}`;
  const json = `{"inputs":[${part('i', 'INT64', 16)},${part('d', 'FP64', 16)},${part('s', 'BYTES', 10)},${part('b', 'BOOL', 2)},${part('u', 'UINT64', 16)}]}`;
  const tail = Buffer.alloc(60);
  tail.writeBigInt64LE(2n ** 62n + 1n, 0);
  tail.writeBigInt64LE(-(2n ** 63n), 8);
  tail.writeDoubleLE(0.1 + 0.2, 16);
  tail.writeDoubleLE(-0, 24);
  tail.writeUInt32LE(2, 32);
  tail.write('"\n', 36);
  tail.writeUInt8(1, 43);
  tail.writeBigUInt64LE(2n ** 64n - 1n, 44);
  tail.writeBigUInt64LE(4294967296n, 52);
  t.equal(
    v1(Buffer.concat([Buffer.from(json), tail]), { jsonLength: json.length }),
    '{"instances":[{"i":4611686018427387905,"d":0.30000000000000004,"s":"\\"\\n","b":false,"u":18446744073709551615},{"i":-9223372036854775808,"d":-0.0,"s":"","b":true,"u":4294967296}]}',
  );
  const bad = `{"inputs":[{"name":"s","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":5}}]}`;
  const bytes = Buffer.concat([Buffer.from(bad), Buffer.from([1, 0, 0, 0, 0xff])]);
  t.match(v1(bytes, { jsonLength: bad.length }), /^NOT_REPRESENTABLE: .*input "s" holds bytes that are not UTF-8/);
});

test('what has no translation is refused with its field', async (t) => {
  const one = input('x', 'FP32', '[1]', '[1]');
  const refused: readonly (readonly [string, RegExp])[] = [
    [`{"inputs":[${one}],"foo":1}`, /^UNSUPPORTED_FIELD: The field "foo"/],
    [`{"inputs":[${one}],"model_name":"x"}`, /^UNSUPPORTED_FIELD: The field "model_name" is "x"/],
    [`{"inputs":[${one}],"parameters":{"t":[-Infinity]}}`, /^NOT_REPRESENTABLE: The field "parameters" holds NaN/],
    [
      `{"inputs":[${input('x', 'FP32', '[1]', '[1]', ',"foo":1')}]}`,
      /^UNSUPPORTED_FIELD: The field "inputs\[0\]\.foo"/,
    ],
    [
      `{"inputs":[${input('x', 'BYTES', '[1]', '[""]', ',"parameters":{"content_type":"base64"}')}]}`,
      /^UNSUPPORTED_FIELD: The field "parameters\.content_type" of the input "x"/,
    ],
    [
      `{"inputs":[${one}],"outputs":[{"name":"y","parameters":{"classification":2}}]}`,
      /^UNSUPPORTED_FIELD: The field "parameters\.classification" of the output "y"/,
    ],
    [
      `{"inputs":[${one}],"outputs":[{"name":"y"},{"name":"y"}]}`,
      /^DUPLICATE_TENSOR: The output "y" is asked for twice/,
    ],
    [`{"inputs":[${one},${one}]}`, /^DUPLICATE_TENSOR/],
    [`{"inputs":[${one},${x.replace('"x"', '"y"')}]}`, /^ROW_COUNT/],
    ['{"inputs":[]}', /^MISSING/],
    ['{"inputs":1}', /^WRONG_TYPE: The field "inputs" must be an array/],
    ['{"inputs":[1]}', /^WRONG_TYPE: The field "inputs\[0\]" must be an object/],
    ['{"inputs":[{"name":"x"}]}', /^MISSING: The tensor "inputs\[0\]" needs/],
    [`{"inputs":[${one}],"id":5}`, /^WRONG_TYPE: The field "id" must be a string/],
    [`{"inputs":[${input('x', 'FP32', '[1e9,1e9]', '[1]')}]}`, /^ELEMENT_COUNT/],
    [`{"inputs":[${input('x', 'FP32', '[65536,65536,0]', '[]')}]}`, /^SHAPE/],
  ];
  for (const [body, failure] of refused) t.match(v1(body), failure, body);
  t.match(v1(Buffer.alloc(8), { jsonLength: 0 }), /^RAW_REQUEST/);
  t.match(v1('{}', { jsonLength: 9 }), /^BINARY_LENGTH/);
  const json = `{"inputs":[${one}]}`;
  t.match(v1(`${json}abc`, { jsonLength: json.length }), /^BINARY_LENGTH: There are more bytes/);
});

test('elements that their datatype cannot hold are refused, and the others keep their digits', async (t) => {
  const refused: readonly (readonly [datatype: string, data: string, RegExp])[] = [
    ['FOO', '[1]', /^DATATYPE: The input "x" has the datatype "FOO"/],
    ['FP16', '[1]', /^DATATYPE: The input "x" is FP16, which has no JSON form/],
    ['BF16', '[1]', /^DATATYPE/],
    ['INT64', '[1.5]', /^NOT_REPRESENTABLE: Element 0 of the input "x", 1\.5, is not INT64/],
    ['INT64', '["a"]', /^NOT_REPRESENTABLE/],
    ['UINT8', '[300]', /^NOT_REPRESENTABLE/],
    ['FP32', '[null]', /^NULL_VALUE/],
    ['FP32', '[1e39]', /^NOT_REPRESENTABLE/],
    ['FP32', '[NaN]', /^NOT_REPRESENTABLE: The input "x" holds NaN or infinities, which JSON cannot carry/],
    ['FP64', '[-Infinity]', /^NOT_REPRESENTABLE: The input "x" holds NaN/],
    ['BYTES', '[1]', /^NOT_REPRESENTABLE/],
    ['BYTES', '["\\ud800"]', /^NOT_REPRESENTABLE/],
    ['BOOL', '["true"]', /^NOT_REPRESENTABLE/],
    ['FP64', '[{}]', /^WRONG_TYPE/],
  ];
  for (const [datatype, data, failure] of refused) {
    t.match(v1(`{"inputs":[${input('x', datatype, '[1]', data)}]}`), failure, `${datatype} ${data}`);
  }
  const kept: readonly (readonly [datatype: string, element: string])[] = [
    ['UINT64', '18446744073709551615'],
    ['FP64', '0.1000000000000000055511151231257827'],
    ['BYTES', '"\\u0061"'],
  ];
  for (const [datatype, element] of kept) {
    const body = `{"inputs":[${input('x', datatype, '[1]', `[${element}]`)}]}`;
    t.equal(v1(body), `{"instances":[${element}]}`);
  }
});

test('data are flat or nested exactly like their shape', async (t) => {
  const refused: readonly (readonly [shape: string, data: string, RegExp])[] = [
    ['[2,2]', '[[1,2,3],[4]]', /^SHAPE: The data of the input "x" are nested otherwise than its shape \[2,2\] says/],
    ['[2,2]', '[[1,2,3,4]]', /^SHAPE/],
    ['[2,2]', '[1,[2,3],4]', /^SHAPE/],
    ['[2,2]', '[[1,2],3,4]', /^SHAPE/],
    ['[2,2]', '[[[1,2],[3,4]]]', /^SHAPE/],
    ['[2,2]', '[[1],[2],[3],[4]]', /^SHAPE/],
    ['[2]', '[[1,2]]', /^SHAPE/],
    ['[2,0]', '[[]]', /^SHAPE/],
    ['[2,2]', '[[1,2],[3,4],[]]', /^SHAPE/],
    ['[1]', '"abc"', /^WRONG_TYPE: The field "inputs\[0\]\.data" must be an array/],
    ['[1]', '1', /^WRONG_TYPE/],
  ];
  for (const to of ['kserve-v1', 'oip-grpc'] as const) {
    for (const [shape, data, failure] of refused) {
      const body = `{"inputs":[${input('x', 'INT64', shape, data)}]}`;
      t.match(textOf(translate('oip', to, body)), failure, `${to} ${shape} ${data}`);
    }
    for (const data of ['[1,2,3,4]', '[ [ [1] , [2] ] , [ [3] , [4] ] ]']) {
      t.ok(translate('oip', to, `{"inputs":[${input('x', 'INT64', '[2,2,1]', data)}]}`).ok, `${to} ${data}`);
    }
    for (const data of ['[]', '[[],[]]']) {
      t.ok(translate('oip', to, `{"inputs":[${input('x', 'INT64', '[2,0]', data)}]}`).ok, `${to} ${data}`);
    }
  }
  const { answer } = translated('kserve-v1', 'oip', '{"instances":[1]}');
  const output = `{"outputs":[${input('y', 'FP32', '[2,2]', '[[1,2,3],[4]]')}]}`;
  t.match(answerText(answer, output), /^SHAPE: The data of the output "y"/);
});

test('predictions come back as outputs with the names that were asked for', async (t) => {
  const head = '{"model_name":"m","model_version":"3","id":"q1","outputs":[';
  t.equal(
    outputsOf('', '[[1,2],[3,4.0]]'),
    `${head}{"name":"predict","shape":[2,2],"datatype":"FP32","data":[1,2,3,4.0]}]}`,
  );
  t.equal(outputsOf('[{"name":"y"}]', '["a"]'), `${head}{"name":"y","shape":[1],"datatype":"BYTES","data":["a"]}]}`);
  t.equal(
    outputsOf('', '[{"a":1,"b":true}]'),
    `${head}{"name":"a","shape":[1],"datatype":"FP32","data":[1]},{"name":"b","shape":[1],"datatype":"BOOL","data":[true]}]}`,
  );
  t.equal(
    outputsOf('[{"name":"b"}]', '[{"a":1,"b":true}]'),
    `${head}{"name":"b","shape":[1],"datatype":"BOOL","data":[true]}]}`,
  );
});

test('predictions come back in the binary form where the request wants it', async (t) => {
  const outputs = '[{"name":"a"},{"name":"b","parameters":{"binary_data":false}}]';
  const { answer } = translated(
    'oip',
    'kserve-v1',
    `{"inputs":[${x}],"outputs":${outputs},"parameters":{"binary_data_output":true}}`,
  );
  const result = answered(answer, '{"predictions":[{"a":1.5,"b":"x"},{"a":-2,"b":"y"}]}');
  const length = jsonLengthOf(result) ?? -1;
  t.equal(result.headers, `content-type: application/octet-stream\r\ninference-header-content-length: ${length}\r\n`);
  t.equal(
    result.body.toString('latin1', 0, length),
    '{"model_name":"m","outputs":[{"name":"a","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8}},{"name":"b","shape":[2],"datatype":"BYTES","data":["x","y"]}]}',
  );
  t.same([result.body.readFloatLE(length), result.body.readFloatLE(length + 4)], [1.5, -2]);
  t.equal(result.body.length, length + 8);
});

test('the datatype of an answer does not depend on its digits', async (t) => {
  const { answer } = translated('oip', 'kserve-v1', `{"inputs":[${x}]}`, { float: 'FP64', datatypes: { y: 'INT64' } });
  const datatypes = (predictions: string) =>
    Array.from(
      answerText(answer, `{"predictions":${predictions}}`).matchAll(/"datatype":"(\w+)"/g),
      ([, type]) => type,
    );
  for (const predictions of ['[1,2]', '[1,2.5]', '[1e3]', '[]', '[9007199254740992]', '[100000000000000000000]']) {
    t.same(datatypes(predictions), ['FP64'], predictions);
  }
  t.same(datatypes('[{"y":1,"z":1},{"y":2,"z":1}]'), ['INT64', 'FP64']);
  t.match(
    answerText(answer, '{"predictions":[1, 9007199254740993]}'),
    /^NOT_REPRESENTABLE: The integer 9007199254740993 of the output "predict" is not exact as FP64; name its datatype/,
  );
  t.match(answerText(answer, '{"predictions":[{"y":1.5}]}'), /^NOT_REPRESENTABLE: .*output "y", 1\.5, is not INT64/);
  const asked = `{"inputs":[${x}],"outputs":[{"name":"mine"}]}`;
  const labels = translated('oip', 'kserve-v1', asked, { datatypes: { predict: 'INT64' } }).answer;
  t.match(answerText(labels, '{"predictions":[9007199254740993]}'), /"mine".*"INT64","data":\[9007199254740993\]/);
});

test('predictions that are not finite come in the binary form, because JSON has none', async (t) => {
  const { answer } = translated('oip', 'kserve-v1', `{"inputs":[${x}]}`);
  const result = answered(answer, '{"predictions":[{"a":1,"b":NaN},{"a":2,"b":-1}]}');
  const length = jsonLengthOf(result) ?? -1;
  t.match(JSON.parse(result.body.toString('latin1', 0, length)), {
    outputs: [
      { name: 'a', data: [1, 2] },
      { name: 'b', parameters: { binary_data_size: 8 } },
    ],
  });
  t.same([result.body.readFloatLE(length), result.body.readFloatLE(length + 4)], [NaN, -1]);
});

test('parameters that are null count as absent', async (t) => {
  const one = input('x', 'FP32', '[1]', '[1]', ',"parameters":{"content_type":null,"headers":null}');
  const outputs = '[{"name":"y","parameters":{"content_type":null}}]';
  t.equal(v1(`{"inputs":[${one}],"outputs":${outputs},"parameters":{"headers":null}}`), '{"instances":[1]}');
});

test('TF Serving gets the tokens of what is not finite, which it reads, and others get none', async (t) => {
  const body = `{"inputs":[${input('x', 'FP32', '[2]', '[1,NaN]')}]}`;
  t.equal(textOf(translate('oip', 'tfserving', body)), '{"instances":[1,NaN]}');
  t.match(textOf(translate('oip', 'vertex', body)), /^NOT_REPRESENTABLE: The field "instances" holds NaN/);
  for (const [from, to] of [
    ['tfserving', 'kserve-v1'],
    ['tfserving', 'vertex'],
    ['vertex', 'kserve-v1'],
    ['kserve-v1', 'vertex'],
  ] as const) {
    t.match(
      textOf(translate(from, to, '{"instances":["N",{"a":-Infinity}]}')),
      /"instances" holds NaN/,
      `${from} ${to}`,
    );
    t.ok(translate(from, to, '{"instances":["NaN",{"I":"Infinity"}]}').ok, `${from} ${to}`);
  }
  t.match(textOf(translate('tfserving', 'kserve-v1', '{"inputs":{"a":[NaN]}}')), /The field "inputs" holds NaN/);
});

test('predictions of another form are the fault of the server', async (t) => {
  const refused: readonly (readonly [outputs: string, predictions: string, RegExp])[] = [
    ['', '{"a":1}', /^WRONG_TYPE: The field "predictions" must be an array/],
    ['', '[null]', /^NULL_VALUE: predictions\[0\]/],
    ['', '[[1],[1,2]]', /^SHAPE: predictions\[1\]/],
  ];
  for (const [outputs, predictions, failure] of refused) t.match(outputsOf(outputs, predictions), failure, predictions);
  t.match(
    answerText(translated('oip', 'kserve-v1', `{"inputs":[${x}]}`).answer, '{"error":1}'),
    /^MISSING: .*predictions/,
  );
});

test('booleans are written as such, also where a client sends 0 and 1', async (t) => {
  t.equal(v1(`{"inputs":[${input('x', 'BOOL', '[1,2]', '[[0,1]]')}]}`), '{"instances":[[false,true]]}');
  t.equal(v1(`{"inputs":[${input('x', 'BOOL', '[2]', '[true,0]')}]}`), '{"instances":[true,false]}');
});

test('a table of one column keeps its name', async (t) => {
  const one = input('x', 'INT64', '[2]', '[1,2]');
  for (const hint of ['pd', 'dict']) {
    const body = `{"inputs":[${one}],"parameters":{"content_type":"${hint}"}}`;
    t.equal(v1(body), '{"instances":[{"x":1},{"x":2}]}', hint);
  }
  t.equal(v1(`{"inputs":[${one}],"parameters":{"content_type":"np"}}`), '{"instances":[1,2]}');
  const frame = '{"dataframe_split":{"columns":["x"],"data":[[1],[2]]}}';
  t.equal(textOf(translate('mlflow', 'kserve-v1', frame)), '{"instances":[{"x":1},{"x":2}]}');
});

test('no rows are rows of every output that was asked for', async (t) => {
  const none = (name: string) => `{"name":"${name}","shape":[0],"datatype":"FP32","data":[]}`;
  t.match(outputsOf('[{"name":"a"},{"name":"b"}]', '[]'), `"outputs":[${none('a')},${none('b')}]}`);
});

test('an output that the answer lacks is the fault of the client that named it', async (t) => {
  const two = '[{"name":"a"},{"name":"b"}]';
  t.match(outputsOf(two, '[1]'), /^UNKNOWN_OUTPUT: The field "outputs" names "b", .* it gives "a"\./);
  t.match(outputsOf('[{"name":"z"}]', '[{"x":1,"y":2}]'), /^UNKNOWN_OUTPUT: .*"z".* it gives "x", "y"\./);
  const many = `[{${Array.from({ length: 12 }, (_, i) => `"k${i}":1`).join()}}]`;
  t.match(outputsOf('[{"name":"z"}]', many), /"k7" and 4 others\.$/);
});

const tensors = fc
  .tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.uniqueArray(column, { minLength: 1, maxLength: 3, selector: ([name]) => name }),
  )
  .chain(([rows, columns]) =>
    fc.tuple(
      ...columns.map(([name, sizes, type]) => {
        const shape = [rows, ...sizes];
        const count = shape.reduce((product, size) => product * size, 1);
        return fc
          .array(elementTexts[type], { minLength: count, maxLength: count })
          .map((data) => ({ name, shape, datatype: type, data: data.join(' , ') }));
      }),
    ),
  );

test('random tensors become the rows that their shapes make of them', async (t) => {
  fc.assert(
    fc.property(tensors, (inputs) => {
      const body = inputs.map(
        ({ name, shape, datatype, data }) =>
          `{"data":[${data}],"name":${JSON.stringify(name)},"shape":[${shape.join()}],"datatype":"${datatype}"}`,
      );
      const nested = inputs.map(({ data, shape }) => nest(parseExact(`[${data}]`) as unknown[], shape) as unknown[]);
      const instances =
        inputs.length === 1
          ? nested[0]
          : nested[0]!.map((_, row) => Object.fromEntries(inputs.map(({ name }, i) => [name, nested[i]![row]])));
      const text = Buffer.from(v1(`{"inputs":[${body.join(',')}]}`), 'latin1').toString();
      return fc.stringify(parseExact(text)) === fc.stringify({ instances });
    }),
    { seed: 62, numRuns: 1500 },
  );
  t.pass('1500 cases');
});

test('rows that go to tensors and back are the same rows', async (t) => {
  fc.assert(
    fc.property(tensors, (inputs) => {
      const body = inputs.map(
        ({ name, shape, data, datatype }) =>
          `{"name":${JSON.stringify(name)},"shape":[${shape.join()}],"datatype":"${datatype}","data":[${data}]}`,
      );
      const rows = translated('oip', 'kserve-v1', `{"inputs":[${body.join(',')}]}`).body!;
      const back = translate('kserve-v1', 'oip', rows);
      if (!back.ok) return back.reason === 'NOT_REPRESENTABLE';
      const again = textOf(translate('oip', 'kserve-v1', back.body!));
      return fc.stringify(parseExact(again)) === fc.stringify(parseExact(rows.toString('latin1')));
    }),
    { seed: 63, numRuns: 1000 },
  );
  t.pass('1000 cases');
});
