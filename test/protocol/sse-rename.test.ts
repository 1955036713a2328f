import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { EventRename } from '../../src/protocol/sse-rename.ts';

/** All that comes out for chunks of these lengths, the last of them again and again. */
function pass(text: string | Buffer, lengths: readonly number[] = [1 << 30]): string {
  const body = Buffer.from(text);
  const rename = new EventRename(['model', 'model_name'], 'inner', 'outer');
  const out: Buffer[] = [];
  for (let at = 0, i = 0; at < body.length; i++) {
    const end = at + lengths[Math.min(i, lengths.length - 1)]!;
    // What comes in is used again for other bytes.
    const chunk = Buffer.from(body.subarray(at, end));
    out.push(Buffer.from(rename.take(chunk)));
    chunk.fill(0x0a);
    at = end;
  }
  return Buffer.concat([...out, rename.end()]).toString();
}

const stream = [
  ': a comment with "model":"inner"\n',
  'event: message\r\n',
  'data: {"id":1, "model" : "inner","choices":[{"model":"inner"}]}\r\n',
  '\r\n',
  'data:{"model_name":"inner","model":"inner"}\n\n',
  'data: {"model":"other"}\r',
  'data: {"model":"inner"}\r',
  'data: [DONE]\n\n',
  'data: {"model":"inner"}',
].join('');

const renamed = [
  ': a comment with "model":"inner"\n',
  'event: message\r\n',
  'data: {"id":1, "model" : "outer","choices":[{"model":"inner"}]}\r\n',
  '\r\n',
  'data:{"model_name":"outer","model":"outer"}\n\n',
  'data: {"model":"other"}\r',
  'data: {"model":"outer"}\r',
  'data: [DONE]\n\n',
  'data: {"model":"outer"}',
].join('');

test('the name is replaced at the top of every data line, and every other byte stays', async (t) => {
  t.equal(pass(stream), renamed);
});

test('lines may come in any pieces', async () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 }), (lengths) => {
      assert.equal(pass(stream, lengths), renamed);
    }),
    { seed: 441, numRuns: 500 },
  );
});

test('a whole line leaves at once, the beginning of one is held', async (t) => {
  const rename = new EventRename(['model'], 'inner', 'outer');
  t.equal(rename.take(Buffer.from('data: {"mod')).toString(), '');
  t.equal(rename.take(Buffer.from('el":"inner"}\nda')).toString(), 'data: {"model":"outer"}\n');
  t.equal(rename.take(Buffer.from('ta: {"model":"inner"}\r')).toString(), 'data: {"model":"outer"}\r');
  t.equal(rename.take(Buffer.from('\n')).toString(), '\n');
  t.equal(rename.end().toString(), '');
});

test('a line longer than a mebibyte passes, and the next is renamed again', async (t) => {
  const long = `data: {"x":"${'a'.repeat(2 << 20)}","model":"inner"}\n`;
  t.ok(pass(long + stream, [1000]) === long + renamed);
  const rename = new EventRename(['model'], 'inner', 'outer');
  t.equal(rename.take(Buffer.from(`\n${long.slice(0, -1)}`)).length, long.length, 'nothing is held back');
});

test('a line in very small pieces takes time by its length alone', async (t) => {
  const line = `data: {"model":"inner","x":"${'a'.repeat(1_000_000)}"}\n`;
  const startMs = performance.now();
  t.equal(pass(line, [4]).length, line.length);
  // Joined anew for each piece, 125 GB would be copied.
  t.ok(performance.now() - startMs < 10_000);
});

test('a stream without the name comes out as it came, whatever it is', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constantFrom('data:', 'data: {"model":"', '"}', '\n', '\r', '\\u0069'), fc.string())),
      fc.integer({ min: 1, max: 9 }),
      (parts, length) => {
        const text = Buffer.from(parts.join(''));
        assert.equal(pass(text, [length]), text.toString());
      },
    ),
    { seed: 442, numRuns: 1000 },
  );
});

test('the name inside one member is replaced as well when that is asked for', async (t) => {
  const event = (name: string) =>
    `data: {"response":{"model":"${name}","x":{"model":"inner"}},"other":{"model":"inner"}}\n`;
  const rename = new EventRename(['model'], 'inner', 'outer', 'response');
  t.equal(rename.take(Buffer.from(event('inner'))).toString(), event('outer'));
  t.equal(rename.take(Buffer.from('data: {"response":"inner"}\n')).toString(), 'data: {"response":"inner"}\n');
});
