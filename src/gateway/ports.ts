import type { Buffer } from 'node:buffer';

import type { RewardSums } from '../core/bandit/posterior.ts';
import type { Endpoint, ConnectionSettings, FeatureView } from '../core/snapshot.ts';
import type { GatewayError } from '../core/errors.ts';
import type { HeaderBlock } from '../protocol/header-block.ts';
import type { DecisionRecord } from './record.ts';

/** The ports of the gateway: what it needs from the outside, implemented by the edges. */

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds of a steady clock with sub-millisecond digits. */
  steady(): number;
}

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The header fields of a request, as its lane read them. */
export interface RequestHeaders {
  /** By lower-case name; repeated fields are joined as `joinedHeader` of protocol/header-block.ts does. */
  get(name: string): string | undefined;
  /** All of them by lower-case name, without a prototype. */
  all(): Record<string, string>;
  /** The fields that cross the gateway to a backend, in their order and case. */
  readonly upstream: HeaderBlock;
}

/**
 * Takes the content encoding off a whole body; `'too-large'` when there would be more bytes than a body may have, null when
 * the encoding is not known or the bytes are not of that encoding.
 */
export type BodyDecoder = (encoding: string, body: Uint8Array) => Buffer | 'too-large' | null;

/** A body that arrives while it is sent on. The edge defines what it is; the gateway passes it through. */
export interface BodyStream {
  readonly kind: 'stream';
  /** Length when the client announced it, else null. */
  readonly length: number | null;
  readonly source: AsyncIterable<Uint8Array>;
}

/**
 * How a lane receives the answer: the whole at once, or its head, then data, then end. When the client goes away before
 * the end, the lane tells `Gateway.abandon`. The block holds `content-length` when the length is known; how the answer is
 * framed on the connection is the lane's.
 */
export interface Reply {
  /**
   * The whole answer at once. The bytes are the gateway's again when the call returns: what cannot be written is copied.
   * Trailers are for gRPC, here and in `end`; other lanes leave them out.
   */
  send(status: number, headers: HeaderBlock, body: Uint8Array | null, trailers?: HeaderBlock): void;
  /** The head of an answer whose body follows in pieces. */
  head(status: number, headers: HeaderBlock): void;
  /** A piece of the body; its bytes too. false: stop until `onDrain`. */
  write(chunk: Uint8Array): boolean;
  end(trailers?: HeaderBlock): void;
  /** The answer cannot be completed: close the connection so that the client sees it. */
  destroy(): void;
  onDrain(callback: () => void): void;
}

export interface UpstreamRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Without framing and `host`, which the edge adds. */
  readonly headers: HeaderBlock;
  readonly body: Uint8Array | BodyStream | null;
  /** Not on a kept connection: for another try after one that was stale. */
  readonly isFresh: boolean;
}

/** The head of an answer of an endpoint. */
export interface AnswerHead {
  readonly status: number;
  /** The fields that cross the gateway to the client, `content-length` among them. */
  readonly headers: HeaderBlock;
  /** Bytes that the body will have, -1 when the endpoint did not say. */
  readonly length: number;
}

/** Receives one answer of an endpoint. After `onError` or `onEnd` nothing more is called. */
export interface AnswerReceiver {
  /** Informational answers (1xx) are not passed on. The head is the receiver's to keep. */
  onHead(head: AnswerHead): void;
  /**
   * In place of `onHead`, `onData` and `onEnd`: an answer that came as a whole. The bytes of the body are the edge's
   * again when the call returns.
   */
  onWhole(head: AnswerHead, body: Uint8Array, trailers?: HeaderBlock): void;
  /** A piece of the body; its bytes too. false: pause until `UpstreamCall.resume`. */
  onData(chunk: Uint8Array): boolean;
  /** `trailers` of a gRPC answer, which holds its status; `''` when the head was all of it. */
  onEnd(trailers?: HeaderBlock): void;
  onError(error: GatewayError, reach: Reach): void;
}

/**
 * How far a request that failed had come. `unsent`: no byte of it can have reached the endpoint. `stale`: it was written
 * on a kept connection that the endpoint closed before the first byte of an answer, as servers do with connections that
 * were idle for long. `sent`: anything else.
 */
export type Reach = 'unsent' | 'stale' | 'sent';

export interface UpstreamCall {
  /** Stops the call; the receiver hears nothing more. */
  abort(): void;
  resume(): void;
}

/** Transport to model servers. Endpoint choice is the gateway's; one pool for each endpoint is the edge's. */
export interface Upstream {
  send(pool: EndpointPool, request: UpstreamRequest, receiver: AnswerReceiver): UpstreamCall;
  /** The pool of an endpoint, made on first use and kept while `retain` names it. */
  pool(endpoint: Endpoint, settings: ConnectionSettings): EndpointPool;
  /** Closes, once idle, all pools whose endpoint is not among these ids. */
  retain(ids: ReadonlySet<string>): void;
  close(): Promise<void>;
}

export interface EndpointPool {
  readonly endpoint: Endpoint;
  /** Requests under way now. */
  inflight: number;
  /** Steady milliseconds until which it is passed over after a failed connection. */
  downUntilMs: number;
}

// ---- features

export type FeatureValue = number | bigint | string | boolean | null;

/** One entity of one view that is asked for. The store fills in what it has before it says that the read has ended. */
export interface EntityRead {
  readonly view: FeatureView;
  readonly key: string;
  entity: EntityValues | null;
}

/** Hears once how a read ended; an error says why nothing could be read. */
export interface ReadReceiver {
  onRead(error: Error | null): void;
}

