import { Buffer } from 'node:buffer';

import { test } from 'tap';

import { answered, decode, encode, jsonLengthOf, received, textOf, translate, translated } from './oracle.ts';

const rest = (message: object) => translated('oip-grpc', 'oip', encode('ModelInferRequest', message), { version: '2' });
const refused = (message: object) => textOf(translate('oip-grpc', 'oip', encode('ModelInferRequest', message)));

/** The answer of a REST server as the client of this request gets it. */
function messageOf(request: object, body: string | Buffer, jsonLength: number | null = null): Record<string, unknown> {
  return decode('ModelInferResponse', answered(rest(request).answer, body, jsonLength).body);
}

test('a message becomes JSON, from typed or from raw contents', async (t) => {
  const names = { model_name: 'as the client says', id: 'q', parameters: { a: { double_param: 2 }, none: {} } };
  const outputs = [{ name: 'y', parameters: { classification: { int64_param: 3 } } }, { name: 'z' }];
  const inputs = [
    { name: 'x', datatype: 'FP32', shape: [2], parameters: { p: { string_param: 'é' } } },
    { name: 's', datatype: 'BYTES', shape: [1, 1] },
  ];
  const expected =
    '{"id":"q","inputs":[{"name":"x","shape":[2],"datatype":"FP32","parameters":{"p":"é"},"data":[0.1,-2]},' +
    '{"name":"s","shape":[1,1],"datatype":"BYTES","data":["\\"é"]}],"parameters":{"a":2.0},' +
    '"outputs":[{"name":"y","parameters":{"classification":3}},{"name":"z"}]}';
  const typed = [{ fp32_contents: [0.1, -2] }, { bytes_contents: [Buffer.from('"é')] }];
  const request = rest({ ...names, outputs, inputs: inputs.map((input, i) => ({ ...input, contents: typed[i] })) });
  t.equal(request.path, '/v2/models/m/versions/2/infer');
  t.equal(request.headers, 'content-type: application/json\r\n');
  t.equal(request.body!.toString(), expected);
  const floats = Buffer.alloc(8);
  floats.writeFloatLE(0.1, 0);
  floats.writeFloatLE(-2, 4);
  const raw = [floats, Buffer.from('\u0003\u0000\u0000\u0000"é')];
  t.equal(rest({ ...names, outputs, inputs, raw_input_contents: raw }).body!.toString(), expected);
});

test('FP16 goes behind the JSON, which has no form for it', async (t) => {
  const request = rest({
    inputs: [{ name: 'h', datatype: 'FP16', shape: [1] }],
    raw_input_contents: [Buffer.from([1, 2])],
  });
  const length = jsonLengthOf(request) ?? -1;
  t.equal(
    request.body!.toString('latin1', 0, length),
    '{"inputs":[{"name":"h","shape":[1],"datatype":"FP16","parameters":{"binary_data_size":2}}]}',
  );
  t.same(request.body!.subarray(length), Buffer.from([1, 2]));
});

const floats = (datatype: 'FP32' | 'FP64', contents: object) => ({ name: 'f', datatype, shape: [3], contents });

test('NaN and infinities go behind the JSON, whose grammar has none', async (t) => {
  const inputs = [
    floats('FP32', { fp32_contents: [1, NaN, -Infinity] }),
    { ...floats('FP64', { fp64_contents: [Infinity, 2 ** 1023, 1] }), name: 'd' },
    { ...floats('FP32', { fp32_contents: [3.4e38, 1e-45, -0] }), name: 'finite' },
  ];
  const request = rest({ inputs });
  const length = jsonLengthOf(request) ?? -1;
  const [f, d, finite] = JSON.parse(request.body!.toString('utf8', 0, length)).inputs;
  t.same([f.parameters, d.parameters], [{ binary_data_size: 12 }, { binary_data_size: 24 }]);
  t.equal(finite.data.length, 3);
  const tail = request.body!.subarray(length);
  t.same([tail.readFloatLE(0), tail.readFloatLE(4), tail.readFloatLE(8)], [1, NaN, -Infinity]);
  t.same([tail.readDoubleLE(12), tail.readDoubleLE(20)], [Infinity, 2 ** 1023]);
});

