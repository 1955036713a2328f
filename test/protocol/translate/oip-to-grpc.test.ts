import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import {
  answered,
  answerText,
  decode,
  encode,
  jsonLengthOf,
  type Sent,
  textOf,
  translate,
  translated,
} from './oracle.ts';

const grpc = (body: string | Buffer, sent: Sent = {}) => translate('oip', 'oip-grpc', body, sent);
const sentTo = (body: string | Buffer, sent: Sent = {}) =>
  decode('ModelInferRequest', translated('oip', 'oip-grpc', body, sent).body!);
const input = (datatype: string, shape: string, data: string) =>
  `{"name":"x","shape":${shape},"datatype":"${datatype}","data":${data}}`;

test('names, parameters, inputs and requested outputs become their fields', async (t) => {
  const request = translated(
    'oip',
    'oip-grpc',
    '{"id":"q","parameters":{"b":true,"i":-5,"big":9223372036854775808,"f":0.5,"s":"é","n":null,"binary_data_output":false},' +
      '"inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","parameters":{"p":1},"data":[[1,2.5],[NaN,-0]]}],' +
      '"outputs":[{"name":"y","parameters":{"classification":3,"binary_data":false}},{"name":"z"}]}',
    { version: '7' },
  );
  t.equal(request.method, 'POST');
  t.equal(request.path, '/inference.GRPCInferenceService/ModelInfer');
  t.equal(request.headers, 'content-type: application/grpc\r\nte: trailers\r\n');
  t.same(decode('ModelInferRequest', request.body!), {
    model_name: 'm',
    model_version: '7',
    id: 'q',
    parameters: {
      b: { bool_param: true },
      i: { int64_param: '-5' },
      big: { uint64_param: '9223372036854775808' },
      f: { double_param: 0.5 },
      s: { string_param: 'é' },
    },
    inputs: [
      {
        name: 'x',
        datatype: 'FP32',
        shape: ['2', '2'],
        parameters: { p: { int64_param: '1' } },
        contents: { fp32_contents: [1, 2.5, NaN, -0] },
      },
    ],
    outputs: [{ name: 'y', parameters: { classification: { int64_param: '3' } } }, { name: 'z' }],
  });
});

test('every datatype has its field of typed contents', async (t) => {
  const cases: readonly (readonly [datatype: string, data: string, field: string, values: unknown[]])[] = [
    ['BOOL', '[true,0,1]', 'bool_contents', [true, false, true]],
    ['INT8', '[-128,127,-0]', 'int_contents', [-128, 127, 0]],
    ['INT16', '[-32768,5,300]', 'int_contents', [-32768, 5, 300]],
    ['INT32', '[-2147483648,0,2147483647]', 'int_contents', [-2147483648, 0, 2147483647]],
    [
      'INT64',
      '[-9223372036854775808,-1,9007199254740993]',
      'int64_contents',
      ['-9223372036854775808', '-1', '9007199254740993'],
    ],
    ['UINT8', '[0,128,255]', 'uint_contents', [0, 128, 255]],
    ['UINT16', '[0,1,65535]', 'uint_contents', [0, 1, 65535]],
    ['UINT32', '[0,1,4294967295]', 'uint_contents', [0, 1, 4294967295]],
    ['UINT64', '[0,4294967296,18446744073709551615]', 'uint64_contents', ['0', '4294967296', '18446744073709551615']],
    ['FP32', '[0.1,1e5,Infinity]', 'fp32_contents', [Math.fround(0.1), 1e5, Infinity]],
    ['FP64', '[0.1,-1e300,NaN]', 'fp64_contents', [0.1, -1e300, NaN]],
    ['BYTES', '["","\\u00e9","a\\nb"]', 'bytes_contents', ['latin1:', 'latin1:\u00c3\u00a9', 'latin1:a\nb']],
  ];
  for (const [datatype, data, field, values] of cases) {
    const { inputs } = sentTo(`{"inputs":[${input(datatype, '[3]', data)}]}`);
    t.same(inputs, [{ name: 'x', datatype, shape: ['3'], contents: { [field]: values } }], datatype);
  }
});

test('as soon as one input is binary, all have raw contents', async (t) => {
  const json =
    '{"inputs":[{"name":"h","shape":[1],"datatype":"FP16","parameters":{"binary_data_size":2,"k":"v"}},' +
    `${input('INT16', '[2]', '[1,-2]')},{"name":"s","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}}]}`;
  const tail = Buffer.from([0, 0x3c, 1, 0, 0, 0, 0xff]);
  const message = sentTo(Buffer.concat([Buffer.from(json), tail]), { jsonLength: json.length });
  t.same(message.inputs, [
    { name: 'h', datatype: 'FP16', shape: ['1'], parameters: { k: { string_param: 'v' } } },
    { name: 'x', datatype: 'INT16', shape: ['2'] },
    { name: 's', datatype: 'BYTES', shape: ['1'] },
  ]);
  t.same(message.raw_input_contents, [
    'latin1:\u0000<',
    'latin1:\u0001\u0000\u00fe\u00ff',
    'latin1:\u0001\u0000\u0000\u0000\u00ff',
  ]);
});

