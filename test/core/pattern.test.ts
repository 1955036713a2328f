import { test } from 'tap';

import { compilePattern, maxPatternInput, type Pattern } from '../../src/core/pattern.ts';

function compiled(source: string): Pattern {
  const pattern = compilePattern(source);
  if ('error' in pattern) throw new Error(pattern.error);
  return pattern;
}

test('a pattern matches anywhere unless it is anchored', async (t) => {
  t.ok(compiled('beta').test('the beta users'));
  t.notOk(compiled('^beta$').test('the beta users'));
  t.ok(compiled('(?i)BETA').test('beta'));
  t.ok(compiled('^ç.ş$').test('çış'), 'a dot is one character, not one byte');
});

test('what cannot be matched in linear time is an error, told and not thrown', async (t) => {
  for (const source of ['(a)\\1', '(?=a)', '(?<!a)b', '(', '[', 'a{2000}']) {
    const result = compilePattern(source);
    t.ok('error' in result && result.error.length > 0, source);
  }
});

test('a pattern that makes backtracking engines hang is answered at once', async (t) => {
  const pattern = compiled('^(a+)+$');
  const started = process.hrtime.bigint();
  t.notOk(pattern.test(`${'a'.repeat(4000)}b`));
  // Backtracking would take 2^4000 steps; the bound is far above what a slow machine needs for a linear pass.
  t.ok(process.hrtime.bigint() - started < 2_000_000_000n);
});

test('a text beyond the longest input does not match', async (t) => {
  const pattern = compiled('^a');
  t.ok(pattern.test('a'.repeat(maxPatternInput)));
  t.notOk(pattern.test('a'.repeat(maxPatternInput + 1)));
});
