import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { findRoot, isCompleteJson, skipValue } from '../../src/protocol/json-scan.ts';
import { jsonDocument } from './json-document.ts';

const complete = (text: string) => isCompleteJson(Buffer.from(text));

test('whatever JSON.parse accepts is complete', async () => {
  fc.assert(
    fc.property(jsonDocument, (text) => {
      JSON.parse(text);
      return complete(text);
    }),
    { seed: 1, numRuns: 5000 },
  );
});

test('changed or cut bytes are complete exactly when JSON.parse still accepts them', async () => {
  const change = fc.record({
    at: fc.nat(),
    remove: fc.nat({ max: 3 }),
    insert: fc.oneof(
      fc.uint8Array({ maxLength: 2 }),
      fc.constantFrom(...Array.from('{}[]":,\\0-.e ')).map((c) => Buffer.from(c)),
    ),
  });
  fc.assert(
    fc.property(
      jsonDocument,
      fc.array(change, { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      (text, changes, isCut) => {
        let bytes = Buffer.from(text);
        for (const { at, remove, insert } of changes) {
          const i = at % (bytes.length + 1);
          bytes = Buffer.concat([bytes.subarray(0, i), insert, isCut ? Buffer.alloc(0) : bytes.subarray(i + remove)]);
        }
        return isCompleteJson(bytes) === parses(bytes.toString());
      },
    ),
    { seed: 2, numRuns: 20000 },
  );
});

test('arbitrary bytes never make the scanner throw or leave the body', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat({ max: 45 }), (bytes, at) => {
      const end = skipValue(bytes, at);
      return end === -1 || (end > at && end <= bytes.length);
    }),
    { seed: 3, numRuns: 20000 },
  );
});

test('bare NaN, Infinity and -Infinity are values, other words are not', async (t) => {
  t.ok(complete('{"a":[NaN, Infinity , -Infinity]}'));
  for (const text of ['-NaN', 'nan', 'Infinit', 'NaNs', '+1', '01', '1.', '.5', '1e', '--1', 'tru', 'undefined', '']) {
    t.notOk(complete(text), text);
  }
});

test('nesting up to 512 levels is read and deeper nesting is malformed', async (t) => {
  t.ok(complete('['.repeat(512) + ']'.repeat(512)));
  t.notOk(complete('['.repeat(513) + ']'.repeat(513)));
  t.notOk(complete('{"a":'.repeat(100_000)));
  t.ok(complete('{"a":'.repeat(512) + '1' + '}'.repeat(512)));
});

test('the root is found without the white space around it', async (t) => {
  t.same(findRoot(Buffer.from(' {"a":1}\n')), { start: 1, end: 8, kind: 'object' });
  t.equal(findRoot(Buffer.from('{} {}')), null);
  t.equal(findRoot(Buffer.from('\ufeff{}')), null, 'a byte order mark is no JSON');
});

test('a hostile megabyte is scanned in linear time', async (t) => {
  const started = process.hrtime.bigint();
  for (const unit of ['[', '"\\', '{"a":', '"a",', '[],', '1', ' ']) complete(unit.repeat(1_000_000 / unit.length));
  t.ok(process.hrtime.bigint() - started < 5_000_000_000n);
});

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
