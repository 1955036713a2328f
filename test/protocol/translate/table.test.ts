import { test } from 'tap';

import { httpProtocols, type Protocol } from '../../../src/core/facts.ts';
import { canTranslate, findTranslator } from '../../../src/protocol/translate/table.ts';
import { answered, answerText, decode, encode, textOf, translate, translated } from './oracle.ts';

const ways: readonly (readonly [Protocol, readonly Protocol[]])[] = [
  ['kserve-v1', ['oip', 'triton', 'oip-grpc', 'tfserving', 'vertex']],
  ['oip', ['kserve-v1', 'oip-grpc', 'tfserving', 'vertex']],
  ['oip-grpc', ['oip', 'triton', 'kserve-v1', 'tfserving', 'vertex']],
  ['mlflow', ['oip', 'triton', 'kserve-v1', 'oip-grpc', 'tfserving', 'vertex']],
  ['sagemaker', ['oip', 'triton', 'kserve-v1', 'oip-grpc', 'tfserving', 'vertex']],
  ['tfserving', ['kserve-v1', 'oip', 'triton', 'oip-grpc', 'vertex']],
  ['vertex', ['kserve-v1', 'oip', 'triton', 'oip-grpc', 'tfserving']],
  ['openai', []],
  ['seldon-v1', []],
  ['ray-serve', []],
];

test('there is a translator for each pair of protocols whose meaning can be kept, and for no other', async (t) => {
  for (const [from, to] of ways) {
    for (const other of [...httpProtocols, 'oip-grpc', 'tfserving-grpc'] as const) {
      t.equal(canTranslate(from, other), to.includes(other), `${from} to ${other}`);
    }
  }
});

test('a translator is found once', async (t) => {
  t.equal(findTranslator('kserve-v1', 'oip-grpc'), findTranslator('kserve-v1', 'oip-grpc'));
});

test('a way of several steps brings the answer back through all of them', async (t) => {
  const request = translated('kserve-v1', 'oip-grpc', '{"instances":[[1,2],[3,4]]}');
  t.equal(request.path, '/inference.GRPCInferenceService/ModelInfer');
  t.same(decode('ModelInferRequest', request.body!), {
    model_name: 'm',
    inputs: [
      { name: 'input', datatype: 'INT64', shape: ['2', '2'], contents: { int64_contents: ['1', '2', '3', '4'] } },
    ],
  });
  const output = { name: 'y', datatype: 'FP32', shape: [2], contents: { fp32_contents: [0.1, NaN] } };
  t.equal(
    answerText(request.answer, encode('ModelInferResponse', { model_name: 'm', outputs: [output] })),
    '{"predictions":[0.1,NaN]}',
  );
});

test('raw FP16 outputs of a gRPC server reach a V1 client as numbers', async (t) => {
  const request = translated('kserve-v1', 'oip-grpc', '{"instances":[1]}');
  const answer = {
    outputs: [{ name: 'y', datatype: 'FP16', shape: [2] }],
    raw_output_contents: [Buffer.from([0, 0x3c, 0, 0xc1])],
  };
  t.equal(answerText(request.answer, encode('ModelInferResponse', answer)), '{"predictions":[1,-2.5]}');
});

test('a gRPC client gets the predictions of a V1 server', async (t) => {
  const tensor = { name: 'x', datatype: 'FP32', shape: [2, 2], contents: { fp32_contents: [1, 2.5, 3, 4] } };
  const request = translated('oip-grpc', 'kserve-v1', encode('ModelInferRequest', { id: 'q', inputs: [tensor] }));
  t.equal(request.path, '/v1/models/m:predict');
  t.equal(textOf(request), '{"instances":[[1,2.5],[3,4]]}');
  const answer = answered(request.answer, '{"predictions":["a","b"]}');
  t.same(decode('ModelInferResponse', answer.body), {
    model_name: 'm',
    id: 'q',
    outputs: [
      { name: 'predict', datatype: 'BYTES', shape: ['2'], contents: { bytes_contents: ['latin1:a', 'latin1:b'] } },
    ],
  });
});