test('what JSON cannot carry is refused where the server reads no binary tensors', async (t) => {
  const raw = (datatype: string, bytes: readonly number[]) => ({
    inputs: [{ name: 'x', datatype, shape: [1] }],
    raw_input_contents: [Buffer.from(bytes)],
  });
  const messages: readonly (readonly [object, RegExp])[] = [
    [{ inputs: [floats('FP32', { fp32_contents: [1, NaN, 2] })] }, /The input "f" holds NaN or infinities/],
    [raw('FP16', [0, 0x3c]), /The input "x" is FP16, which JSON cannot carry/],
    [raw('BF16', [0x80, 0x3f]), /The input "x" is BF16/],
    [raw('BYTES', [1, 0, 0, 0, 255]), /The input "x" holds bytes that are not UTF-8 text/],
  ];
  for (const [message, failure] of messages) {
    const body = encode('ModelInferRequest', message);
    t.ok(translate('oip-grpc', 'oip', body).ok);
    t.match(textOf(translate('oip-grpc', 'oip', body, { binary: false })), failure);
    t.match(textOf(translate('oip-grpc', 'kserve-v1', body)), failure, 'KServe V1 has none');
  }
  const parameters = { t: { double_param: NaN } };
  t.match(refused({ parameters }), /^UNSUPPORTED_FIELD: The field "parameters.t" is not finite/);
  t.match(refused({ outputs: [{ name: 'y', parameters }] }), /"parameters.t" is not finite/);
});

test('parameters of an answer that a message has no form for are left out', async (t) => {
  const parameters = '{"headers":{"a":"b"},"list":[1],"none":null,"kept":"v"}';
  const y = `{"name":"y","shape":[1],"datatype":"INT32","data":[1],"parameters":${parameters}}`;
  const kept = { kept: { string_param: 'v' } };
  t.match(messageOf({}, `{"outputs":[${y}],"parameters":${parameters}}`), {
    parameters: kept,
    outputs: [{ parameters: kept, contents: { int_contents: [1] } }],
  });
});

test('BYTES that are not UTF-8 are sent behind the JSON, and others in it', async (t) => {
  const bytes = (name: string, elements: readonly Buffer[]) => ({
    name,
    datatype: 'BYTES',
    shape: [elements.length],
    contents: { bytes_contents: elements },
  });
  const inputs = [bytes('t', [Buffer.from('é')]), bytes('b', [Buffer.from('a'), Buffer.from([255])])];
  const request = translated('oip-grpc', 'oip', encode('ModelInferRequest', { inputs }));
  const length = jsonLengthOf(request) ?? -1;
  const [text, binary] = JSON.parse(request.body!.toString('utf8', 0, length)).inputs;
  t.same(text, { name: 't', shape: [1], datatype: 'BYTES', data: ['é'] });
  t.same(binary, { name: 'b', shape: [2], datatype: 'BYTES', parameters: { binary_data_size: 10 } });
  t.same(request.body!.subarray(length), Buffer.from([1, 0, 0, 0, 97, 1, 0, 0, 0, 255]));
  const v1 = translate('oip-grpc', 'kserve-v1', encode('ModelInferRequest', { inputs: inputs.slice(1) }));
  t.match(
    textOf(v1),
    /^NOT_REPRESENTABLE: .*input "b" holds bytes that are not UTF-8 text, which JSON cannot carry/,
    'which has no such place',
  );
});

test('messages that no server can take are refused', async (t) => {
  const x = { name: 'x', datatype: 'FP32', shape: [1] };
  t.match(refused({ inputs: [x] }), /^ELEMENT_COUNT/);
  t.match(
    refused({ inputs: [{ ...x, shape: [1e9, 1e9], contents: { fp32_contents: [1] } }] }),
    /^(ELEMENT_COUNT|SHAPE)/,
  );
  t.match(
    refused({ inputs: [{ ...x, parameters: { shared_memory_region: { string_param: 'r' } } }] }),
    /^ELEMENT_COUNT/,
    'elements in shared memory cannot be sent',
  );
  t.match(textOf(translate('oip-grpc', 'oip', Buffer.from([0x42, 0]))), /^UNSUPPORTED_FIELD: The field "field 8"/);
  t.match(textOf(translate('oip-grpc', 'oip', Buffer.from([0x2a, 9, 1]))), /^MALFORMED/);
});

