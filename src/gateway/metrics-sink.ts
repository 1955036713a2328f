import { errorCodes, type ErrorCode } from '../core/errors.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { Live } from './live.ts';
import type { Counter, Histogram, Metrics, RecordSink } from './ports.ts';
import type { AttemptRecord, DecisionRecord } from './record.ts';
import type { StreamTiming } from './stream-timing.ts';

/** Label value where a request came to no route or no backend. */
const NONE = 'none';
const NO_INDEX = -1;

/**
 * Counts finished requests. Handles are found by the indexes of route and backend in their snapshot; each is made when
 * it is first needed, so that there are series only for what is in use. Features are counted by the enricher, copies by
 * the mirror, rewards by the learner.
 */
export class MetricsSink implements RecordSink {
  readonly #metrics: Metrics;
  readonly #errors: ReadonlyMap<ErrorCode, Counter>;
  readonly #aborted: { readonly 'client-closed': Counter; readonly broken: Counter };
  /** Requests that began before a reload still find the handles of their snapshot. */
  readonly #handlesOf = new WeakMap<Snapshot, SnapshotHandles>();
  #snapshot: Snapshot | null = null;
  #handles: SnapshotHandles | null = null;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#errors = new Map(errorCodes.map((code) => [code, metrics.counter('makas_errors_total', code)]));
    this.#aborted = {
      'client-closed': metrics.counter('makas_requests_aborted_total', 'client-closed'),
      broken: metrics.counter('makas_requests_aborted_total', 'broken'),
    };
  }

  /** Makes a snapshot the one whose handles are at hand. */
  adopt(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#handles = this.#find(snapshot);
  }

  /** An error that was answered without a decision record, e.g. for a path that is not served. */
  countError(code: ErrorCode): void {
    this.#errors.get(code)?.inc();
  }

  record(record: DecisionRecord): void {
    const { snapshot, outcome, error } = record;
    const handles = snapshot === this.#snapshot && this.#handles !== null ? this.#handles : this.#find(snapshot);
    if (error !== null) this.#errors.get(error)?.inc();
    const backendIndex = record.assignment?.backend.index ?? NO_INDEX;
    if (record.attempts.length > 0) handles.backend(backendIndex).count(record.attempts);
    if (outcome === 'client-closed' || outcome === 'broken') return this.#aborted[outcome].inc();
    handles.route(record.route?.index ?? NO_INDEX).count(record, backendIndex);
  }

  #find(snapshot: Snapshot): SnapshotHandles {
    let handles = this.#handlesOf.get(snapshot);
    if (handles === undefined) {
      handles = new SnapshotHandles(this.#metrics, snapshot);
      this.#handlesOf.set(snapshot, handles);
    }
    return handles;
  }
}

/** Sets the gauges of the endpoints to what is now; for the scrape. */
export function showEndpoints(metrics: Metrics, live: Pick<Live, 'snapshot' | 'poolsOf'>, steadyMs: number): void {
  for (const backend of live.snapshot.backends) {
    for (const pool of live.poolsOf(backend)) {
      const address = pool.endpoint.origin + pool.endpoint.prefix;
      metrics.gauge('makas_endpoint_inflight', backend.name, address).set(pool.inflight);
      metrics.gauge('makas_endpoint_up', backend.name, address).set(pool.downUntilMs <= steadyMs ? 1 : 0);
    }
  }
}

class SnapshotHandles {
  readonly #metrics: Metrics;
  readonly #snapshot: Snapshot;
  /** By index + 1, the first for none. */
  readonly #routes: (RouteHandles | undefined)[];
  readonly #backends: (BackendHandles | undefined)[];

  constructor(metrics: Metrics, snapshot: Snapshot) {
    this.#metrics = metrics;
    this.#snapshot = snapshot;
    this.#routes = Array.from({ length: snapshot.routes.length + 1 });
    this.#backends = Array.from({ length: snapshot.backends.length + 1 });
  }