test('an MLflow client is served by a gRPC server, its columns as tensors', async (t) => {
  const body = '{"dataframe_split":{"columns":["a","b"],"data":[[1,"x"],[2,"y"]]}}';
  const request = translated('mlflow', 'oip-grpc', body, { contentType: 'application/json' });
  t.same(decode('ModelInferRequest', request.body!), {
    model_name: 'm',
    parameters: { content_type: { string_param: 'pd' } },
    inputs: [
      { name: 'a', datatype: 'INT64', shape: ['2'], contents: { int64_contents: ['1', '2'] } },
      {
        name: 'b',
        datatype: 'BYTES',
        shape: ['2'],
        parameters: { content_type: { string_param: 'str' } },
        contents: { bytes_contents: ['latin1:x', 'latin1:y'] },
      },
    ],
  });
  const output = { name: 'y', datatype: 'INT64', shape: [2, 1], contents: { int64_contents: [7, 8] } };
  t.equal(answerText(request.answer, encode('ModelInferResponse', { outputs: [output] })), '{"predictions":[7,8]}');
});

test('a client of each protocol can ask whether the model of another one is ready', async (t) => {
  const ready = '{"name":"m","ready":true}';
  const sent = { operation: 'model-ready' } as const;
  const rest: readonly (readonly [Protocol, Protocol, path: string])[] = [
    ['kserve-v1', 'oip', '/v2/models/m/ready'],
    ['kserve-v1', 'triton', '/v2/models/m/ready'],
    ['oip', 'kserve-v1', '/v1/models/m'],
  ];
  for (const [from, to, path] of rest) {
    const request = translated(from, to, '', sent);
    t.match(request, { method: 'GET', path, body: null }, `${from} to ${to}`);
    for (const body of ['', '{}', '{"name":"other","ready":true}']) t.equal(answerText(request.answer, body), ready);
    t.match(answerText(request.answer, '{"name":"m","ready":false}'), /^NOT_READY: The model is not ready/);
  }
  const toGrpc = translated('kserve-v1', 'oip-grpc', '', sent);
  t.equal(toGrpc.path, '/inference.GRPCInferenceService/ModelReady');
  t.equal(answerText(toGrpc.answer, encode('ModelReadyResponse', { ready: true })), ready);
  t.match(answerText(toGrpc.answer, ''), /^NOT_READY/);
  const fromGrpc = translated('oip-grpc', 'kserve-v1', '', sent);
  t.match(fromGrpc, { method: 'GET', path: '/v1/models/m', body: null });
  t.same(decode('ModelReadyResponse', answered(fromGrpc.answer, ready).body), { ready: true });
});

test('a model of TF Serving is ready when one of its versions is available', async (t) => {
  const statuses = (...states: string[]) =>
    JSON.stringify({ model_version_status: states.map((state, i) => ({ version: String(i), state })) });
  for (const from of ['kserve-v1', 'oip'] as const) {
    const { method, path, answer } = translated(from, 'tfserving', '', { operation: 'model-ready' });
    t.same([method, path], ['GET', '/v1/models/m']);
    t.equal(answerText(answer, statuses('END', 'AVAILABLE')), '{"name":"m","ready":true}');
    t.match(answerText(answer, statuses('LOADING')), /^NOT_READY/);
    t.match(answerText(answer, statuses()), /^NOT_READY/);
    t.match(answerText(answer, '{}'), /^WRONG_TYPE: The field "model_version_status" must be an array/);
  }
});

test('operations without a translation are refused by name', async (t) => {
  for (const [from, to] of ways) {
    for (const other of to) {
      const message = textOf(translate(from, other, '', { operation: 'explain' }));
      t.match(message, /^NO_TRANSLATION: The operation explain has no translation/, `${from} to ${other}`);
    }
  }
});

test('a request without a model is refused where the server needs one', async (t) => {
  const bodies: readonly (readonly [Protocol, Protocol, string | Buffer])[] = [
    ['mlflow', 'oip', '{"inputs":[1]}'],
    ['oip', 'oip-grpc', '{"inputs":[]}'],
    ['vertex', 'kserve-v1', '{"instances":[1]}'],
    ['oip-grpc', 'oip', Buffer.alloc(0)],
  ];
  for (const [from, to, body] of bodies) t.match(textOf(translate(from, to, body, { model: '' })), /^MISSING: .*model/);
});