test('data that do not fit datatype or shape are refused with tensor and element', async (t) => {
  const refused: readonly (readonly [string, RegExp])[] = [
    [input('UINT8', '[2]', '[1,300]'), /^NOT_REPRESENTABLE: Element 1 of the input "x", 300, is not UINT8/],
    [input('UINT8', '[1]', '[-1]'), /^NOT_REPRESENTABLE/],
    [input('INT32', '[1]', '[1.0]'), /^NOT_REPRESENTABLE/],
    [input('INT64', '[1]', '[9223372036854775808]'), /^NOT_REPRESENTABLE/],
    [input('UINT64', '[1]', '[-1]'), /^NOT_REPRESENTABLE/],
    [input('UINT64', '[1]', '[18446744073709551616]'), /^NOT_REPRESENTABLE/],
    [input('INT64', '[1]', `[${'9'.repeat(100000)}]`), /^NOT_REPRESENTABLE: .*9{32}, is/],
    [input('FP32', '[1]', '[1e39]'), /^NOT_REPRESENTABLE/],
    [input('FP64', '[1]', '[1e999]'), /^NOT_REPRESENTABLE/],
    [input('FP32', '[1]', '["1"]'), /^NOT_REPRESENTABLE/],
    [input('FP32', '[2]', '[1,null]'), /^NULL_VALUE: Element 1/],
    [input('BOOL', '[1]', '[2]'), /^NOT_REPRESENTABLE/],
    [input('BYTES', '[1]', '["\\ud800"]'), /^NOT_REPRESENTABLE/],
    [input('BYTES', '[1]', '[1]'), /^NOT_REPRESENTABLE/],
    [input('FP16', '[1]', '[1]'), /^DATATYPE: The input "x" is FP16, which has no JSON form/],
    [input('BF16', '[1]', '[1]'), /^DATATYPE/],
    [input('FLOAT', '[1]', '[1]'), /^DATATYPE: .*use one of BOOL/],
    [input('FP32', '[3]', '[1,2]'), /^ELEMENT_COUNT: .*fewer/],
    [input('FP32', '[1]', '[1,2]'), /^ELEMENT_COUNT: .*more/],
    [input('FP32', '[1000000000,1000000000]', '[1,2]'), /^ELEMENT_COUNT: .*fewer/],
    [input('FP32', '[1]', '[{}]'), /^WRONG_TYPE/],
  ];
  for (const [one, failure] of refused) t.match(textOf(grpc(`{"inputs":[${one}]}`)), failure, one.slice(0, 100));
  const json = '{"inputs":[{"name":"h","shape":[2],"datatype":"FP16","parameters":{"binary_data_size":2}}]}';
  t.match(textOf(grpc(`${json}ab`, { jsonLength: json.length })), /^ELEMENT_COUNT: .*input "h"/);
  t.match(
    textOf(grpc('{"inputs":[],"parameters":{"a":{"b":1}}}')),
    /^UNSUPPORTED_FIELD: The field "parameters\.a" must be/,
  );
  t.match(textOf(grpc('{"inputs":[],"foo":1}')), /^UNSUPPORTED_FIELD: The field "foo"/);
  t.match(
    textOf(grpc('{"inputs":[],"outputs":[{"name":"y","x":1}]}')),
    /^UNSUPPORTED_FIELD: The field "outputs\[0\]\.x"/,
  );
});

