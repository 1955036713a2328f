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
    '{"id":"q","inputs":[{"name":"x","shape":[2],"datatype":"FP32","parameters":{"p":"é"},"data":[0.1,NaN]},' +
    '{"name":"s","shape":[1,1],"datatype":"BYTES","data":["\\"é"]}],"parameters":{"a":2.0},' +
    '"outputs":[{"name":"y","parameters":{"classification":3}},{"name":"z"}]}';
  const typed = [{ fp32_contents: [0.1, NaN] }, { bytes_contents: [Buffer.from('"é')] }];
  const request = rest({ ...names, outputs, inputs: inputs.map((input, i) => ({ ...input, contents: typed[i] })) });
  t.equal(request.path, '/v2/models/m/versions/2/infer');
  t.equal(request.headers, 'content-type: application/json\r\n');
  t.equal(request.body!.toString(), expected);
  const floats = Buffer.alloc(8);
  floats.writeFloatLE(0.1, 0);
  floats.writeFloatLE(NaN, 4);
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

test('messages that no server can take are refused', async (t) => {
  const x = { name: 'x', datatype: 'FP32', shape: [1] };
  t.match(refused({ inputs: [x] }), /^ELEMENT_COUNT/);
  t.match(
    refused({ inputs: [{ ...x, datatype: 'BYTES', contents: { bytes_contents: [Buffer.from([255])] } }] }),
    /^NOT_REPRESENTABLE: .*input "x".*UTF-8/,
  );
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
