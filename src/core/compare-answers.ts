import type { Comparison } from './snapshot.ts';

/** One named output of a model, flattened; booleans as 1 and 0, null as NaN. */
export interface AnswerOutput {
  readonly name: string;
  /** Shape of the values; null where the answer states none. */
  readonly shape: readonly number[] | null;
  readonly values: readonly number[] | readonly string[];
  /** Whether elements at the end were left out because of a cap. */
  readonly isTruncated: boolean;
}

/** Why the outputs of an answer are not there. */
export type Unread = 'encoded' | 'too large' | 'unreadable';

export interface Answer {
  /** HTTP status. */
  readonly status: number;
  readonly outputs: readonly AnswerOutput[] | Unread;
}

export interface AnswerComparison {
  readonly result: 'agree' | 'mismatch' | 'incomparable';
  /** What decided: `status`, `values`, `labels`, `shape`, `type`, `missing output`, `no outputs`, `errors`, or why unread. */
  readonly reason: string;
  /** Largest |a - b| over all numbers that were compared; Infinity when only one of two is finite; null: none were. */
  readonly maxDifference: number | null;
}

/**
 * Whether a shadow answers as the primary does. Statuses of different classes (2xx, 4xx ...) are a mismatch; equal ones
 * that are no success agree without a look at the bodies, but two server errors say nothing about the models. Outputs
 * are joined by name: those that `comparison.outputs` names, else all of the primary; what only the shadow has is
 * ignored. Numbers a (primary) and b agree when |a - b| <= tolerance + relative * |a|; NaN equals NaN, infinities equal
 * by sign. With `labels`, what must be equal is the label of each row instead, see `sameLabels`.
 */
export function compareAnswers(primary: Answer, shadow: Answer, comparison: Comparison): AnswerComparison {
  const statusClass = Math.floor(primary.status / 100);
  if (statusClass !== Math.floor(shadow.status / 100)) return ended('mismatch', 'status');
  if (statusClass >= 5) return ended('incomparable', 'errors');
  if (statusClass !== 2) return ended('agree', 'status');
  if (typeof primary.outputs === 'string') return ended('incomparable', primary.outputs);
  if (shadow.outputs === 'unreadable') return ended('mismatch', 'unreadable');
  if (typeof shadow.outputs === 'string') return ended('incomparable', shadow.outputs);
  return compareOutputs(primary.outputs, shadow.outputs, comparison);
}

function compareOutputs(
  primary: readonly AnswerOutput[],
  shadow: readonly AnswerOutput[],
  comparison: Comparison,
): AnswerComparison {
  const { outputs: names, labels } = comparison;
  let mismatch: string | null = null;
  let maxDifference: number | null = null;
  let outputs = 0;
  let elements = 0;
  let isTruncated = false;
  const shadows = new Map<string, AnswerOutput>();
  for (const output of shadow) if (!shadows.has(output.name)) shadows.set(output.name, output);
  for (const a of primary) {
    if (names !== null && !names.includes(a.name)) continue;
    outputs++;
    const b = shadows.get(a.name);
    const problem = b === undefined ? 'missing output' : structureProblem(a, b, labels);
    if (b === undefined || problem !== null) {
      mismatch ??= problem;
      continue;
    }
    const count = Math.min(a.values.length, b.values.length);
    elements += count;
    isTruncated ||= a.isTruncated || b.isTruncated;
    if (isNumeric(a.values) && isNumeric(b.values)) {
      const difference = largestDifference(a.values, b.values, count);
      if (difference !== null) maxDifference = Math.max(maxDifference ?? 0, difference);
    }
    const isSame = labels ? sameLabels(a, b, count, comparison) : sameValues(a.values, b.values, count, comparison);
    if (!isSame) mismatch ??= labels ? 'labels' : 'values';
  }
  if (mismatch !== null) return ended('mismatch', mismatch, maxDifference);
  if (outputs === 0) return ended('incomparable', 'no outputs');
  // Nothing but what the cap left out: agreement would be a guess.
  if (elements === 0 && isTruncated) return ended('incomparable', 'too large');
  return ended('agree', labels ? 'labels' : 'values', maxDifference);
}

