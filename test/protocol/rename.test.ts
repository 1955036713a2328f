import { Buffer } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';

import * as fc from 'fast-check';
import { test } from 'tap';

import { renameAnswer, renameTopString } from '../../src/protocol/rename.ts';
import { jsonDocument } from './json-document.ts';

const rename = (text: string) => renameTopString(Buffer.from(text), 'model_name', 'iris-v2', 'iris').toString();

test('only the outermost string with that key and value changes', async (t) => {
  t.equal(
    rename(
      '{ "id":"iris-v2", "model_name" : "iris-v2",\n"big":1152921504606846976,"o":[{"model_name":"iris-v2","d":[NaN]}]}',
    ),
    '{ "id":"iris-v2", "model_name" : "iris",\n"big":1152921504606846976,"o":[{"model_name":"iris-v2","d":[NaN]}]}',
  );
});

test('repeated and escaped spellings are all renamed', async (t) => {
  t.equal(
    rename('{"model_name":"iris-v2","m\\u006fdel_name":"iris\\u002dv2"}'),
    '{"model_name":"iris","m\\u006fdel_name":"iris"}',
  );
});

test('the same buffer comes back when there is nothing to do', async (t) => {
  for (const text of ['{"model_name":"other"}', '{"model_name":7}', '[]', '', '{"model_name":"iris-v2"', '"iris-v2"']) {
    const body = Buffer.from(text);
    t.equal(renameTopString(body, 'model_name', 'iris-v2', 'iris'), body, text);
  }
  const body = Buffer.from('{"model_name":"a"}');
  t.equal(renameTopString(body, 'model_name', 'a', 'a'), body);
});

test('after a rename JSON.parse sees the new name and otherwise the same', async () => {
  fc.assert(
    fc.property(jsonDocument, jsonDocument, fc.string(), fc.string(), (before, after, from, to) => {
      const text = `{"x":${before},"name":${JSON.stringify(from)},"y":${after}}`;
      const renamed: unknown = JSON.parse(renameTopString(Buffer.from(text), 'name', from, to).toString());
      return isDeepStrictEqual(renamed, {
        x: JSON.parse(before),
        name: JSON.parse(JSON.stringify(to)),
        y: JSON.parse(after),
      });
    }),
    { seed: 11, numRuns: 2000 },
  );
});

test('a binary answer gets a new JSON length and keeps its tail', async (t) => {
  const json = '{"model_name":"iris-v2"}';
  const tail = Buffer.from([0, 255, 123]);
  const answer = renameAnswer(Buffer.concat([Buffer.from(json), tail]), json.length, 'model_name', 'iris-v2', 'iris');
  t.equal(answer.inferenceHeaderLength, json.length - 3);
  t.same(answer.body, Buffer.concat([Buffer.from('{"model_name":"iris"}'), tail]));
  const same = Buffer.from(json);
  t.equal(renameAnswer(same, 99, 'model_name', 'iris-v2', 'iris').body, same);
  t.equal(renameAnswer(same, 5, 'model_name', 'iris-v2', 'iris').body, same);
  t.same(renameAnswer(same, null, 'model_name', 'iris-v2', 'i'), {
    body: Buffer.from('{"model_name":"i"}'),
    inferenceHeaderLength: null,
  });
});
