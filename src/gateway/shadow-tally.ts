import type { AnswerComparison } from '../core/compare-answers.ts';
import type { Counter, Gauge, Histogram, Metrics } from './ports.ts';

/** Why a copy was not sent to its end: every copy ends either with an answer, an error, a timeout, or one of these. */
export type DropReason =
  | 'queue_full'
  | 'body_too_large'
  /** Its messages go on while they come, and are not held: a stream of gRPC. */
  | 'streamed'
  /** It waited in the queue longer than the shadow may take to answer. */
  | 'deadline'
  /** The primary failed or the client left before the copy was sent. */
  | 'cancelled'
  | 'no_endpoint'
  | 'draining'
  /** The shadow speaks another protocol than the request. */
  | 'protocol';

export type CopyResult = 'ok' | 'error' | 'timeout';

export interface ShadowCounts {
  /** Copies sent, those under way included. */
  sent: number;
  ok: number;
  error: number;
  timeout: number;
  agree: number;
  mismatch: number;
  incomparable: number;
  readonly dropped: Record<DropReason, number>;
  /** Sum of (duration at the shadow minus duration at the primary), milliseconds, and how many. */
  differenceMs: number;
  differences: number;
}

/** What happened to the copies for one shadow: as metrics, and as counts for people. */
export class ShadowTally {
  counts: ShadowCounts = noCounts();
  readonly #results: Readonly<Record<CopyResult | 'dropped', Counter>>;
  readonly #dropped: Readonly<Record<DropReason, Counter>>;
  readonly #compared: Readonly<Record<AnswerComparison['result'], Counter>>;
  readonly #mismatch: Counter;
  readonly #difference: Histogram;
  readonly #inflight: Gauge;
  readonly #queue: Gauge;

  constructor(metrics: Metrics, route: string, backend: string) {
    const total = (result: string) => metrics.counter('makas_shadow_total', route, backend, result);
    const dropped = (reason: DropReason) => metrics.counter('makas_shadow_dropped_total', route, backend, reason);
    const compared = (result: string) => metrics.counter('makas_shadow_compared_total', route, backend, result);
    this.#results = { ok: total('ok'), error: total('error'), timeout: total('timeout'), dropped: total('dropped') };
    this.#dropped = {
      queue_full: dropped('queue_full'),
      body_too_large: dropped('body_too_large'),
      streamed: dropped('streamed'),
      deadline: dropped('deadline'),
      cancelled: dropped('cancelled'),
      no_endpoint: dropped('no_endpoint'),
      draining: dropped('draining'),
      protocol: dropped('protocol'),
    };
    this.#compared = {
      agree: compared('agree'),
      mismatch: compared('mismatch'),
      incomparable: compared('incomparable'),
    };
    this.#mismatch = metrics.counter('makas_shadow_mismatch_total', route, backend);
    this.#difference = metrics.histogram('makas_shadow_latency_difference_seconds', route, backend);
    this.#inflight = metrics.gauge('makas_shadow_inflight', backend);
    this.#queue = metrics.gauge('makas_shadow_queue', backend);
  }

  /** Forgets the counts; metrics go on. */
  restart(): void {
    this.counts = noCounts();
  }

  dropped(reason: DropReason): void {
    this.counts.dropped[reason]++;
    this.#dropped[reason].inc();
    this.#results.dropped.inc();
  }

  /** Gauges are moved, not set: several shadows of one backend share them. */
  queued(by: 1 | -1): void {
    this.#queue.inc(by);
  }

  sent(): void {
    this.counts.sent++;
    this.#inflight.inc(1);
  }

  /** Null: it was stopped, and is counted as dropped. */
  ended(result: CopyResult | null): void {
    this.#inflight.inc(-1);
    if (result === null) return;
    this.counts[result]++;
    this.#results[result].inc();
  }

  compared(result: AnswerComparison['result']): void {
    this.counts[result]++;
    this.#compared[result].inc();
    if (result === 'mismatch') this.#mismatch.inc();
  }

  latencyDifference(milliseconds: number): void {
    this.counts.differenceMs += milliseconds;
    this.counts.differences++;
    this.#difference.observe(milliseconds / 1000);
  }
}

function noCounts(): ShadowCounts {
  return {
    sent: 0,
    ok: 0,
    error: 0,
    timeout: 0,
    agree: 0,
    mismatch: 0,
    incomparable: 0,
    dropped: {
      queue_full: 0,
      body_too_large: 0,
      streamed: 0,
      deadline: 0,
      cancelled: 0,
      no_endpoint: 0,
      draining: 0,
      protocol: 0,
    },
    differenceMs: 0,
    differences: 0,
  };
}