function structureProblem(a: AnswerOutput, b: AnswerOutput, labels: boolean): string | null {
  if (a.values.length > 0 && b.values.length > 0 && isNumeric(a.values) !== isNumeric(b.values)) return 'type';
  if (a.shape !== null && b.shape !== null && !sameShape(a.shape, b.shape, labels)) return 'shape';
  const isShorter = !a.isTruncated && a.values.length < b.values.length;
  const isLonger = !b.isTruncated && b.values.length < a.values.length;
  // A cut output is longer than what is left of it.
  const isCutLonger = a.isTruncated && !b.isTruncated && b.values.length <= a.values.length;
  const isCutShorter = b.isTruncated && !a.isTruncated && a.values.length <= b.values.length;
  return isShorter || isLonger || isCutLonger || isCutShorter ? 'shape' : null;
}

/** Labels of n rows may be written [n] or [n, 1]. */
function sameShape(a: readonly number[], b: readonly number[], labels: boolean): boolean {
  const left = labels ? rowShape(a) : a;
  const right = labels ? rowShape(b) : b;
  return left.length === right.length && left.every((size, i) => size === right[i]);
}

function rowShape(shape: readonly number[]): readonly number[] {
  return shape.length > 1 && shape.at(-1) === 1 ? shape.slice(0, -1) : shape;
}

type Values = AnswerOutput['values'];

function sameValues(a: Values, b: Values, count: number, { tolerance, relative }: Comparison): boolean {
  if (!isNumeric(a) || !isNumeric(b)) return sameElements(a, b, count);
  for (let i = 0; i < count; i++) {
    const x = a[i]!;
    const y = b[i]!;
    if (Object.is(x, y) || x === y) continue;
    // With an infinite x the limit is infinite too, and everything would agree.
    if (!Number.isFinite(x) || !(Math.abs(x - y) <= tolerance + relative * Math.abs(x))) return false;
  }
  return true;
}

/**
 * Whether all rows have equal labels. Texts and integers are labels themselves. Of k >= 2 scores in the last dimension
 * the label is the position of the largest, the first of equals. A single score in [0, 1] is yes from 0.5 on. Other
 * numbers are no labels and agree as numbers do.
 */
function sameLabels(a: AnswerOutput, b: AnswerOutput, count: number, comparison: Comparison): boolean {
  const left = a.values;
  const right = b.values;
  if (!isNumeric(left) || !isNumeric(right)) return sameElements(left, right, count);
  if (left.every(Number.isInteger) && right.every(Number.isInteger)) return sameElements(left, right, count);
  const scores = scoresPerRow(a.shape ?? b.shape);
  // A row that a cap cut in two has no label; any other remainder shows that the stated shape is wrong.
  const hasRows = count >= scores && (count % scores === 0 || a.isTruncated || b.isTruncated);
  if (scores >= 2 && hasRows) {
    for (let start = 0; start + scores <= count; start += scores) {
      if (largestOf(left, start, scores) !== largestOf(right, start, scores)) return false;
    }
    return true;
  }
  if (!left.every(isProbability) || !right.every(isProbability)) return sameValues(left, right, count, comparison);
  for (let i = 0; i < count; i++) if (left[i]! >= 0.5 !== right[i]! >= 0.5) return false;
  return true;
}

function scoresPerRow(shape: readonly number[] | null): number {
  const last = shape === null || shape.length < 2 ? 1 : shape.at(-1)!;
  return Number.isSafeInteger(last) && last > 0 ? last : 1;
}

/** Position of the largest in values[start, start + count); NaN is never it; -1 when all are NaN. */
function largestOf(values: readonly number[], start: number, count: number): number {
  let position = -1;
  let largest = NaN;
  for (let i = 0; i < count; i++) {
    const value = values[start + i]!;
    if (Number.isNaN(value) || (position !== -1 && value <= largest)) continue;
    largest = value;
    position = i;
  }
  return position;
}

function sameElements(a: Values, b: Values, count: number): boolean {
  for (let i = 0; i < count; i++) if (a[i] !== b[i]) return false;
  return true;
}

function largestDifference(a: readonly number[], b: readonly number[], count: number): number | null {
  let largest: number | null = null;
  for (let i = 0; i < count; i++) {
    const x = a[i]!;
    const y = b[i]!;
    if (Number.isNaN(x) && Number.isNaN(y)) continue;
    const difference = x === y ? 0 : Math.abs(x - y);
    largest = Math.max(largest ?? 0, Number.isNaN(difference) ? Infinity : difference);
  }
  return largest;
}

function isProbability(value: number): boolean {
  return value >= 0 && value <= 1;
}

function isNumeric(values: Values): values is readonly number[] {
  return typeof values[0] !== 'string';
}

function ended(
  result: AnswerComparison['result'],
  reason: string,
  maxDifference: number | null = null,
): AnswerComparison {
  return { result, reason, maxDifference };
}
