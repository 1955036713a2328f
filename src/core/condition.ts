import type { Facts } from './facts.ts';

/**
 * A compiled condition. `holds` is the code that serves; `parts` are its pieces for explanations, each with the text
 * of the configuration, so that `explain` can say which of them failed by calling the very same closures.
 */
export interface Condition {
  holds(facts: Facts): boolean;
  readonly parts: readonly ConditionPart[];
}

export interface ConditionPart {
  /** Path and expectation as the configuration writes them, e.g. `headers.x-tier = "beta"`. */
  readonly text: string;
  holds(facts: Facts): boolean;
  /** What the request has there, for explanations; secrets and long values are cut by the caller. */
  found(facts: Facts): string;
}
