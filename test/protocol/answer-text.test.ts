import { Buffer } from 'node:buffer';

import { test } from 'tap';

import { addAnswerText } from '../../src/protocol/answer-text.ts';

function added(json: string): string {
  return addAnswerText(Buffer.from(json), null, 'k', 'v"').body.toString();
}

test('a text is added where there is room for it, and no other byte changes', (t) => {
  const cases: ReadonlyArray<readonly [string, string]> = [
    ['{}', '{"parameters":{"k":"v\\""}}'],
    ['{ "a": 1 }', '{ "a": 1,"parameters":{"k":"v\\""} }'],
    ['{"parameters":{}}', '{"parameters":{"k":"v\\""}}'],
    ['{"parameters":{"b":1},"z":0}', '{"parameters":{"b":1,"k":"v\\""},"z":0}'],
    ['{"parameters":{"k": 1 ,"b":2}}', '{"parameters":{"k": "v\\"" ,"b":2}}'],
    ['{"parameters":null}', '{"parameters":{"k":"v\\""}}'],
  ];
  for (const [json, expected] of cases) {
    t.equal(added(json), expected, json);
    JSON.parse(added(json));
  }
  t.end();
});

test('what has no room is left alone', (t) => {
  for (const json of ['[]', '1', '', '{', '{"parameters":[]}', '{"parameters":3}']) {
    t.equal(added(json), json, json);
  }
  t.end();
});

test('binary tensors stay behind the JSON, whose new length is told', (t) => {
  const json = Buffer.from('{"outputs":[]}');
  const whole = Buffer.concat([json, Buffer.from([0x7b, 0, 0xff])]);
  const { body, inferenceHeaderLength } = addAnswerText(whole, json.length, 'k', 'v');
  t.equal(inferenceHeaderLength, body.length - 3);
  t.same(JSON.parse(body.toString('utf8', 0, inferenceHeaderLength!)), { outputs: [], parameters: { k: 'v' } });
  t.same([...body.subarray(-3)], [0x7b, 0, 0xff]);
  t.equal(addAnswerText(whole, whole.length + 1, 'k', 'v').body, whole);
  t.end();
});
