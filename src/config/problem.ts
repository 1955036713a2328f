/**
 * Problems of a configuration. Every step (YAML, schema, secrets, check, compile) reports in this form and goes on, so
 * that one run tells all that is wrong. `path` is written like `routes[0].rules[1].split`; line and column are looked up
 * from it afterwards, so that the pure steps need not know the file.
 */
export interface ConfigProblem {
  readonly severity: 'error' | 'warning';
  /** Where, from the top of the file; `''` is the whole file. */
  readonly path: string;
  /** What is wrong, one sentence without a full stop. */
  readonly message: string;
  /** What the file says, as `showFound` writes it. Never the value of a secret. */
  readonly found?: string;
  /** What would be right, in words for people. */
  readonly expected?: string;
  /** A next step that often helps. */
  readonly hint?: string;
}

/** A problem with its place in the file, both counted from 1. */
export interface Problem extends ConfigProblem {
  readonly line: number;
  readonly column: number;
}

export type ProblemDetails = Pick<ConfigProblem, 'found' | 'expected' | 'hint'>;

/** Where a step puts the problems that it finds. */
export interface ProblemSink {
  error(path: string, message: string, details?: ProblemDetails): void;
  warning(path: string, message: string, details?: ProblemDetails): void;
}

/** A sink that keeps what it gets. */
export class ProblemList implements ProblemSink {
  readonly problems: ConfigProblem[] = [];

  error(path: string, message: string, details: ProblemDetails = {}): void {
    this.problems.push({ severity: 'error', path, message, ...details });
  }

  warning(path: string, message: string, details: ProblemDetails = {}): void {
    this.problems.push({ severity: 'warning', path, message, ...details });
  }
}

export function hasErrors(problems: readonly ConfigProblem[]): boolean {
  return problems.some((problem) => problem.severity === 'error');
}

const PLAIN_KEY = /^[A-Za-z_$<][\w$<-]*$/;

/** Adds a key or a position to a path: `a` + `b` is `a.b`, + `0` is `a[0]`, + `x.y` is `a["x.y"]`. */
export function joinPath(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  if (!PLAIN_KEY.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

const PATH_STEP = /\.?([A-Za-z_$<][\w$<-]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/gy;

/** The keys and positions of a path that `joinPath` made. What follows a malformed step is left out. */
export function splitPath(path: string): (string | number)[] {
  const steps: (string | number)[] = [];
  for (const [, key, position, quoted] of path.matchAll(PATH_STEP)) {
    if (key !== undefined) steps.push(key);
    else if (position !== undefined) steps.push(Number(position));
    else if (quoted !== undefined) steps.push(String(JSON.parse(quoted)));
  }
  return steps;
}

const LONGEST_FOUND = 60;

/** A value as problems show it: texts in quotes and cut to 60 characters, collections by kind alone. */
export function showFound(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') return Object.keys(value).length === 0 ? 'an empty map' : 'a map';
  // A password may stand in an address that is written wrongly.
  return JSON.stringify(cut(value.replace(/\/\/[^/\s]*@/g, '//***@'), LONGEST_FOUND));
}

/** The text, or its beginning and `...` when it is longer than `length` characters. */
export function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 3).toWellFormed()}...`;
}

/** One line for people and editors: `FILE:LINE:COL path: message (found ..., expected ...)`. */
export function formatProblem(problem: Problem, fileName: string): string {
  const severity = problem.severity === 'warning' ? 'warning: ' : '';
  const path = problem.path === '' ? '' : `${problem.path}: `;
  const details: string[] = [];
  if (problem.found !== undefined) details.push(`found ${problem.found}`);
  if (problem.expected !== undefined) details.push(`expected ${problem.expected}`);
  const tail = details.length === 0 ? '' : ` (${details.join(', ')})`;
  const hint = problem.hint === undefined ? '' : `; ${problem.hint}`;
  return `${fileName}:${problem.line}:${problem.column} ${severity}${path}${problem.message}${tail}${hint}`;
}
