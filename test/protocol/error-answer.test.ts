import { test } from 'tap';

import { errorAnswer, errorBody } from '../../src/protocol/error-answer.ts';

const ERROR = { status: 503, code: 'NO_ENDPOINT', message: 'no "such" endpoint é' };

test('an error body is an object with the message', (t) => {
  t.equal(errorBody('no "such" model é').toString(), '{"error":"no \\"such\\" model é"}');
  t.end();
});

test('the clients of each protocol get an error that they can read', (t) => {
  const bodyOf = (protocol: Parameters<typeof errorAnswer>[0]): unknown => {
    const { status, headers, body } = errorAnswer(protocol, ERROR);
    t.equal(status, 503);
    t.equal(headers, `content-type: application/json\r\ncontent-length: ${body!.length}\r\n`);
    return JSON.parse(body!.toString());
  };
  const { message } = ERROR;
  for (const protocol of ['oip', 'triton', 'kserve-v1', 'tfserving', 'vertex', 'sagemaker'] as const) {
    t.same(bodyOf(protocol), { error: message }, protocol);
  }
  t.same(bodyOf('openai'), { error: { message, type: 'server_error', param: null, code: 'no_endpoint' } });
  t.same(bodyOf('mlflow'), { error_code: 'INTERNAL_ERROR', message });
  t.same(bodyOf('seldon-v1'), { status: { code: 503, info: message, reason: 'NO_ENDPOINT', status: 'FAILURE' } });
  t.end();
});

test('Ray Serve has text', (t) => {
  const { headers, body } = errorAnswer('ray-serve', ERROR);
  t.equal(body!.toString(), ERROR.message);
  t.equal(headers, `content-type: text/plain; charset=utf-8\r\ncontent-length: ${body!.length}\r\n`);
  t.end();
});

test('an error of gRPC is its status alone', (t) => {
  const { status, headers, body } = errorAnswer('oip-grpc', ERROR);
  t.equal(status, 200);
  t.equal(body, null);
  t.equal(headers, 'grpc-status: 14\r\ngrpc-message: no "such" endpoint %C3%A9\r\n');
  t.match(errorAnswer('oip-grpc', { ...ERROR, grpc: 9 }).headers, /^grpc-status: 9\r\n/);
  t.end();
});