/** Hears what happens to the keys that it watches. Until `onTracked`, and from `onLost` on, changes may go unsaid. */
export interface ChangeWatcher {
  /** From now on every change is told; what was read before may have changed. */
  onTracked(): void;
  onLost(): void;
  onChange(key: string): void;
  /** Every key may have changed. */
  onFlush(): void;
}

/** What the store has for one entity: one value for each field of the view; undefined: the store has no such field. */
export interface EntityValues {
  readonly found: boolean;
  readonly values: ReadonlyArray<FeatureValue | undefined>;
  /** Time of the values in milliseconds since the epoch, or null. */
  readonly timeMs: number | null;
  /** Names of fields whose stored text could not be read as their type. */
  readonly bad: readonly string[];
}

/** An online store. */
export interface OnlineStore {
  /**
   * Reads all that one request needs of this store in one round trip. The receiver hears of the end, perhaps before
   * this returns; it holds the time limit itself, and what comes later fills the caches.
   */
  read(reads: readonly EntityRead[], receiver: ReadReceiver): void;
  /** Tells of changes of all keys with a prefix, until the returned function is called. Null: this store cannot. */
  watch(prefix: string, watcher: ChangeWatcher): (() => void) | null;
  isHealthy(): boolean;
  close(): Promise<void>;
}

// ---- state

/** A reward to be counted once. */
export interface RewardWrite {
  /** `name:epoch`. */
  readonly bandit: string;
  readonly arm: string;
  /** Hex of the decision id: what is counted once. */
  readonly decision: string;
  /** The client's own id of the reward, to tell a repetition from a second reward; `''` when it gave none. */
  readonly id: string;
  readonly reward: number;
  /** Window of the decision, see core/bandit/window.ts. */
  readonly window: WindowKey;
  /** How long the decision id must be remembered, milliseconds. */
  readonly rememberMs: number;
}

export interface WindowKey {
  readonly startMs: number;
  readonly lengthMs: number;
}

/** `counted`: now; `repeated`: this very reward was counted before; `conflict`: another reward for this decision was. */
export type RewardOutcome = 'counted' | 'repeated' | 'conflict' | 'late';

/** `failed`: the state of its bandit could not be written now, while that of another could; send it again. */
export type StoredOutcome = RewardOutcome | 'failed';

/** Decisions served on an arm in a window; additive. */
export interface ServedCount {
  readonly bandit: string;
  readonly arm: string;
  readonly window: WindowKey;
  readonly count: number;
}

/** Asks to close windows: decisions in windows older than `beforeMs` that got no reward get `reward`; null: none. */
export interface WindowClosing {
  readonly bandit: string;
  readonly reward: number | null;
  /** Windows whose start + length is at or before this are closed. */
  readonly beforeMs: number;
}

export interface BanditSums {
  readonly arms: ReadonlyMap<string, RewardSums & { readonly served: number }>;
}

/** State shared by the replicas. Everything is additive or set-if-absent: any order, and a retry does no harm. */
export interface StateStore {
  readonly kind: 'embedded' | 'redis';
  /**
   * The 32-byte key that signs tokens, the same for all replicas. When the state has none, `proposal` becomes it, or
   * else a new one. May wait some seconds for a connection; rejects when there is none.
   */
  signingKey(proposal?: Uint8Array): Promise<Uint8Array>;
  /**
   * One outcome for each reward, in order; every one but those that `failed` is durable. What is wrong with one bandit
   * holds up no other. Rejects when none is known to be stored; some may be all the same, because their answer was
   * lost. To send again what failed or was rejected is harmless: what was stored is `repeated`.
   */
  addRewards(rewards: readonly RewardWrite[]): Promise<readonly StoredOutcome[]>;
  /**
   * Adds the counts, once: call it with those of one bandit. When it rejects, none was added and the caller keeps them;
   * when it resolves they are added, or the store sends them on with the next call.
   */
  addServed(counts: readonly ServedCount[]): Promise<void>;
  /** Rejects when a closing failed; others may be done. To ask again is harmless. */
  closeWindows(closings: readonly WindowClosing[]): Promise<void>;
  /** Sums of the bandits that can be read; rejects when none can. */
  readSums(bandits: readonly string[]): Promise<ReadonlyMap<string, BanditSums>>;
  /** Whether the state as a whole can be reached, as far as is known. */
  isHealthy(): boolean;
  close(): Promise<void>;
}

// ---- telemetry

export interface Counter {
  inc(by?: number): void;
}
export interface Gauge {
  set(value: number): void;
  inc(by?: number): void;
}
export interface Histogram {
  observe(value: number): void;
}
/** Metrics by name; `labels` in the order of the declaration in gateway/metric-names.ts. Handles are made at load. */
export interface Metrics {
  counter(name: string, ...labels: string[]): Counter;
  gauge(name: string, ...labels: string[]): Gauge;
  histogram(name: string, ...labels: string[]): Histogram;
}

/**
 * Sees every finished request once. Must not throw, wait or keep the record, nor read the body later: its memory may be
 * another request's then.
 */
export interface RecordSink {
  record(record: DecisionRecord): void;
}

/** A sampled trace of one request; null stands for "not sampled" everywhere. */
export interface RequestTrace {
  readonly traceId: string;
  /** Starts a span for one attempt and gives the `traceparent` that goes upstream. */
  startAttempt(backend: string, endpoint: string): AttemptSpan;
  /** Records the time spent on features as a finished span. */
  features(startMs: number, endMs: number, views: readonly string[], failed: boolean): void;
  end(record: DecisionRecord): void;
}
export interface AttemptSpan {
  readonly traceparent: string;
  end(status: number, error: string | null): void;
}
export interface Tracer {
  /** Decides sampling before anything is made, with `traceparent` and `tracestate` as the client sent them. */
  begin(headers: Pick<RequestHeaders, 'get'>, method: string, path: string, timeMs: number): RequestTrace | null;
}
