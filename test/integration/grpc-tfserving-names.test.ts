import { predictRequest } from '../support/grpc-protos.ts';
import { startWith } from '../support/grpc-gateway.ts';
import { frame, Http2Client, answerCall, startHttp2Server } from '../support/http2.ts';
import { test } from '../support/lanes.ts';

/** A field of bytes. */
function field(number: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
}

/** ModelSpec{name = 1, version = 2, signature_name = 3}. */
function spec(name: string): Buffer {
  return Buffer.concat([field(1, name), field(2, Buffer.from([8, 7])), field(3, 'serving_default')]);
}

const service = '/tensorflow.serving.PredictionService';
/** What each method answers for a model of this name, by `predict.proto` and its neighbours. */
const answers: readonly (readonly [method: string, answer: (name: string) => Buffer])[] = [
  ['Predict', (name) => Buffer.concat([field(1, field(1, 'inner')), field(2, spec(name))])],
  ['Classify', (name) => Buffer.concat([field(1, field(1, 'inner')), field(2, spec(name))])],
  ['Regress', (name) => Buffer.concat([field(1, field(1, 'inner')), field(2, spec(name))])],
  ['GetModelMetadata', (name) => Buffer.concat([field(1, spec(name)), field(2, 'inner')])],
  [
    'MultiInference',
    (name) =>
      Buffer.concat([field(1, field(1, spec(name))), field(1, Buffer.concat([field(1, spec(name)), field(2, 'x')]))]),
  ],
];

test('answers of TF Serving name the model as the client knows it, and are else as they were', async (t) => {
  const server = await startHttp2Server(({ stream, headers, ended }) => {
    const answer = answers.find(([method]) => headers[':path'] === `${service}/${method}`)![1];
    void ended.then(() => answerCall(stream, answer('inner')));
  });
  const gateway = await startWith({
    backends: `  tf: { protocol: tfserving-grpc, endpoints: ["${server.url}"], model: inner }`,
    routes: '  - { name: tf, rules: [{ backend: tf }] }',
  });
  const client = new Http2Client(gateway.grpcUrl);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    await server.close();
  });
  const request = predictRequest.encode({ model_spec: { name: 'outer' } });
  for (const [method, answer] of answers) {
    const body = frame(method === 'MultiInference' ? field(1, request) : request);
    const got = await client.send(`${service}/${method}`, body);
    t.strictSame(got.body, frame(answer('outer')), method);
  }
});
