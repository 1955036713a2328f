import { Buffer } from 'node:buffer';

import { test } from 'tap';

import { addAnswerText, type AnswerPlace } from '../../src/protocol/answer-text.ts';

function added(json: string, place: AnswerPlace): string {
  return addAnswerText(Buffer.from(json), null, place, 'k', 'v"').body.toString();
}

test('a text is added where there is room for it, and no other byte changes', (t) => {
  const cases: ReadonlyArray<readonly [string, AnswerPlace, string]> = [
    ['{}', 'parameters', '{"parameters":{"k":"v\\""}}'],
    ['{ "a": 1 }', 'parameters', '{ "a": 1,"parameters":{"k":"v\\""} }'],
    ['{"parameters":{}}', 'parameters', '{"parameters":{"k":"v\\""}}'],
    ['{"parameters":{"b":1},"z":0}', 'parameters', '{"parameters":{"b":1,"k":"v\\""},"z":0}'],
    ['{"parameters":null}', 'parameters', '{"parameters":{"k":"v\\""}}'],
    ['{}', 'meta.tags', '{"meta":{"tags":{"k":"v\\""}}}'],
    ['{"meta":{"puid":"p"}}', 'meta.tags', '{"meta":{"puid":"p","tags":{"k":"v\\""}}}'],
    ['{"meta":{"tags":{"a":1}}}', 'meta.tags', '{"meta":{"tags":{"a":1,"k":"v\\""}}}'],
    ['{"meta":null,"data":{}}', 'meta.tags', '{"meta":{"tags":{"k":"v\\""}},"data":{}}'],
    ['{"meta":{"tags":null}}', 'meta.tags', '{"meta":{"tags":{"k":"v\\""}}}'],
  ];
  for (const [json, place, expected] of cases) {
    t.equal(added(json, place), expected, json);
    JSON.parse(added(json, place));
  }
  t.end();
});

test('what has no room is left alone', (t) => {
  for (const json of ['[]', '1', '', '{', '{"parameters":[]}', '{"parameters":3}']) {
    t.equal(added(json, 'parameters'), json, json);
  }
  for (const json of ['{"meta":[]}', '{"meta":{"tags":"x"}}']) t.equal(added(json, 'meta.tags'), json, json);
  t.end();
});

test('binary tensors stay behind the JSON, whose new length is told', (t) => {
  const json = Buffer.from('{"outputs":[]}');
  const whole = Buffer.concat([json, Buffer.from([0x7b, 0, 0xff])]);
  const { body, inferenceHeaderLength } = addAnswerText(whole, json.length, 'parameters', 'k', 'v');
  t.equal(inferenceHeaderLength, body.length - 3);
  t.same(JSON.parse(body.toString('utf8', 0, inferenceHeaderLength!)), { outputs: [], parameters: { k: 'v' } });
  t.same([...body.subarray(-3)], [0x7b, 0, 0xff]);
  t.equal(addAnswerText(whole, whole.length + 1, 'parameters', 'k', 'v').body, whole);
  t.end();
});
