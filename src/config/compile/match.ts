import type { Static } from 'typebox';
import type { Condition, ConditionPart } from '../../core/condition.ts';
import { compileExpression } from '../../core/expression.ts';
import { type Facts, type FieldPath, grpcProtocols, httpProtocols, operations } from '../../core/facts.ts';
import type { RouteKeys } from '../../core/route-index.ts';
import { cut, joinPath, type ProblemSink } from '../problem.ts';
import type { Match, When } from '../schema/match.ts';
import { compileCondition, exactTexts, type ConditionConfig } from './condition.ts';
import { parseFieldPath } from './source.ts';
import { bodySubject, headerSubject, propertySubject, querySubject } from './subject.ts';

export type MatchConfig = Static<typeof Match>;
export type WhenConfig = Static<typeof When>;

/** A condition, and what it needs. */
export interface CompiledMatch {
  readonly condition: Condition;
  readonly readsBody: boolean;
  /** What the route index may rely on. */
  readonly keys: RouteKeys;
}

/** Finds one array for one body path, so that facts can remember what they found there. */
export type InternPath = (path: FieldPath) => FieldPath;

const properties = ['protocol', 'operation', 'method', 'model', 'version', 'path'] as const;

/** Values that a property can have; a literal beyond them would never hold. */
const knownValues: Partial<Record<(typeof properties)[number], readonly string[]>> = {
  protocol: [...httpProtocols, ...grpcProtocols],
  operation: operations,
  method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'],
};

/** Compiles `when`: a CEL expression, or conditions as in `match`. Without one, the condition always holds. */
export function compileWhen(
  config: WhenConfig | undefined,
  path: string,
  intern: InternPath,
  problems: ProblemSink,
): CompiledMatch {
  if (typeof config !== 'string') return compileMatch(config ?? {}, path, intern, problems);
  const expression = compileCel(config, path, problems);
  return {
    condition: all(expression === null ? [] : [expression.part]),
    readsBody: expression?.readsBody ?? false,
    keys: { models: null, paths: null },
  };
}

/** Compiles `match`. What is cheap to test comes first, what needs the body last. */
export function compileMatch(
  config: MatchConfig,
  path: string,
  intern: InternPath,
  problems: ProblemSink,
): CompiledMatch {
  const parts: ConditionPart[] = [];
  let readsBody = false;
  for (const name of properties) {
    const condition = config[name];
    if (condition === undefined) continue;
    const at = joinPath(path, name);
    checkKnown(name, condition, at, problems);
    parts.push(...compileCondition(propertySubject(name), condition, at, problems));
  }
  for (const [name, condition] of Object.entries(config.headers ?? {})) {
    const at = joinPath(joinPath(path, 'headers'), name);
    parts.push(...compileCondition(headerSubject(name.toLowerCase()), condition, at, problems));
  }
  for (const [name, condition] of Object.entries(config.query ?? {})) {
    const at = joinPath(joinPath(path, 'query'), name);
    parts.push(...compileCondition(querySubject(name), condition, at, problems));
  }
  for (const [text, condition] of Object.entries(config.body ?? {})) {
    const at = joinPath(joinPath(path, 'body'), text);
    const field = parseFieldPath(text);
    readsBody = true;
    if (field === null)
      problems.error(at, 'the path of the body field is malformed', { expected: 'keys joined by dots' });
    else parts.push(...compileCondition(bodySubject(text, intern(field)), condition, at, problems));
  }
  if (config.cel !== undefined) {
    const expression = compileCel(config.cel, joinPath(path, 'cel'), problems);
    if (expression !== null) {
      parts.push(expression.part);
      readsBody ||= expression.readsBody;
    }
  }
  return {
    condition: all(parts),
    readsBody,
    keys: { models: exactTexts(config.model), paths: exactTexts(config.path) },
  };
}

function checkKnown(
  name: (typeof properties)[number],
  condition: ConditionConfig,
  path: string,
  problems: ProblemSink,
): void {
  const known = knownValues[name];
  for (const text of exactTexts(condition) ?? []) {
    if (known === undefined || known.includes(text)) continue;
    problems.error(path, `no request has this ${name}`, { found: JSON.stringify(text), expected: known.join(', ') });
  }
}

function compileCel(
  text: string,
  path: string,
  problems: ProblemSink,
): { readonly part: ConditionPart; readonly readsBody: boolean } | null {
  const expression = compileExpression(text);
  if ('error' in expression) {
    const found = JSON.stringify(cut(text, 60));
    problems.error(path, `the expression is not valid: ${expression.error}`, { found, expected: 'a CEL expression' });
    return null;
  }
  const part = {
    text: `cel: ${text}`,
    holds: (facts: Facts) => expression.holds(facts),
    found: (facts: Facts) => expression.outcome(facts),
  };
  return { part, readsBody: expression.readsBody };
}

function all(parts: readonly ConditionPart[]): Condition {
  const [only] = parts;
  if (only === undefined) return { parts, holds: () => true };
  if (parts.length === 1) return { parts, holds: (facts) => only.holds(facts) };
  return {
    parts,
    holds(facts) {
      for (const part of parts) if (!part.holds(facts)) return false;
      return true;
    },
  };
}
