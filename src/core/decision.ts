import type { Backend, Bandit, Route, Rule } from './snapshot.ts';
import type { Split } from './split.ts';

/** The arms' shares that a bandit serves now: made from one posterior version, the same on every replica. */
export interface ArmWeights {
  /** Murmur3 of the sums that the weights were made from; 0 before the first read. */
  readonly version: number;
  /** Share of each arm, in the order of `Bandit.arms`; sums to 1. */
  readonly shares: Float64Array;
  readonly split: Split;
}

/** Which backend answers, and by which chance. */
export interface Assignment {
  readonly backend: Backend;
  /** Name of the arm; the name of the backend outside bandits. */
  readonly arm: string;
  /** Position among the arms of the rule, 0 for a plain backend. */
  readonly armIndex: number;
  /** Probability with which the policy picked this arm, in (0, 1]. */
  readonly propensity: number;
  /** What was hashed; the request id when the request has no unit. */
  readonly unit: string;
  /** Whether `unit` came from the request (sticky) or is the request id. */
  readonly isSticky: boolean;
  /** Position of the unit in [0, 1); -1 when nothing was drawn. */
  readonly bucket: number;
  readonly bandit: Bandit | null;
  /** Version of the posterior behind the shares; 0 outside bandits. */
  readonly posteriorVersion: number;
}

export interface Matched {
  readonly route: Route;
  readonly rule: Rule;
}
