import { Buffer } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';

import * as fc from 'fast-check';
import { test } from 'tap';

import {
  compilePath,
  compilePaths,
  compilePointer,
  compileSteps,
  findField,
  findFields,
  findFieldsIn,
  pathOf,
} from '../../src/protocol/json-path.ts';
import { readScalar } from '../../src/protocol/json-scalar.ts';
import { findRoot } from '../../src/protocol/json-scan.ts';
import { documentPath, existingPath, jsonDocument, valueAt } from './json-document.ts';

function textAt(text: string, steps: readonly string[]): string | null {
  const body = Buffer.from(text);
  const span = findField(body, pathOf(steps));
  return span === null ? null : body.toString('utf8', span.start, span.end);
}

test('a field is what JSON.parse has at that path, the last of duplicate keys included', async (t) => {
  let hits = 0;
  const choices = fc.array(fc.array(fc.nat({ max: 9 }), { maxLength: 4 }), { maxLength: 4 });
  fc.assert(
    fc.property(jsonDocument, fc.array(documentPath, { maxLength: 3 }), choices, (text, paths, picked) => {
      const body = Buffer.from(text);
      const root: unknown = JSON.parse(text);
      return [...paths, ...picked.map((pick) => existingPath(root, pick))].every((steps) => {
        const expected = valueAt(root, steps);
        const found = textAt(text, steps);
        if (found === null || expected === undefined) return found === null && expected === undefined;
        if (steps.length > 0) hits++;
        const span = findField(body, pathOf(steps));
        const scalar = span && readScalar(body, span);
        const isSame =
          typeof expected !== 'object' || expected === null ? isScalar(scalar, expected) : scalar === undefined;
        return isSame && isDeepStrictEqual(JSON.parse(found), expected);
      });
    }),
    { seed: 4, numRuns: 20000 },
  );
  t.ok(hits > 10_000, `${hits} of the paths led somewhere`);
});

test('several paths in one scan find what each finds alone', async () => {
  fc.assert(
    fc.property(jsonDocument, fc.array(documentPath, { maxLength: 6 }), (text, paths) => {
      const body = Buffer.from(text);
      const compiled = paths.map(pathOf);
      const root = findRoot(body);
      const alone = compiled.map((path) => findField(body, path));
      const set = compilePaths(compiled);
      return (
        isDeepStrictEqual(findFields(body, set), alone) &&
        root !== null &&
        isDeepStrictEqual(findFieldsIn(body, root, set), alone)
      );
    }),
    { seed: 5, numRuns: 5000 },
  );
});

test('in changed bytes a field is absent or lies inside the body', async () => {
  fc.assert(
    fc.property(
      jsonDocument,
      documentPath,
      fc.nat(),
      fc.nat({ max: 255 }),
      fc.boolean(),
      (text, steps, at, byte, isCut) => {
        const bytes = Buffer.from(text);
        const i = at % bytes.length;
        bytes[i] = byte;
        const body = isCut ? bytes.subarray(0, i) : bytes;
        const span = findField(body, pathOf(steps));
        if (span === null) return true;
        readScalar(body, span);
        return span.start >= 0 && span.start < span.end && span.end <= body.length;
      },
    ),
    { seed: 6, numRuns: 20000 },
  );
});

test('an earlier duplicate does not lend its members to the last one', async (t) => {
  t.equal(textAt('{"a":{"b":1},"a":{"c":2}}', ['a', 'b']), null);
  t.equal(textAt('{"a":{"b":1},"\\u0061":{"b":2}}', ['a', 'b']), '2');
  t.equal(textAt('{"a":{"b":1},"a":3}', ['a', 'b']), null);
});

test('a dot path names keys and indexes, with escapes for dot and backslash', async (t) => {
  t.same(namesOf(compilePath('instances.0.id')), ['instances', '0', 'id']);
  t.same(namesOf(compilePath('a\\.b.c\\\\d')), ['a.b', 'c\\d']);
  for (const text of ['', '.', 'a..b', 'a.', '.a', 'a\\', 'a\\b', 'a.'.repeat(64) + 'a'])
    t.equal(compilePath(text), null, text);
  t.equal(compileSteps(Array.from({ length: 65 }, () => 'a')), null);
  t.equal(textAt('{"instances":[{"id":7}]}', ['instances', '0', 'id']), '7');
  t.equal(textAt('[1,2]', ['01']), null, 'an index has one spelling');
});

test('a JSON pointer follows RFC 6901', async (t) => {
  const body = Buffer.from('{"foo":["bar"],"":0,"a/b":1,"m~n":8," ":7}');
  for (const [pointer, text] of Object.entries({
    '/foo/0': '"bar"',
    '/': '0',
    '/a~1b': '1',
    '/m~0n': '8',
    '/ ': '7',
  })) {
    const path = compilePointer(pointer);
    const span = path && findField(body, path);
    t.equal(span && body.toString('utf8', span.start, span.end), text, pointer);
  }
  t.same(namesOf(compilePointer('')), []);
  t.same(namesOf(compilePointer('/~01')), ['~1'], 'unescaped once');
  for (const pointer of ['a', '/~', '/~2', '/a/'.repeat(40)]) t.equal(compilePointer(pointer), null, pointer);
});

test('integers beyond 2^53 come back as their digits and NaN as NaN', async (t) => {
  const body = Buffer.from('[9007199254740991,9007199254740992,-1152921504606846976,1e30,NaN,-Infinity,-0,1e999]');
  const values = Array.from({ length: 8 }, (_, i) => {
    const span = findField(body, pathOf([String(i)]));
    return span && readScalar(body, span);
  });
  t.strictSame(values, [
    9007199254740991,
    '9007199254740992',
    '-1152921504606846976',
    1e30,
    NaN,
    -Infinity,
    -0,
    Infinity,
  ]);
});

test('a key that looks like an escape is not the escaped character', async (t) => {
  t.equal(textAt('{"\\n":1}', ['\\n']), null);
  t.equal(textAt('{"\\n":1}', ['\n']), '1');
  t.equal(textAt('{"\\\\n":1}', ['\\n']), '1');
});

test('a huge escaped key is passed over', async (t) => {
  t.equal(textAt(`{"${'\\u0061'.repeat(100_000)}":1,"a":2}`, ['a']), '2');
});

test('a path ends where nesting beyond 512 levels begins', async (t) => {
  const deep = (levels: number) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`;
  t.ok(textAt(deep(511), ['a', '0']));
  t.equal(textAt(deep(512), ['a', '0']), null);
  t.equal(textAt(deep(512), ['b']), null);
  const beside = (levels: number) => `{"b":1,"a":${'['.repeat(levels)}${']'.repeat(levels)}}`;
  t.equal(textAt(beside(511), ['b']), '1');
  t.equal(textAt(beside(512), ['b']), null);
});

function namesOf(path: ReturnType<typeof compilePath>): string[] | undefined {
  return path?.steps.map((step) => step.key.text);
}

function isScalar(scalar: unknown, expected: unknown): boolean {
  if (typeof expected === 'number' && typeof scalar === 'string') return Number(scalar) === expected;
  return Object.is(scalar, expected);
}