const answer = {
  model_name: 'm',
  model_version: '1',
  id: 'q',
  parameters: {
    i: { int64_param: '9007199254740993' },
    d: { double_param: 5 },
    u: { uint64_param: '18446744073709551615' },
  },
  outputs: [
    { name: 'f', datatype: 'FP32', shape: [2, 2], contents: { fp32_contents: [0.1, -3, 1e30, 1e-45] } },
    {
      name: 's',
      datatype: 'BYTES',
      shape: [1],
      parameters: { k: { bool_param: true } },
      contents: { bytes_contents: [Buffer.from('é"')] },
    },
    { name: 'i', datatype: 'INT64', shape: [2], contents: { int64_contents: ['-9223372036854775808', '7'] } },
    { name: 'u', datatype: 'UINT64', shape: [1], contents: { uint64_contents: ['18446744073709551615'] } },
    { name: 'n', datatype: 'INT8', shape: [1], contents: { int_contents: [-3] } },
    { name: 'b', datatype: 'BOOL', shape: [2], contents: { bool_contents: [true, false] } },
    { name: 'd', datatype: 'FP64', shape: [1], contents: { fp64_contents: [0.1] } },
  ],
};
const answerTail =
  '{"name":"f","shape":[2,2],"datatype":"FP32","data":[0.1,-3,1e+30,1e-45]},' +
  '{"name":"s","shape":[1],"datatype":"BYTES","parameters":{"k":true},"data":["é\\""]},' +
  '{"name":"i","shape":[2],"datatype":"INT64","data":[-9223372036854775808,7]},' +
  '{"name":"u","shape":[1],"datatype":"UINT64","data":[18446744073709551615]},' +
  '{"name":"n","shape":[1],"datatype":"INT8","data":[-3]},' +
  '{"name":"b","shape":[2],"datatype":"BOOL","data":[true,false]},' +
  '{"name":"d","shape":[1],"datatype":"FP64","data":[0.1]}]}';
const answerHead =
  '{"model_name":"m","model_version":"1","id":"q","parameters":{"i":9007199254740993,"d":5.0,"u":18446744073709551615},"outputs":[';

test('an answer comes back as JSON, its numbers exact or shortest', async (t) => {
  const { answer: back } = translated('oip', 'oip-grpc', '{"inputs":[]}');
  const result = answered(back, encode('ModelInferResponse', answer));
  t.equal(result.headers, 'content-type: application/json\r\n');
  t.equal(result.body.toString(), answerHead + answerTail);
});

test('outputs come back in the binary form where the request wants it, from raw and from typed contents', async (t) => {
  const wanted =
    '{"inputs":[],"parameters":{"binary_data_output":true},"outputs":[{"name":"a"},{"name":"b","parameters":{"binary_data":false}},{"name":"c"}]}';
  const { answer: back } = translated('oip', 'oip-grpc', wanted);
  const outputs = ['a', 'b', 'c'].map((name) => ({ name, datatype: name === 'c' ? 'BYTES' : 'INT16', shape: [2] }));
  const raws = [Buffer.from([1, 0, 2, 0]), Buffer.from([3, 0, 4, 0]), Buffer.from([1, 0, 0, 0, 0xff, 0, 0, 0, 0])];
  const typed = [
    { int_contents: [1, 2] },
    { int_contents: [3, 4] },
    { bytes_contents: [Buffer.from([255]), Buffer.alloc(0)] },
  ];
  for (const message of [
    { outputs, raw_output_contents: raws },
    { outputs: outputs.map((output, i) => ({ ...output, contents: typed[i] })) },
  ]) {
    const result = answered(back, encode('ModelInferResponse', message));
    const length = jsonLengthOf(result) ?? -1;
    t.equal(
      result.body.toString('latin1', 0, length),
      '{"model_name":"","outputs":[{"name":"a","shape":[2],"datatype":"INT16","parameters":{"binary_data_size":4}},' +
        '{"name":"b","shape":[2],"datatype":"INT16","data":[3,4]},{"name":"c","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":9}}]}',
    );
    t.same(result.body.subarray(length), Buffer.concat([raws[0]!, raws[2]!]));
    t.match(result.headers, 'content-type: application/octet-stream\r\n');
  }
});

test('FP16 and BF16 come back in the binary form, because they have no other', async (t) => {
  const { answer: back } = translated('oip', 'oip-grpc', '{"inputs":[]}');
  const message = {
    outputs: [{ name: 'h', datatype: 'BF16', shape: [1] }],
    raw_output_contents: [Buffer.from([1, 2])],
  };
  const result = answered(back, encode('ModelInferResponse', message));
  t.same(result.body.subarray(jsonLengthOf(result) ?? 0), Buffer.from([1, 2]));
});

test('NaN and infinities come back in the binary form, and parameters that are not finite not at all', async (t) => {
  const { answer: back } = translated('oip', 'oip-grpc', '{"inputs":[]}');
  const y = { name: 'y', datatype: 'FP32', shape: [2], contents: { fp32_contents: [NaN, 1] } };
  const parameters = { p: { double_param: Infinity }, q: { double_param: 1 } };
  const result = answered(back, encode('ModelInferResponse', { parameters, outputs: [y] }));
  const length = jsonLengthOf(result) ?? -1;
  const json = JSON.parse(result.body.toString('latin1', 0, length));
  t.match(json, { parameters: { q: 1 }, outputs: [{ parameters: { binary_data_size: 8 } }] });
  t.notOk('p' in json.parameters);
  t.same([result.body.readFloatLE(length), result.body.readFloatLE(length + 4)], [NaN, 1]);
});

