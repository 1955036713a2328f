import type { ErrorCode } from '../core/errors.ts';
import type { Assignment } from '../core/decision.ts';
import type { Facts } from '../core/facts.ts';
import type { StreamTiming } from './stream-timing.ts';
import type { Endpoint, Route, Rule, Snapshot } from '../core/snapshot.ts';

/** How a request ended; every request ends in exactly one of these. */
export type Outcome =
  /** The whole answer of a backend was passed on. */
  | 'answered'
  /** Makas itself answered with an error. */
  | 'refused'
  /** The client went away first. */
  | 'client-closed'
  /** The answer broke off after its head was sent. */
  | 'broken';

export type FeatureStatus = 'present' | 'null' | 'not_found' | 'stale' | 'defaulted' | 'overridden' | 'error';

export const featureStatuses: readonly FeatureStatus[] = [
  'present',
  'null',
  'not_found',
  'stale',
  'defaulted',
  'overridden',
  'error',
];

/** What enrichment did for one view of one request. */
export interface ViewRecord {
  readonly view: string;
  readonly viewIndex: number;
  readonly rows: number;
  /** How many values had each status, in the order of `featureStatuses`, over all rows and features. */
  readonly statuses: readonly number[];
  /** Status of each feature in the first row, in field order, for logs. */
  readonly firstRow: readonly FeatureStatus[];
  /** Age of the oldest value used, milliseconds; null when unknown. */
  readonly ageMs: number | null;
  readonly cached: number;
  /** Why the store failed, when it did. */
  readonly error: 'timeout' | 'store' | null;
}

export interface AttemptRecord {
  readonly endpoint: Endpoint;
  /** 0 when no answer came. */
  status: number;
  error: ErrorCode | null;
  startMs: number;
  endMs: number;
}

/**
 * The decision record: one for each request, filled on its way, handed to the sinks at the end. Metrics, traces, the
 * decision log and later the offline store, `explain` and `replay` are views of it.
 */
export interface DecisionRecord {
  readonly snapshot: Snapshot;
  readonly facts: Facts;
  route: Route | null;
  rule: Rule | null;
  assignment: Assignment | null;
  /** Token given to the client, null when the rule does not learn. */
  token: string | null;
  views: readonly ViewRecord[];
  attempts: AttemptRecord[];
  /** Steady clock, milliseconds. */
  startMs: number;
  /** Time spent waiting for features, milliseconds. */
  featuresMs: number;
  /** Time from the first byte sent upstream until the answer ended or failed, milliseconds. */
  upstreamMs: number;
  endMs: number;
  /** Status that the client got, 499 when it went away. */
  status: number;
  error: ErrorCode | null;
  outcome: Outcome;
  requestBytes: number;
  answerBytes: number;
  /** When the events of a streamed answer came; null for other answers. */
  stream: StreamTiming | null;
  traceId: string | null;
}
