import type { Static } from 'typebox';
import { type ProblemSink, joinPath } from '../problem.ts';
import type { Match, When } from '../schema/match.ts';

type MatchFile = Static<typeof Match>;
type WhenFile = Static<typeof When>;

/** Whether a condition holds for every request. */
export function holdsAlways(when: WhenFile | undefined): boolean {
  return when === undefined || (typeof when === 'object' && Object.keys(when).length === 0);
}

export function checkMatch(match: WhenFile | undefined, path: string, sink: ProblemSink): void {
  if (match === undefined || typeof match === 'string') return;
  if (match.claims !== undefined)
    sink.error(joinPath(path, 'claims'), 'conditions on identity claims are not built yet');
  for (const key of ['model', 'version', 'path', 'method', 'protocol', 'operation'] as const) {
    checkCondition(match[key], joinPath(path, key), sink);
  }
  for (const key of ['headers', 'query', 'body'] as const) {
    for (const [name, condition] of Object.entries(match[key] ?? {})) {
      checkCondition(condition, joinPath(joinPath(path, key), name), sink);
    }
  }
}

/** The one literal that a condition asks for, else null. */
export function literalOf(condition: MatchFile['protocol']): string | null {
  return typeof condition === 'string' ? condition : null;
}

function checkCondition(condition: MatchFile['model'], path: string, sink: ProblemSink): void {
  if (typeof condition !== 'object' || Array.isArray(condition)) return;
  if (Object.keys(condition).length === 0)
    sink.error(path, 'no operator is given', { expected: 'such as { prefix: a }' });
}
