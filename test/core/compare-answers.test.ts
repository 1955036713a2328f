import * as fc from 'fast-check';
import { test } from 'tap';

import { compareAnswers, type Answer, type AnswerOutput } from '../../src/core/compare-answers.ts';
import type { Comparison } from '../../src/core/snapshot.ts';

const exact: Comparison = { tolerance: 0, relative: 0, labels: false, outputs: null };
const labels: Comparison = { ...exact, labels: true };

function output(
  values: readonly number[] | readonly string[],
  shape: readonly number[] | null = [values.length],
): AnswerOutput {
  return { name: 'y', shape, values, isTruncated: false };
}

function cut(values: readonly number[], shape: readonly number[] | null = null): AnswerOutput {
  return { ...output(values, shape), isTruncated: true };
}

function compare(
  a: AnswerOutput | readonly AnswerOutput[],
  b: AnswerOutput | readonly AnswerOutput[],
  comparison = exact,
) {
  return compareAnswers({ status: 200, outputs: [a].flat() }, { status: 200, outputs: [b].flat() }, comparison);
}

test('statuses are compared by class, and only successes by their outputs', async (t) => {
  const answer = (status: number, outputs: Answer['outputs'] = 'unreadable'): Answer => ({ status, outputs });
  const cases: [Answer, Answer, string, string][] = [
    [answer(200), answer(500), 'mismatch', 'status'],
    [answer(404), answer(200), 'mismatch', 'status'],
    [answer(400), answer(422), 'agree', 'status'],
    [answer(500), answer(503), 'incomparable', 'errors'],
    [answer(200, []), answer(201, []), 'incomparable', 'no outputs'],
    [answer(200), answer(200, []), 'incomparable', 'unreadable'],
    [answer(200, 'encoded'), answer(200, []), 'incomparable', 'encoded'],
    [answer(200, 'too large'), answer(200), 'incomparable', 'too large'],
    [answer(200, []), answer(200), 'mismatch', 'unreadable'],
    [answer(200, []), answer(200, 'encoded'), 'incomparable', 'encoded'],
    [answer(200, []), answer(200, 'too large'), 'incomparable', 'too large'],
  ];
  for (const [a, b, result, reason] of cases) {
    t.same(compareAnswers(a, b, exact), { result, reason, maxDifference: null }, `${a.status} ${b.status} ${reason}`);
  }
});

test('numbers agree within tolerance + relative * |primary|, NaN with NaN, infinities by sign', async (t) => {
  const cases: [number, number, Partial<Comparison>, boolean, number | null][] = [
    [1, 1, {}, true, 0],
    [0, -0, {}, true, 0],
    [1, 1.5, { tolerance: 0.5 }, true, 0.5],
    [1, 1.5, { tolerance: 0.49 }, false, 0.5],
    [-100, -99, { relative: 0.01 }, true, 1],
    [-99, -100, { relative: 0.01 }, false, 1],
    [100, 103, { tolerance: 2, relative: 0.01 }, true, 3],
    [NaN, NaN, {}, true, null],
    [NaN, 0, { tolerance: 1e9 }, false, Infinity],
    [0, NaN, { tolerance: 1e9 }, false, Infinity],
    [Infinity, Infinity, {}, true, 0],
    [Infinity, -Infinity, { tolerance: 1, relative: 1 }, false, Infinity],
    [Infinity, 1, { relative: 1 }, false, Infinity],
    [1, Infinity, { relative: 1 }, false, Infinity],
  ];
  for (const [a, b, settings, agrees, maxDifference] of cases) {
    const expected = { result: agrees ? 'agree' : 'mismatch', reason: 'values', maxDifference };
    t.same(compare(output([a]), output([b]), { ...exact, ...settings }), expected, `${a} ${b}`);
  }
});

test('an output agrees with itself, and by the same measure in every order of outputs', async (t) => {
  const outputs = fc.uniqueArray(
    fc.record({
      name: fc.string(),
      shape: fc.constant(null),
      values: fc.oneof(fc.array(fc.double()), fc.array(fc.string())),
      isTruncated: fc.boolean(),
    }),
    { selector: (one) => one.name, minLength: 1 },
  );
  fc.assert(
    fc.property(outputs, fc.boolean(), (all, byLabel) => {
      const { result, maxDifference } = compare(all, all.toReversed(), { ...exact, labels: byLabel });
      return result !== 'mismatch' && (maxDifference ?? 0) === 0;
    }),
    { seed: 20 },
  );
  t.pass();
});

test('shapes, lengths and types must be equal', async (t) => {
  t.match(compare(output([1, 2], [2, 1]), output([1, 2], [1, 2])), { result: 'mismatch', reason: 'shape' });
  t.match(compare(output([1, 2], [2, 1]), output([1, 2], [2])), { result: 'mismatch', reason: 'shape' });
  t.match(compare(output([1, 2], null), output([1, 2, 3], null)), { result: 'mismatch', reason: 'shape' });
  t.match(compare(output([1, 2], null), output([1, 2], [2])), { result: 'agree' });
  t.match(compare(output(['1']), output([1])), { result: 'mismatch', reason: 'type' });
  t.match(compare(output(['a', 'b']), output(['a', 'c'])), {
    result: 'mismatch',
    reason: 'values',
    maxDifference: null,
  });
  t.match(compare(output([]), output([])), { result: 'agree' });
});

