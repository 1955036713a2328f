import { test } from 'tap';

import type { Operation } from '../../../src/core/facts.ts';
import { answerText, encode, textOf, translate, translated } from './oracle.ts';

const v1 = (body: string, operation: Operation = 'infer') =>
  textOf(translate('tfserving', 'kserve-v1', body, { operation }));

test('rows pass as they are, and so does their answer', async (t) => {
  const request = translated(
    'tfserving',
    'kserve-v1',
    '{"signature_name":"serving_default","instances":[{"b64":"AA=="}, 1]}',
  );
  t.equal(request.path, '/v1/models/m:predict');
  t.equal(textOf(request), '{"instances":[{"b64":"AA=="}, 1]}');
  t.equal(answerText(request.answer, '{"predictions":[1, NaN]}'), '{"predictions":[1, NaN]}');
  t.match(answerText(request.answer, '{"error":1}'), /^MISSING/);
});

test('columns become rows, and the predictions columns', async (t) => {
  const named = translated('tfserving', 'kserve-v1', '{"inputs":{"a":[1,{"b64":"AA=="}],"b":[[3],[4]]}}');
  t.equal(textOf(named), '{"instances":[{"a":1,"b":[3]},{"a":{"b64":"AA=="},"b":[4]}]}');
  t.equal(
    answerText(named.answer, '{"predictions":[{"y":0.5,"z":[1]},{"z":[2],"y":1e5}]}'),
    '{"outputs":{"y":[0.5,1e5],"z":[[1],[2]]}}',
  );
  t.equal(answerText(named.answer, '{"predictions":[1,2]}'), '{"outputs":[1,2]}');
  t.match(answerText(named.answer, '{"predictions":[{"y":1},{}]}'), /^ROW_COUNT/);
  const unnamed = translated('tfserving', 'kserve-v1', '{"inputs":[[1],[2]]}');
  t.equal(textOf(unnamed), '{"instances":[[1],[2]]}');
  t.equal(answerText(unnamed.answer, '{"predictions":[3]}'), '{"outputs":[3]}');
});

test('what has no translation is refused', async (t) => {
  t.equal(v1('{"instances":[1],"signature_name":null}'), '{"instances":[1]}');
  t.match(v1('{"instances":[1],"signature_name":"other"}'), /^UNSUPPORTED_FIELD: .*"signature_name" names a signature/);
  t.match(v1('{"inputs":{"a":[1],"b":[1,2]}}'), /^ROW_COUNT: The input "b" has 2 rows and "a" 1/);
  t.match(v1('{"inputs":{"a":1}}'), /^WRONG_TYPE: The field "inputs\.a"/);
  t.match(v1('{"inputs":5}'), /^WRONG_TYPE: The field "inputs"/);
  t.match(v1('{"examples":[1]}'), /^UNSUPPORTED_FIELD/);
  for (const operation of ['classify', 'regress', 'model-metadata'] as const) {
    t.match(v1('{"instances":[1]}', operation), /^NO_TRANSLATION/, operation);
  }
});

test('the status of a model is whether it is ready', async (t) => {
  const available = (version: string) =>
    `{"model_version_status":[{"version":"${version}","state":"AVAILABLE","status":{"error_code":"OK","error_message":""}}]}`;
  const asked = translated('tfserving', 'kserve-v1', '', { operation: 'model-status' });
  t.match(asked, { method: 'GET', path: '/v1/models/m', body: null });
  t.equal(answerText(asked.answer, '{"name":"m","ready":true}'), available('1'));
  t.match(answerText(asked.answer, '{"name":"m","ready":false}'), /^NOT_READY/);
  const versioned = translated('tfserving', 'oip', '', { operation: 'model-status', version: '3' });
  t.match(versioned, { method: 'GET', path: '/v2/models/m/versions/3/ready', body: null });
  t.equal(answerText(versioned.answer, ''), available('3'));
  t.match(answerText(versioned.answer, '{"ready":false}'), /^NOT_READY/);
  const grpc = translated('tfserving', 'oip-grpc', '', { operation: 'model-status', version: 'canary' });
  t.equal(grpc.path, '/inference.GRPCInferenceService/ModelReady');
  t.equal(answerText(grpc.answer, encode('ModelReadyResponse', { ready: true })), available('1'));
});
