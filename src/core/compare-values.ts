import type { Scalar } from './facts.ts';
import type { Pattern } from './pattern.ts';

/** A value as the configuration writes it. */
export type Literal = string | number | boolean;

/**
 * Where a value comes from. `text`: headers, query, path, names, where everything is text and a literal 5 or true of the
 * configuration is compared by its text. `json`: the body, where values have types: 5 equals 5.0, but not "5".
 */
export type ValueKind = 'text' | 'json';

/** Tests one value of a request; undefined stands for "not there". */
export type ValueTest = (value: Scalar | undefined) => boolean;

/** Holds when the value is one of the literals. */
export function isOneOf(literals: readonly Literal[], kind: ValueKind): ValueTest {
  const wanted = new Set<Scalar | undefined>(kind === 'text' ? literals.map(String) : literals);
  const [only] = wanted;
  // One literal is the usual case, and === on two strings is much cheaper than a hash.
  return wanted.size === 1 ? (value) => value === only : (value) => wanted.has(value);
}

/** Holds when the value is none of the literals; so it holds for a value that is not there. */
export function isNoneOf(literals: readonly Literal[], kind: ValueKind): ValueTest {
  const isAny = isOneOf(literals, kind);
  return (value) => !isAny(value);
}

/** Tests on text hold for text only: not for a value that is not there, and not for a number of the body. */
export function hasPrefix(prefix: string): ValueTest {
  return (value) => typeof value === 'string' && value.startsWith(prefix);
}

export function hasSuffix(suffix: string): ValueTest {
  return (value) => typeof value === 'string' && value.endsWith(suffix);
}

export function containsText(part: string): ValueTest {
  return (value) => typeof value === 'string' && value.includes(part);
}

export function matchesPattern(pattern: Pattern): ValueTest {
  return (value) => typeof value === 'string' && pattern.test(value);
}

export type NumberOperator = 'gt' | 'gte' | 'lt' | 'lte';

/** Compares the value as a number with `bound`; does not hold for what is no number. */
export function comparesTo(operator: NumberOperator, bound: number, kind: ValueKind): ValueTest {
  const holds = numberComparisons[operator];
  return (value) => {
    const number = kind === 'text' ? numberOfText(value) : numberOfJson(value);
    return number !== undefined && holds(number, bound);
  };
}

const numberComparisons: Record<NumberOperator, (a: number, b: number) => boolean> = {
  gt: (a, b) => a > b,
  gte: (a, b) => a >= b,
  lt: (a, b) => a < b,
  lte: (a, b) => a <= b,
};

/** Plain decimal writing. `Number` would also read '', ' 5', 0x10 and Infinity, which nobody means in a header. */
const plainNumber = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

function numberOfText(value: Scalar | undefined): number | undefined {
  if (typeof value !== 'string' || !plainNumber.test(value)) return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

/** Integers beyond 2^53 come as their digits; of other text in a body none is a number. */
const largeInteger = /^-?[1-9][0-9]{15,}$/;

function numberOfJson(value: Scalar | undefined): number | undefined {
  if (typeof value === 'number') return Number.isNaN(value) ? undefined : value;
  return typeof value === 'string' && largeInteger.test(value) ? Number(value) : undefined;
}