test('clients may name the model in the body as well, as they do in the path', async (t) => {
  const named = { model: 'public', version: '3' };
  const body = (more: string) => `{"id":"q","inputs":[]${more}}`;
  const fine = [',"model_name":"public"', ',"model_name":"public","model_version":"3"'];
  for (const more of [...fine, ',"model_name":null,"model_version":null', ',"outputs":null,"parameters":null']) {
    const request = translated('oip', 'oip-grpc', body(more), { model: 'mapped', version: '1', named });
    t.same(decode('ModelInferRequest', request.body!), { model_name: 'mapped', model_version: '1', id: 'q' }, more);
    t.ok(translate('oip', 'kserve-v1', `{"inputs":[${input('FP32', '[1]', '[1]')}]${more}}`, { named }).ok, more);
  }
  const refused: readonly (readonly [string, Sent, RegExp])[] = [
    [',"model_name":"mapped"', { named }, /"model_name" is "mapped", and the path has "public"; name in the path/],
    [',"model_version":"4"', { named }, /"model_version" is "4", and the path has "3"/],
    [',"model_version":"4"', {}, /"model_version" is "4", and the path has none/],
    [',"model_name":5', { named }, /"model_name" must be a string/],
  ];
  for (const [more, sent, failure] of refused) t.match(textOf(grpc(body(more), sent)), failure, more);
});

test('BYTES that are not UTF-8 come back in the binary form, whatever was asked for', async (t) => {
  const { answer: back } = translated('oip', 'oip-grpc', '{"inputs":[]}');
  const y = { name: 'y', datatype: 'BYTES', shape: [1], contents: { bytes_contents: [Buffer.from([255])] } };
  const result = answered(back, encode('ModelInferResponse', { outputs: [y] }));
  const length = jsonLengthOf(result) ?? -1;
  t.match(result.body.toString('latin1', 0, length), /"parameters":\{"binary_data_size":5\}/);
  t.same(result.body.subarray(length), Buffer.from([1, 0, 0, 0, 255]));
});

test('answers without such a form are the fault of the server', async (t) => {
  const { answer: back } = translated('oip', 'oip-grpc', '{"inputs":[]}');
  const output = (datatype: string, shape: number[], contents: object) => ({
    outputs: [{ name: 'y', datatype, shape, contents }],
  });
  const refused: readonly (readonly [object, RegExp])[] = [
    [output('FP32', [2], { fp32_contents: [1] }), /^ELEMENT_COUNT: .*fewer/],
    [output('FP32', [1], { fp32_contents: [1, 2] }), /^ELEMENT_COUNT: .*more/],
    [output('FP32', [1], { fp64_contents: [1] }), /^ELEMENT_COUNT/],
    [output('UINT8', [1], { uint_contents: [300] }), /^NOT_REPRESENTABLE: Element 0/],
    [output('INT8', [1], { int_contents: [-129] }), /^NOT_REPRESENTABLE/],
    [output('FP32', [-1], {}), /^SHAPE/],
    [output('FP32', [1e9, 1e9], { fp32_contents: [1] }), /^ELEMENT_COUNT/],
    [output('X', [1], {}), /^DATATYPE/],
    [{ ...output('FP32', [0], {}), raw_output_contents: [Buffer.alloc(0), Buffer.alloc(0)] }, /^RAW_COUNT/],
    [
      { outputs: [{ name: 'y', datatype: 'FP32', shape: [1] }], raw_output_contents: [Buffer.alloc(3)] },
      /^ELEMENT_COUNT/,
    ],
  ];
  for (const [message, failure] of refused) {
    t.match(answerText(back, encode('ModelInferResponse', message)), failure, JSON.stringify(message));
  }
  t.match(answerText(back, Buffer.from([0x0a, 5, 1])), /^MALFORMED/);
});