  route(index: number): RouteHandles {
    return (this.#routes[index + 1] ??= new RouteHandles(this.#metrics, this.#snapshot, index));
  }

  backend(index: number): BackendHandles {
    return (this.#backends[index + 1] ??= new BackendHandles(this.#metrics, backendName(this.#snapshot, index)));
  }
}

function backendName(snapshot: Snapshot, index: number): string {
  return snapshot.backends[index]?.name ?? NONE;
}

class RouteHandles {
  readonly #metrics: Metrics;
  readonly #snapshot: Snapshot;
  readonly #name: string;
  readonly #overhead: Histogram;
  readonly #pairs = new Map<number, PairHandles>();

  constructor(metrics: Metrics, snapshot: Snapshot, index: number) {
    this.#metrics = metrics;
    this.#snapshot = snapshot;
    this.#name = snapshot.routes[index]?.name ?? NONE;
    this.#overhead = metrics.histogram('makas_overhead_seconds', this.#name);
  }

  count(record: DecisionRecord, backendIndex: number): void {
    let pair = this.#pairs.get(backendIndex);
    if (pair === undefined) {
      pair = new PairHandles(this.#metrics, this.#name, backendName(this.#snapshot, backendIndex));
      this.#pairs.set(backendIndex, pair);
    }
    const totalMs = record.endMs - record.startMs;
    pair.count(record.status, totalMs / 1000);
    if (record.stream !== null) pair.countStream(record.stream, record.startMs);
    this.#overhead.observe(Math.max(0, totalMs - record.upstreamMs - record.featuresMs) / 1000);
  }
}

/** A route and a backend that answered on it. */
class PairHandles {
  readonly #metrics: Metrics;
  readonly #route: string;
  readonly #backend: string;
  readonly #duration: Histogram;
  /** Made when an answer was streamed. */
  #firstToken: Histogram | null = null;
  #nextToken: Histogram | null = null;
  /** A pair answers with few different codes: a walk through two short lists beats a table of 500. */
  readonly #codes: number[] = [];
  readonly #totals: Counter[] = [];

  constructor(metrics: Metrics, route: string, backend: string) {
    this.#metrics = metrics;
    this.#route = route;
    this.#backend = backend;
    this.#duration = metrics.histogram('makas_request_duration_seconds', route, backend);
  }

  count(status: number, seconds: number): void {
    // A model server may answer with any three digits; beyond the known classes they are one.
    const code = status >= 100 && status <= 599 ? status : 0;
    const known = this.#codes.indexOf(code);
    const total = known === -1 ? this.#add(code) : (this.#totals[known] as Counter);
    total.inc();
    this.#duration.observe(seconds);
  }

  countStream({ firstMs, meanGapMs, events }: StreamTiming, startMs: number): void {
    if (events === 0) return;
    this.#firstToken ??= this.#metrics.histogram('makas_time_to_first_token_seconds', this.#route, this.#backend);
    this.#firstToken.observe((firstMs - startMs) / 1000);
    if (meanGapMs === null) return;
    this.#nextToken ??= this.#metrics.histogram('makas_time_per_output_token_seconds', this.#route, this.#backend);
    this.#nextToken.observe(meanGapMs / 1000);
  }

  #add(code: number): Counter {
    const label = code === 0 ? 'other' : String(code);
    const total = this.#metrics.counter('makas_requests_total', this.#route, this.#backend, label);
    this.#codes.push(code);
    this.#totals.push(total);
    return total;
  }
}

class BackendHandles {
  readonly #metrics: Metrics;
  readonly #name: string;
  readonly #duration: Histogram;
  readonly #retries: Counter;
  readonly #ok: Counter;
  readonly #failed = new Map<ErrorCode | '5xx', Counter>();

  constructor(metrics: Metrics, name: string) {
    this.#metrics = metrics;
    this.#name = name;
    this.#duration = metrics.histogram('makas_upstream_duration_seconds', name);
    this.#retries = metrics.counter('makas_upstream_retries_total', name);
    this.#ok = metrics.counter('makas_upstream_attempts_total', name, 'ok');
  }

  count(attempts: readonly AttemptRecord[]): void {
    for (const attempt of attempts) {
      this.#duration.observe((attempt.endMs - attempt.startMs) / 1000);
      if (attempt.error === null && attempt.status < 500) this.#ok.inc();
      else this.#countFailed(attempt.error ?? '5xx');
    }
    if (attempts.length > 1) this.#retries.inc(attempts.length - 1);
  }

  #countFailed(result: ErrorCode | '5xx'): void {
    let failed = this.#failed.get(result);
    if (failed === undefined) {
      failed = this.#metrics.counter('makas_upstream_attempts_total', this.#name, result.toLowerCase());
      this.#failed.set(result, failed);
    }
    failed.inc();
  }
}
