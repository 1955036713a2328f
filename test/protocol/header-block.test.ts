import fc from 'fast-check';
import { test } from 'tap';

import {
  findHeader,
  headerBlock,
  headerLine,
  headerList,
  joinedHeader,
  setHeader,
  withoutHeaders,
} from '../../src/protocol/header-block.ts';

const name = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,12}$/);
const value = fc.stringMatching(/^[\t\u0020-\u007e\u0080-\u00ff]{0,20}$/);
const fields = fc.array(fc.tuple(name, value), { maxLength: 8 });

const trimmed = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '');

test('a list and its block say the same', async () => {
  fc.assert(
    fc.property(fields, (pairs) => {
      const list = headerList(headerBlock(pairs.flat()));
      const wanted = pairs.flatMap(([key, text]) => [key, trimmed(text)]);
      return JSON.stringify(list) === JSON.stringify(wanted);
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test('fields are found by lower-case name as a plain search finds them', async (t) => {
  fc.assert(
    fc.property(fields, name, (pairs, other) => {
      const block = headerBlock(pairs.flat());
      for (const wanted of [other.toLowerCase(), ...pairs.map(([key]) => key.toLowerCase())]) {
        const values = pairs.filter(([key]) => key.toLowerCase() === wanted).map(([, text]) => trimmed(text));
        if (findHeader(block, wanted) !== values[0]) return false;
        const joined = values.length === 0 ? undefined : values.join(wanted === 'cookie' ? '; ' : ', ');
        if (joinedHeader(block, wanted) !== joined) return false;
      }
      return true;
    }),
    { seed: 2, numRuns: 2000 },
  );
  t.equal(joinedHeader('Cookie: a=b\r\ncookie: c=d\r\n', 'cookie'), 'a=b; c=d');
  t.equal(findHeader('x-a: @\r\n', 'x-`'), undefined);
});

test('setting a field replaces the first of its name in place, or adds one', async (t) => {
  t.equal(setHeader('A: 1\r\nb: 2\r\na: 3\r\na:\r\naa: 4\r\n', 'a', 'x'), 'a: x\r\nb: 2\r\naa: 4\r\n');
  t.equal(setHeader('b: 2\r\n', 'a', 'x'), 'b: 2\r\na: x\r\n');
  t.equal(setHeader('', 'a', ''), 'a: \r\n');
});

test('fields are taken out by name, whatever their case, and with an underscore for a dash', async (t) => {
  const block = 'X-A: 1\r\nb: 2\r\nx_a: 3\r\nx-a-b: 4\r\n';
  t.equal(withoutHeaders(block, new Set(['x-a'])), 'b: 2\r\nx-a-b: 4\r\n');
});

test('nothing that would break out of its line becomes a line', async (t) => {
  for (const bad of ['a\r\nb', 'a\n', 'a\0', '\u0100', 'a\u007f']) t.throws(() => headerLine('x', bad), TypeError, bad);
  for (const bad of ['', 'a b', 'a:', 'ä', 'a\r\n']) t.throws(() => headerLine(bad, 'x'), TypeError, bad);
});
