import { styleOf, type FigureName } from './figures.ts';
import { entryLabel, type Sample } from './sample.ts';
import type { Spread } from './statistics.ts';
import { ratiosOf, summarize } from './summary.ts';

/** A figure of one entry. */
export interface Term {
  readonly peer: string;
  readonly case: string;
  readonly figure: FigureName;
}

/** What must hold: a figure, or its ratio to another in the same round, is at most this. */
export interface Bar {
  readonly of: Term;
  readonly to?: Term;
  readonly most: number;
  /** What is hoped for beyond. */
  readonly aim?: number;
}

/** A bar held against a run; nothing is measured when an entry took no part. */
export interface JudgedBar {
  readonly text: string;
  readonly most: number;
  readonly aim: number | null;
  readonly digits: number;
  readonly measured: Spread | null;
  readonly isMet: boolean | null;
}

/** The usual bar: a figure of one peer to that of another, in a scenario with one case. */
export function atMost(most: number, peer: string, base: string, figure: FigureName, hope: Pick<Bar, 'aim'> = {}): Bar {
  return { of: { peer, case: '', figure }, to: { peer: base, case: '', figure }, most, ...hope };
}

function describeBar({ of, to }: Bar): string {
  const { title } = styleOf(of.figure);
  return to === undefined ? `${title}: ${entryLabel(of)}` : `${title}: ${entryLabel(of)} to ${entryLabel(to)}`;
}

/** Holds a bar against the median of a run. */
export function judgeBar(bar: Bar, samples: readonly Sample[]): JudgedBar {
  const { of, to, most, aim = null } = bar;
  const spreads = to === undefined ? summarize(samples, [of])[0]?.figures : ratiosOf(samples, of, to);
  const measured = spreads?.[of.figure] ?? null;
  const digits = to === undefined ? styleOf(of.figure).digits : 2;
  const isMet = measured === null ? null : measured.median <= most;
  return { text: describeBar(bar), most, aim, digits, measured, isMet };
}

/** The cells of a judged bar: what, at most, aim, measured, met. */
export function barCells({ text, most, aim, digits, measured, isMet }: JudgedBar): string[] {
  const write = (value: number): string => value.toFixed(digits);
  const found = measured === null ? '–' : `${write(measured.median)} (${write(measured.q1)}–${write(measured.q3)})`;
  const verdict = isMet === null ? 'not measured' : isMet ? 'yes' : '**no**';
  return [text, write(most), aim === null ? '' : write(aim), found, verdict];
}

export const BAR_HEAD: readonly string[] = ['bar', 'at most', 'aim', 'measured', 'met'];