test('JSON outputs come back in typed contents, with the names that the answer lacks', async (t) => {
  t.same(
    messageOf(
      { id: 'q' },
      '{"outputs":[{"name":"y","shape":[2],"datatype":"INT32","data":[-1,2],"parameters":{"a":"b"}}],"extra":{},"parameters":null}',
    ),
    {
      model_name: 'm',
      id: 'q',
      outputs: [
        {
          name: 'y',
          datatype: 'INT32',
          shape: ['2'],
          parameters: { a: { string_param: 'b' } },
          contents: { int_contents: [-1, 2] },
        },
      ],
    },
  );
  t.match(messageOf({}, '{"model_name":"n","model_version":"4","id":"z","parameters":{"t":0.5},"outputs":[]}'), {
    model_name: 'n',
    model_version: '4',
    id: 'z',
    parameters: { t: { double_param: 0.5 } },
  });
});

test('outputs come back in raw contents when one is binary, or the request has them', async (t) => {
  const y = '{"name":"y","shape":[2],"datatype":"INT16","data":[1,-1]}';
  const json = `{"outputs":[${y},{"name":"h","shape":[1],"datatype":"FP16","parameters":{"binary_data_size":2}}]}`;
  const body = Buffer.concat([Buffer.from(json), Buffer.from([0, 0x3c])]);
  t.same(messageOf({}, body, json.length).raw_output_contents, ['latin1:\u0001\u0000\u00ff\u00ff', 'latin1:\u0000<']);
  const request = { inputs: [{ name: 'x', datatype: 'INT8', shape: [1] }], raw_input_contents: [Buffer.from([1])] };
  const { outputs, raw_output_contents: raws } = messageOf(request, `{"outputs":[${y}]}`);
  t.same(outputs, [{ name: 'y', datatype: 'INT16', shape: ['2'] }]);
  t.same(raws, ['latin1:\u0001\u0000\u00ff\u00ff']);
});

test('answers without such a form are the fault of the server', async (t) => {
  const failures: readonly (readonly [string, RegExp])[] = [
    ['{"outputs":[{"name":"y","shape":[2],"datatype":"FP32","data":[1]}]}', /^ELEMENT_COUNT/],
    ['{"outputs":[{"name":"y","shape":[1],"datatype":"FP32","data":[null]}]}', /^NULL_VALUE/],
    ['{"error":"x"}', /^MISSING/],
    ['', /^NOT_AN_OBJECT/],
  ];
  for (const [body, failure] of failures) t.match(textOf(rest({}).answer(received(body))), failure, body);
});

test('metadata and readiness of a model are asked for on their paths', async (t) => {
  const metadata = translated('oip-grpc', 'oip', '', { operation: 'model-metadata' });
  t.match(metadata, { method: 'GET', path: '/v2/models/m', headers: '', body: null });
  const described = answered(
    metadata.answer,
    '{"versions":["1"],"platform":"p","inputs":[{"name":"x","datatype":"FP32","shape":[-1,4],"parameters":{"a":1,"b":{}}}],"outputs":[],"parameters":{"c":true},"x":1}',
  );
  t.same(decode('ModelMetadataResponse', described.body), {
    name: 'm',
    versions: ['1'],
    platform: 'p',
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['-1', '4'], parameters: { a: { int64_param: '1' } } }],
    parameters: { c: { bool_param: true } },
  });
  t.match(textOf(metadata.answer(received('[]'))), /^NOT_AN_OBJECT/);
  t.match(textOf(metadata.answer(received('{"inputs":[1]}'))), /^WRONG_TYPE/);
  const ready = translated('oip-grpc', 'oip', '', { operation: 'model-ready' });
  t.match(ready, { method: 'GET', path: '/v2/models/m/ready' });
  for (const [body, isReady] of [
    ['', true],
    ['{"name":"m","ready":true}', true],
    ['{"ready":false}', false],
  ] as const) {
    const answer = answered(ready.answer, body);
    t.same(decode('ModelReadyResponse', answer.body), isReady ? { ready: true } : {});
  }
});
