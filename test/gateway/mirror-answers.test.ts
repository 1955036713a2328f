import { Buffer } from 'node:buffer';

import { test } from 'tap';

import { answerText, readAnswer } from '../../src/gateway/shadow-answer.ts';
import { headerBlock } from '../../src/protocol/header-block.ts';

const whole = (body: string | Buffer | null, fields: string[] = [], status = 200) => ({
  status,
  headers: headerBlock(fields),
  body: body === null ? null : Buffer.from(body),
  trailers: '',
  durationMs: 0,
});

test('rows of KServe V1 predictions become shapes, so that each row has its label', async (t) => {
  const shapes = (body: string) => {
    const { outputs } = readAnswer(whole(body), 'kserve-v1');
    return typeof outputs === 'string' ? outputs : outputs.map(({ name, shape, values }) => [name, shape, values]);
  };
  t.same(shapes('{"predictions":[[0.1,0.9],[0.8,0.2]]}'), [['predictions', [2, 2], [0.1, 0.9, 0.8, 0.2]]]);
  t.same(shapes('{"predictions":[1,2,3]}'), [['predictions', [3], [1, 2, 3]]]);
  t.same(shapes('{"predictions":["a"]}'), [['predictions', [1], ['a']]]);
  t.same(shapes('{"predictions":[[1,2],[3]]}'), [['predictions', null, [1, 2, 3]]]);
  t.same(shapes('{"predictions":[{"s":[0.1,0.9],"l":"b"},{"s":[0.6,0.4],"l":"a"}]}'), [
    ['s', [2, 2], [0.1, 0.9, 0.6, 0.4]],
    ['l', [2], ['b', 'a']],
  ]);
  t.same(shapes('{"predictions":{"s":[[0.1,0.9],[0.6,0.4],[1,0]],"l":["b","a","a"]}}'), [
    ['s', [3, 2], [0.1, 0.9, 0.6, 0.4, 1, 0]],
    ['l', [3], ['b', 'a', 'a']],
  ]);
  t.same(shapes('{"predictions":[]}'), []);
  t.same(shapes('{}'), 'unreadable');
});

test('an answer says why its outputs cannot be read', async (t) => {
  const body = '{"outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[1]}]}';
  const read = (...settings: Parameters<typeof whole>) => readAnswer(whole(...settings), 'oip').outputs;
  t.match(read(body, ['Content-Encoding', 'identity']), [{ name: 'y', shape: [1], values: [1] }]);
  t.equal(read(body, ['Content-Encoding', 'gzip']), 'encoded');
  t.equal(read(null), 'too large');
  t.equal(read('{"outputs":['), 'unreadable');
  t.equal(read(body, ['Inference-Header-Content-Length', '9999']), 'unreadable');
  t.equal(read(body, ['Inference-Header-Content-Length', '-1']), 'unreadable');
  t.equal(read(body, [], 500), 'unreadable');
});

test('a log line shows the outputs of an answer or the beginning of its body, 2 KiB at most', async (t) => {
  const shown = (body: string) => answerText(readAnswer(whole(body), 'oip'), Buffer.from(body));
  const output = (name: string, data: unknown[]) => ({ name, datatype: 'BYTES', shape: [data.length], data });
  t.equal(shown(JSON.stringify({ outputs: [output('a', ['x', 'y']), output('b', [1])] })), 'a[2]: x, y; b[1]: 1');
  t.equal(shown('<html>'), '<html>');
  t.equal(shown('x'.repeat(5000)).length, 2048);
  t.equal(
    shown(JSON.stringify({ outputs: [output('a'.repeat(3000), ['x'.repeat(9000)]), output('b', [1])] })).length,
    2048,
  );
  t.equal(answerText({ status: 200, outputs: 'too large' }, null), 'too large');
});
