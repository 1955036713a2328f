import { test } from 'tap';

import { answerText, textOf, translate, translated } from './oracle.ts';

test('Vertex AI and KServe V1 have the same body on another path', async (t) => {
  const body = '{ "instances": [1], "parameters": {"a": 1} }';
  const vertex = translated('kserve-v1', 'vertex', body);
  t.match(vertex, { method: 'POST', path: '/predict', headers: 'content-type: application/json\r\n' });
  t.equal(textOf(vertex), body);
  const kserve = translated('vertex', 'kserve-v1', body);
  t.equal(kserve.path, '/v1/models/m:predict');
  t.equal(textOf(kserve), body);
  for (const { answer } of [vertex, kserve]) {
    t.equal(answerText(answer, '{"predictions": [1], "x": 2}'), '{"predictions": [1], "x": 2}');
    t.match(answerText(answer, '{"predictions":1}'), /^WRONG_TYPE/);
    t.match(answerText(answer, '{}'), /^MISSING/);
  }
  t.match(textOf(translate('kserve-v1', 'vertex', '{"inputs":[1]}')), /^UNSUPPORTED_FIELD: The field "inputs"/);
  t.match(textOf(translate('vertex', 'kserve-v1', '{"x":[1]}')), /^UNSUPPORTED_FIELD: The field "x"/);
});

test('TF Serving takes the requests of KServe V1, and a version in the path', async (t) => {
  const request = translated('kserve-v1', 'tfserving', '{"instances":[1]}', { version: '4' });
  t.equal(request.path, '/v1/models/m/versions/4:predict');
  t.equal(textOf(request), '{"instances":[1]}');
  t.equal(answerText(request.answer, '{"predictions":[NaN]}'), '{"predictions":[NaN]}');
});
