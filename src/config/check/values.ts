import { type ProblemSink, joinPath, showFound } from '../problem.ts';
import { didYouMean } from '../suggest.ts';
import { parseDuration } from '../units.ts';

/** Timers of Node count milliseconds in 32 bits and fire at once beyond that; 24 days is what fits. */
const LONGEST_TIMER_MS = 24 * 86_400_000;

/** A wait that a timer will keep: longer than nothing and not beyond what timers can count. */
export function checkWait(duration: string | undefined, path: string, sink: ProblemSink): void {
  if (duration !== undefined)
    checkDuration(duration, path, sink, { leastMs: 1, least: '1ms', mostMs: LONGEST_TIMER_MS, most: '24d' });
}

export interface DurationBounds {
  readonly leastMs: number;
  readonly least: string;
  readonly mostMs: number;
  readonly most: string;
}

export function checkDuration(duration: string, path: string, sink: ProblemSink, bounds: DurationBounds): void {
  const ms = parseDuration(duration);
  const expected = `a duration from ${bounds.least} to ${bounds.most}`;
  if (ms < bounds.leastMs) sink.error(path, 'too short', { found: showFound(duration), expected });
  else if (ms > bounds.mostMs) sink.error(path, 'too long', { found: showFound(duration), expected });
}

/** Names must be keys of `known`; `what` is one of them in words. Returns whether it is. */
export function checkName(name: string, known: object, what: string, path: string, sink: ProblemSink): boolean {
  if (Object.hasOwn(known, name)) return true;
  sink.error(path, `no ${what} has the name \`${name}\`${didYouMean(name, Object.keys(known))}`);
  return false;
}

/** Reports each name that an earlier entry has already. */
export function checkUnique(
  names: Iterable<readonly [name: string, path: string]>,
  what: string,
  sink: ProblemSink,
): void {
  const seen = new Map<string, string>();
  for (const [name, path] of names) {
    const first = seen.get(name);
    if (first === undefined) seen.set(name, path);
    else sink.error(path, `the name \`${name}\` is taken by another ${what}`, { hint: `the first is ${first}` });
  }
}

/** Keys that have no meaning beside a given choice. */
export function refuseKeys(value: object, keys: readonly string[], why: string, path: string, sink: ProblemSink): void {
  for (const key of keys) {
    if (Object.hasOwn(value, key)) sink.error(joinPath(path, key), `\`${key}\` has no meaning ${why}`);
  }
}
