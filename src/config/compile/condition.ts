import type { Static } from 'typebox';
import * as compare from '../../core/compare-values.ts';
import type { Literal, ValueKind, ValueTest } from '../../core/compare-values.ts';
import type { ConditionPart } from '../../core/condition.ts';
import type { Facts, Scalar } from '../../core/facts.ts';
import { compilePattern } from '../../core/pattern.ts';
import { joinPath, type ProblemSink } from '../problem.ts';
import type { Condition as ConditionSchema } from '../schema/match.ts';

export type ConditionConfig = Static<typeof ConditionSchema>;
type Operators = Exclude<ConditionConfig, Literal | readonly Literal[]>;

/** What a condition is about: one value of the request, and how it is called in explanations. */
export interface Subject {
  readonly text: string;
  readonly kind: ValueKind;
  read(facts: Facts): Scalar | undefined;
  /** Whether the value is there; a list of the body is there, though it is no scalar. */
  has(facts: Facts): boolean;
  /** The value in words, for explanations. */
  show(facts: Facts): string;
}

/**
 * Compiles a condition on one value into parts that must all hold, one for each operator. A value that is not there
 * fulfils `not` and `present: false` and nothing else: whoever means "there, and none of these" adds `present: true`.
 */
export function compileCondition(
  subject: Subject,
  config: ConditionConfig,
  path: string,
  problems: ProblemSink,
): ConditionPart[] {
  if (typeof config !== 'object') return [anyOf(subject, [config])];
  if (Array.isArray(config)) return [anyOf(subject, config)];

  const operators: Operators = config;
  const parts: ConditionPart[] = [];
  const add = (text: string, test: ValueTest): void => void parts.push(partOf(subject, text, test));
  if (operators.exact !== undefined) parts.push(anyOf(subject, [operators.exact]));
  if (operators.in !== undefined) parts.push(anyOf(subject, operators.in));
  if (operators.not !== undefined) {
    const literals = Array.isArray(operators.not) ? operators.not : [operators.not];
    add(`not ${showLiterals(literals)}`, compare.isNoneOf(literals, subject.kind));
  }
  if (operators.prefix !== undefined) add(`prefix ${show(operators.prefix)}`, compare.hasPrefix(operators.prefix));
  if (operators.suffix !== undefined) add(`suffix ${show(operators.suffix)}`, compare.hasSuffix(operators.suffix));
  if (operators.contains !== undefined) {
    add(`contains ${show(operators.contains)}`, compare.containsText(operators.contains));
  }
  if (operators.regex !== undefined) {
    const pattern = compilePattern(operators.regex);
    if ('error' in pattern) {
      const details = { found: show(operators.regex), expected: 'a regular expression in RE2 syntax' };
      problems.error(joinPath(path, 'regex'), `the regular expression is not valid: ${pattern.error}`, details);
    } else {
      add(`regex ${show(operators.regex)}`, compare.matchesPattern(pattern));
    }
  }
  for (const operator of numberOperators) {
    const bound = operators[operator];
    if (bound === undefined) continue;
    add(`${numberSigns[operator]} ${bound}`, compare.comparesTo(operator, bound, subject.kind));
  }
  if (operators.present !== undefined) parts.push(presence(subject, operators.present));
  return parts;
}

const numberOperators = ['gt', 'gte', 'lt', 'lte'] as const;
const numberSigns = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

/** The literals that the value must be among, as text; null when the condition does not say. */
export function exactTexts(config: ConditionConfig | undefined): readonly string[] | null {
  if (config === undefined) return null;
  if (typeof config !== 'object') return [String(config)];
  if (Array.isArray(config)) return config.map(String);
  const operators: Operators = config;
  if (operators.exact !== undefined) return [String(operators.exact)];
  return operators.in?.map(String) ?? null;
}

function anyOf(subject: Subject, literals: readonly Literal[]): ConditionPart {
  const [first] = literals;
  const text = literals.length === 1 && first !== undefined ? `= ${show(first)}` : `in ${showLiterals(literals)}`;
  return partOf(subject, text, compare.isOneOf(literals, subject.kind));
}

function partOf(subject: Subject, text: string, test: ValueTest): ConditionPart {
  return {
    text: `${subject.text} ${text}`,
    holds: (facts) => test(subject.read(facts)),
    found: (facts) => subject.show(facts),
  };
}

function presence(subject: Subject, wanted: boolean): ConditionPart {
  return {
    text: `${subject.text} is ${wanted ? 'present' : 'absent'}`,
    holds: (facts) => subject.has(facts) === wanted,
    found: (facts) => subject.show(facts),
  };
}

function show(literal: Literal): string {
  return JSON.stringify(literal);
}

function showLiterals(literals: readonly Literal[]): string {
  return `[${literals.map(show).join(', ')}]`;
}