test('outputs are joined by name; those that are named are compared, else all of the primary', async (t) => {
  const label = { ...output([1]), name: 'label' };
  const score = { ...output([0.5]), name: 'score' };
  const otherScore = { ...output([0.75]), name: 'score' };
  const only = (...outputs: string[]) => ({ ...exact, outputs });
  t.match(compare([label, score], [score, label]), { result: 'agree' });
  t.match(compare([label, score], [label]), { result: 'mismatch', reason: 'missing output' });
  t.match(compare([label], [label, score]), { result: 'agree' });
  t.match(compare([label, score], [label, otherScore]), { result: 'mismatch', reason: 'values', maxDifference: 0.25 });
  t.match(compare([label, score], [label, otherScore], only('label')), { result: 'agree', maxDifference: 0 });
  t.match(compare([label, score], [score], only('label')), { result: 'mismatch', reason: 'missing output' });
  t.match(compare([label], [label], only('other')), { result: 'incomparable', reason: 'no outputs' });
});

test('labels agree when texts, integers, the largest scores or the sides of one half do, in every row', async (t) => {
  const cases: [string, AnswerOutput, AnswerOutput, boolean][] = [
    ['texts', output(['a', 'b']), output(['a', 'b']), true],
    ['other texts', output(['a', 'b']), output(['a', 'c']), false],
    ['integers', output([0, 2]), output([0, 2]), true],
    ['other integers', output([0, 2]), output([1, 2]), false],
    ['integers of many labels', output([1, 0, 1], [1, 3]), output([1, 0, 0], [1, 3]), false],
    ['column of integers', output([0, 2], [2, 1]), output([0, 2], [2]), true],
    ['largest scores', output([0.1, 0.9, 0.6, 0.4], [2, 2]), output([0.4, 0.6, 0.9, 0.1], [2, 2]), true],
    ['one row differs', output([0.1, 0.9, 0.6, 0.4], [2, 2]), output([0.4, 0.6, 0.1, 0.9], [2, 2]), false],
    ['logits', output([-5, 3.5, 2], [1, 3]), output([0.5, 80, 7], [1, 3]), true],
    ['one-hot and scores', output([0, 1], [1, 2]), output([0.3, 0.7], [1, 2]), true],
    ['first of equals', output([0.5, 0.5], [1, 2]), output([0.6, 0.4], [1, 2]), true],
    ['NaN is never the largest', output([NaN, 0.5], [1, 2]), output([0.1, 0.5], [1, 2]), true],
    ['only one has no largest', output([NaN, NaN], [1, 2]), output([0.1, 0.5], [1, 2]), false],
    ['last dimension', output([0.1, 0.9, 0.8, 0.2], [1, 2, 2]), output([0.2, 0.8, 0.7, 0.3], [1, 2, 2]), true],
    ['single scores', output([0.5, 0.1]), output([0.99, 0.49]), true],
    ['single scores apart', output([0.5, 0.1]), output([0.49, 0.1]), false],
    ['label and score', output([1, 0]), output([0.8, 0.3]), true],
    ['no scores but equal', output([1.5, -3]), output([1.5, -3]), true],
    ['no scores and different', output([1.5, -3]), output([1.6, -3]), false],
    ['a shape that is wrong', output([0.1, 0.2, 0.3], [1, 1000]), output([0.9, 0.2, 0.3], [1, 1000]), false],
    ['a shape with half a row', output([0.1, 0.9, 0.3], [2, 2]), output([0.1, 0.9, 0.7], [2, 2]), false],
    [
      'a shape with a fraction',
      output([0.1, 0.9, 0.2, 0.6, 0.1], [2, 2.5]),
      output([0.1, 0.9, 0.2, 0.3, 0.1], [2, 2.5]),
      false,
    ],
    ['a shape that is none', output([0.1, 0.2], [1, NaN]), output([0.9, 0.2], [1, NaN]), false],
  ];
  for (const [name, a, b, agrees] of cases) {
    const expected = { result: agrees ? 'agree' : 'mismatch' };
    t.match(compare(a, b, labels), expected, name);
  }
});

test('of outputs that were cut, what is left is compared; nothing left is no agreement', async (t) => {
  t.match(compare(cut([1, 2]), cut([1, 2, 3])), { result: 'agree' });
  t.match(compare(cut([1, 2]), output([1, 2, 3])), { result: 'agree' });
  t.match(compare(cut([1, 2]), output([1, 2])), { result: 'mismatch', reason: 'shape' });
  t.match(compare(output([1, 2]), cut([1, 2])), { result: 'mismatch', reason: 'shape' });
  t.match(compare(cut([1, 2]), cut([1, 3])), { result: 'mismatch', reason: 'values' });
  t.match(compare(cut([]), cut([])), { result: 'incomparable', reason: 'too large' });
  const rows = (...values: number[]) => cut(values, [9, 2]);
  t.match(
    compare(rows(0.1, 0.9, 0.3), rows(0.2, 0.8, 0.9), labels),
    { result: 'agree' },
    'the row that was cut has no label',
  );
  t.match(compare(rows(0.1, 0.9, 0.3), rows(0.9, 0.2, 0.9), labels), { result: 'mismatch', reason: 'labels' });
});