test('metadata and readiness of a model are asked for by their methods', async (t) => {
  const metadata = translated('oip', 'oip-grpc', '', { operation: 'model-metadata', version: '2' });
  t.equal(metadata.path, '/inference.GRPCInferenceService/ModelMetadata');
  t.same(decode('ModelMetadataRequest', metadata.body!), { name: 'm', version: '2' });
  const described = {
    name: 'm',
    versions: ['1', '2'],
    platform: 'onnx',
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['-1', '4'], parameters: { content_type: { string_param: 'np' } } }],
    outputs: [{ name: 'y', datatype: 'INT64', shape: ['-1'] }],
  };
  t.equal(
    answerText(metadata.answer, encode('ModelMetadataResponse', described)),
    '{"name":"m","versions":["1","2"],"platform":"onnx","inputs":[{"name":"x","shape":[-1,4],"datatype":"FP32","parameters":{"content_type":"np"}}],"outputs":[{"name":"y","shape":[-1],"datatype":"INT64"}]}',
  );
  const ready = translated('oip', 'oip-grpc', '', { operation: 'model-ready' });
  t.equal(ready.path, '/inference.GRPCInferenceService/ModelReady');
  t.equal(answerText(ready.answer, encode('ModelReadyResponse', { ready: true })), '{"name":"m","ready":true}');
  t.match(answerText(ready.answer, Buffer.alloc(0)), /The model is not ready/);
});

const ranges: readonly (readonly [datatype: string, field: string, arbitrary: fc.Arbitrary<unknown>])[] = [
  ['BOOL', 'bool_contents', fc.boolean()],
  ['INT8', 'int_contents', fc.integer({ min: -128, max: 127 })],
  ['INT32', 'int_contents', fc.integer()],
  ['INT64', 'int64_contents', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)],
  ['UINT16', 'uint_contents', fc.nat({ max: 65535 })],
  ['UINT64', 'uint64_contents', fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String)],
  ['FP32', 'fp32_contents', fc.float({ noNaN: true, noDefaultInfinity: true })],
  ['FP64', 'fp64_contents', fc.double({ noNaN: true, noDefaultInfinity: true })],
  ['BYTES', 'bytes_contents', fc.string({ unit: 'grapheme' })],
];

const randomTensor = fc
  .constantFrom(...ranges)
  .chain(([datatype, field, arbitrary]) =>
    fc
      .tuple(fc.array(arbitrary, { minLength: 6, maxLength: 6 }), fc.constantFrom([6], [2, 3], [1, 6, 1]))
      .map(([values, shape]) => ({ datatype, field, values, shape })),
  );

test('random documents decode to what their JSON says, and come back as they were', async (t) => {
  fc.assert(
    fc.property(fc.array(randomTensor, { maxLength: 4 }), fc.string(), (tensors, id) => {
      const texts = tensors.map(({ datatype, values, shape }, i) => {
        const data = values.map((value) => {
          if (datatype.includes('INT') || Object.is(value, -0)) return Object.is(value, -0) ? '-0' : String(value);
          return JSON.stringify(value);
        });
        return `{"name":"${i}","shape":[${shape.join()}],"datatype":"${datatype}","data":[${data.join(' , ')}]}`;
      });
      const body = `{"id":${JSON.stringify(id)},"inputs":[${texts.join(',')}]}`;
      const request = translated('oip', 'oip-grpc', body);
      const expected = tensors.map(({ datatype, field, values, shape }, i) => ({
        name: String(i),
        datatype,
        shape: shape.map(String),
        contents: {
          [field]:
            datatype === 'BYTES'
              ? values.map((value) => `latin1:${Buffer.from(String(value)).toString('latin1')}`)
              : values,
        },
      }));
      const decoded = decode('ModelInferRequest', request.body!);
      if (fc.stringify(decoded.inputs ?? []) !== fc.stringify(expected)) return false;
      const again = translated('oip', 'oip-grpc', translated('oip-grpc', 'oip', request.body!).body!);
      return again.body!.equals(request.body!);
    }),
    { seed: 64, numRuns: 1500 },
  );
  t.pass('1500 cases');
});

test('decimals of every length are the doubles that JSON.parse reads', async (t) => {
  const digits = (min: number, max: number) =>
    fc.array(fc.nat({ max: 9 }), { minLength: min, maxLength: max }).map((all) => all.join(''));
  const decimal = fc
    .tuple(fc.constantFrom('', '-'), digits(1, 18), fc.option(digits(1, 18)), fc.constantFrom('', '', 'e5', 'E-300'))
    .map(([sign, whole, fraction, exponent]) => {
      const start = whole.replace(/^0+(?=\d)/, '');
      return `${sign}${start}${fraction === null ? '' : `.${fraction}`}${exponent}`;
    });
  fc.assert(
    fc.property(fc.array(decimal, { minLength: 4, maxLength: 4 }), (texts) => {
      const { body } = translated('oip', 'oip-grpc', `{"inputs":[${input('FP64', '[4]', `[${texts.join(',')}]`)}]}`);
      const expected = Buffer.from(Float64Array.from(texts, Number).buffer);
      return body!.includes(expected);
    }),
    { seed: 68, numRuns: 3000 },
  );
  t.pass('3000 cases');
});
