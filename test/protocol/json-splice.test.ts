import { Buffer } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';

import * as fc from 'fast-check';
import { test } from 'tap';

import { findRoot } from '../../src/protocol/json-scan.ts';
import { applyEdits, Splice } from '../../src/protocol/json-splice.ts';
import { jsonDocument, jsonObject } from './json-document.ts';

test('edits in any order give what slicing the text gives', async () => {
  const piece = fc.record({
    keep: fc.string({ unit: 'grapheme' }),
    drop: fc.string(),
    text: fc.string({ unit: 'grapheme' }),
  });
  fc.assert(
    fc.property(fc.array(piece), fc.boolean(), (pieces, isReversed) => {
      let at = 0;
      const edits = pieces.map(({ keep, drop, text }) => {
        const start = at + Buffer.byteLength(keep);
        at = start + Buffer.byteLength(drop);
        return { start, end: at, text };
      });
      const unique = new Set(edits.map((edit) => edit.start)).size === edits.length;
      const body = Buffer.from(pieces.map((p) => p.keep + p.drop).join(''));
      const edited = applyEdits(body, isReversed && unique ? edits.toReversed() : edits).toString();
      return edited === pieces.map((p) => p.keep + p.text).join('');
    }),
    { seed: 20, numRuns: 2000 },
  );
});

test('no edits give the same buffer', async (t) => {
  const body = Buffer.from('{}');
  t.equal(applyEdits(body, []), body);
});

test('an array takes items at either end, empty or not, around any white space', async () => {
  const space = fc.constantFrom('', ' ', '\n\t');
  fc.assert(
    fc.property(fc.array(jsonDocument, { maxLength: 3 }), space, fc.boolean(), (items, white, isAppend) => {
      const text = `${white}[${white}${items.join(',')}${white}]${white}`;
      const body = Buffer.from(text);
      const root = findRoot(body);
      if (root === null) return false;
      const splice = new Splice();
      const isCommaNeeded = !isAppend && splice.prepend(body, root);
      if (isAppend) splice.append(body, root);
      splice.out.text(`1,"x"${isCommaNeeded ? ',' : ''}`);
      const edited = splice.apply(body);
      const before: unknown[] = JSON.parse(text);
      const after: unknown = JSON.parse(edited.toString());
      return (
        isDeepStrictEqual(after, isAppend ? [...before, 1, 'x'] : [1, 'x', ...before]) && keepsAllBytes(body, edited)
      );
    }),
    { seed: 21, numRuns: 2000 },
  );
});

test('an object takes a member behind its last one', async () => {
  fc.assert(
    fc.property(jsonObject, (text) => {
      const body = Buffer.from(text);
      const root = findRoot(body);
      if (root === null) return false;
      const splice = new Splice();
      splice.append(body, root);
      splice.out.text('"new":1');
      const edited = splice.apply(body);
      const expected: unknown = JSON.parse(text);
      if (typeof expected === 'object' && expected !== null) Object.assign(expected, { new: 1 });
      return isDeepStrictEqual(JSON.parse(edited.toString()), expected) && keepsAllBytes(body, edited);
    }),
    { seed: 22, numRuns: 2000 },
  );
});

/** Whether `edited` is `body` with one insertion. */
function keepsAllBytes(body: Buffer, edited: Buffer): boolean {
  let prefix = 0;
  while (prefix < body.length && body[prefix] === edited[prefix]) prefix++;
  return body.subarray(prefix).equals(edited.subarray(edited.length - (body.length - prefix)));
}
