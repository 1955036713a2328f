/**
 * Which arm owns which part of the circle [0, 1). Segments lie side by side without a gap: segment i is
 * [ends[i - 1], ends[i]) (the first begins at 0, the last ends at 1) and belongs to arm `arms[i]`.
 */
export interface Split {
  readonly ends: Float64Array;
  readonly arms: Uint16Array;
}

/** A part of the circle while the table is built; arm 0 is the baseline and means "free". */
interface Segment {
  from: number;
  to: number;
  arm: number;
}

/** Shorter than any step of a 32-bit hash (2.3e-10): what rounding left over, not a share. */
const SLIVER = 1e-12;
const LINEAR_SCAN_MAX = 8;

/** The van der Corput sequence in base 2: 0, 1/2, 1/4, 3/4, 1/8, 5/8 ... (the binary digits of n mirrored). */
function mirrorBits(n: number): number {
  let value = 0;
  for (let rest = n, digit = 0.5; rest > 0; rest >>>= 1, digit /= 2) value += (rest & 1) * digit;
  return value;
}

/**
 * The point from which arm i > 0 grows downward: 1, 1/2, 3/4, 1/4, 7/8, 3/8 ... for i = 1, 2, 3 ... It does not depend
 * on how many arms there are, so an arm added at the end leaves the others where they are.
 */
function anchorOf(arm: number): number {
  return 1 - mirrorBits(arm - 1);
}

/** Cuts the segment that holds `point` in its inside, so that `point` becomes an edge. */
function cutAt(segments: Segment[], point: number): void {
  const at = segments.findIndex((segment) => segment.from < point && point < segment.to);
  const segment = segments[at];
  if (segment === undefined) return;
  segments.splice(at, 1, { ...segment, to: point }, { ...segment, from: point });
}

/** Gives `arm` free space worth `share`, downward from its anchor, over what others own, and round the circle. */
function claim(segments: Segment[], arm: number, share: number): void {
  const anchor = anchorOf(arm);
  cutAt(segments, anchor);
  const below = segments.filter((segment) => segment.to <= anchor).toReversed();
  const above = segments.filter((segment) => segment.to > anchor).toReversed();
  let left = share;
  for (const segment of [...below, ...above]) {
    if (left <= SLIVER) return;
    if (segment.arm !== 0) continue;
    const length = segment.to - segment.from;
    if (left > length - SLIVER) {
      segment.arm = arm;
      left -= length;
    } else {
      const middle = segment.to - left;
      cutAt(segments, middle);
      const claimed = segments.find((piece) => piece.from === middle);
      if (claimed !== undefined) claimed.arm = arm;
      return;
    }
  }
}

/**
 * Builds the table for relative weights (finite, >= 0, not all 0, at most 65,536 of them; 95/5, 0.95/0.05 and 190/10
 * are the same). Throws RangeError otherwise.
 *
 * The table is a pure function of the weights, chosen so that a change of weights moves few units. The first arm is the
 * baseline and owns what no other claims. Every other arm grows downward from an anchor of its own. So:
 * - two arms lie as [0, w0) and [w0, 1), and a change of weights moves exactly its size;
 * - while no arm but the first is larger than its gap (the way down to the next anchor in use: at least 1/2 with three
 *   arms, 1/4 with four or five, 1/8 with six to nine), exactly the units that the arms after the first gain or lose are
 *   moved. That is the least possible when weight moves between the baseline and others (a canary that grows), and twice
 *   the least when it moves between two others. An arm added at the end moves only the units that it gains;
 * - beyond that an arm that overflows goes round those that it meets, and later arms give way. Over random tables and
 *   changes 1.2 (3 arms) to 1.4 (12 arms) times the total variation moves on average, after small changes of all weights
 *   1.3 to 2.3 times (cumulative ranges: 1.3 to 3.1), and never more than (arms - 1) times, which does occur.
 */
export function createSplit(weights: readonly number[]): Split {
  if (weights.length > 65_536) throw new RangeError('A split has at most 65536 arms.');
  let sum = 0;
  for (const weight of weights) {
    if (!Number.isFinite(weight) || weight < 0) throw new RangeError(`A weight is finite and not negative: ${weight}.`);
    sum += weight;
  }
  if (!(sum > 0 && sum < Infinity)) throw new RangeError('The sum of the weights is above 0 and finite.');

  const segments: Segment[] = [{ from: 0, to: 1, arm: 0 }];
  for (let arm = 1; arm < weights.length; arm++) {
    if (weights[arm]! > 0) claim(segments, arm, weights[arm]! / sum);
  }
  return joinSegments(segments);
}

/** Joins neighbours of one arm and gives slivers to the neighbour, so that an arm of weight 0 owns nothing. */
function joinSegments(segments: readonly Segment[]): Split {
  const ends: number[] = [];
  const arms: number[] = [];
  for (const { from, to, arm } of segments) {
    if (to - from < SLIVER) continue;
    if (arms.at(-1) === arm) ends[ends.length - 1] = to;
    else {
      if (ends.length > 0) ends[ends.length - 1] = from;
      ends.push(to);
      arms.push(arm);
    }
  }
  ends[ends.length - 1] = 1;
  return { ends: Float64Array.from(ends), arms: Uint16Array.from(arms) };
}

/** The index of the arm that owns `bucket` (in [0, 1)). A few comparisons, no allocation. */
export function pickArm(split: Split, bucket: number): number {
  const { ends, arms } = split;
  const last = ends.length - 1;
  let low = 0;
  if (last < LINEAR_SCAN_MAX) {
    while (low < last && bucket >= ends[low]!) low++;
    return arms[low]!;
  }
  let high = last;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bucket >= ends[middle]!) low = middle + 1;
    else high = middle;
  }
  return arms[low]!;
}

/** The ranges [from, to) that an arm owns, in ascending order; empty for an arm of weight 0. */
export function rangesOf(split: Split, arm: number): [from: number, to: number][] {
  const ranges: [number, number][] = [];
  split.arms.forEach((owner, i) => {
    if (owner === arm) ranges.push([i === 0 ? 0 : split.ends[i - 1]!, split.ends[i]!]);
  });
  return ranges;
}

/** The share of the circle, in [0, 1], that an arm owns: its weight over the sum of weights, within 1e-12. */
export function shareOf(split: Split, arm: number): number {
  const { ends, arms } = split;
  let share = 0;
  for (let i = 0; i < arms.length; i++) if (arms[i] === arm) share += ends[i]! - (i === 0 ? 0 : ends[i - 1]!);
  return share;
}
