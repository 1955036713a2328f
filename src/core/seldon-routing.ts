import type { Facts } from './facts.ts';
import { armsOf } from './seldon-route.ts';
import type { Route, Rule } from './snapshot.ts';

/** An arm, by the rule that has it and its position there. */
export interface RoutedArm {
  readonly rule: Rule;
  readonly armIndex: number;
}

/**
 * The number that `meta.routing` of Seldon Core 1 has for an arm, beneath the name of the route. A route is a node whose
 * children are the arms of all its rules, in their order, so that the number names the rule as well.
 */
export function routingOf(route: Route, rule: Rule, armIndex: number): number {
  let before = 0;
  for (const each of route.rules) {
    if (each === rule) break;
    before += armsOf(each.choice).length;
  }
  return before + armIndex;
}

/** The arm that a feedback names with the answer that it is about; null when it names none of this route. */
export function routedArm(route: Route, facts: Facts): RoutedArm | null {
  if (facts.operation !== 'feedback') return null;
  const number = facts.field(['response', 'meta', 'routing', route.name]);
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 0) return null;
  let left = number;
  for (const rule of route.rules) {
    const { length } = armsOf(rule.choice);
    if (left < length) return { rule, armIndex: left };
    left -= length;
  }
  return null;
}
