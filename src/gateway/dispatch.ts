import { createDraws } from '../core/draws.ts';
import { GatewayError, type ErrorCode } from '../core/errors.ts';
import { murmur3 } from '../core/hash.ts';
import { pickEndpoint } from '../core/pick.ts';
import type { Backend } from '../core/snapshot.ts';
import { writeGrpcTimeout } from '../protocol/grpc/status.ts';
import { type HeaderBlock, setHeader } from '../protocol/header-block.ts';
import type { AnswerRelay } from './answer-relay.ts';
import { clientTimeMs, ownTimeMs, silenceMs } from './call-deadline.ts';
import { type Deadlines, Timed } from './deadlines.ts';
import type { Exchange } from './exchange.ts';
import type {
  AnswerHead,
  AnswerReceiver,
  AttemptSpan,
  Clock,
  EndpointPool,
  Reach,
  Upstream,
  UpstreamCall,
} from './ports.ts';
import type { AttemptRecord } from './record.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { BackendRequest } from './backend-fields.ts';
import { endpointPath } from './upstream-request.ts';

/** An endpoint whose connection failed is passed over for this long while another one is up. */
const DOWN_MS = 1000;
/**
 * A kept connection that was closed before the request came says so at once. What ends later was being worked on, and is
 * not sent again: it may have had an effect, or be what the server died of.
 */
const STALE_MS = 500;

/** A client that takes nothing of a stream for so long has gone away. */
const HELD_LIMIT_MS = 120_000;

export interface DispatchPorts {
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly retryBudget: RetryBudget;
  /** The answer is complete: passed on whole (`error` null), refused with a code, or broken after its head. */
  finish(exchange: Exchange, relay: AnswerRelay | null, error: GatewayError | null): void;
}

/**
 * Sends one request to a backend and relays its answer: picks an endpoint, holds the deadline, tries another endpoint
 * once when the connection was refused, and again when a kept connection turned out dead or was about to close, stops when
 * the client goes away. The timeout is for the whole of an answer, but of one that streams for its beginning and for each
 * silence after it.
 */
export class Dispatch extends Timed implements AnswerReceiver {
  readonly #ports: DispatchPorts;
  readonly #exchange: Exchange;
  readonly #backend: Backend;
  readonly #request: BackendRequest;
  readonly #relay: AnswerRelay;
  #retriesLeft: number;
  /** Of the whole answer, of a stream of its beginning; steady milliseconds, as are the next two. */
  #deadlineMs = 0;
  /** What the client sets, of a stream too; Infinity: nothing. */
  #clientEndMs = 0;
  /** Of a stream: when something of it came last. */
  #heardMs = 0;
  #isStream = false;
  /** The endpoint waits until the client has read: its silence is not its own. */
  #isHeld = false;
  /** Since when, steady milliseconds. */
  #heldMs = 0;
  #call: UpstreamCall | null = null;
  #pool: EndpointPool | null = null;
  #poolIndex = -1;
  #attempt: AttemptRecord | null = null;
  #span: AttemptSpan | null = null;
  /** The next attempt follows one on a kept connection that was stale. */
  #isFresh = false;
  #isListening = false;
  #isOver = false;

  constructor(ports: DispatchPorts, exchange: Exchange, backend: Backend, request: BackendRequest, relay: AnswerRelay) {
    super();
    this.#ports = ports;
    this.#exchange = exchange;
    this.#backend = backend;
    this.#relay = relay;
    this.#request = request;
    this.#retriesLeft = exchange.record.rule?.retries ?? 0;
  }

  start(): void {
    // Not a closure: stored in a long-lived shape, closures made every young collection ten times as long.
    this.#exchange.onAbort = this;
    const now = this.#ports.clock.steady();
    const clientMs = clientTimeMs(this.#exchange, now);
    const leftMs = Math.min(ownTimeMs(this.#exchange, this.#backend, now), clientMs);
    if (leftMs <= 0) return this.#fail(new GatewayError('UPSTREAM_TIMEOUT'));
    this.#clientEndMs = now + clientMs;
    this.#deadlineMs = now + leftMs;
    this.#ports.deadlines.set(this, leftMs);
    this.#ports.retryBudget.deposit();
    this.#try(now);
  }

  #try(now: number): void {
    const { live, record, trace, call } = this.#exchange;
    const pools = live.poolsOf(this.#backend);
    const index = pools.length === 1 ? 0 : this.#pick(pools, now);
    const pool = pools[index];
    if (pool === undefined) return this.#fail(new GatewayError('NO_ENDPOINT'));
    const { connection } = this.#backend;
    // How many calls a connection of gRPC takes, only its edge knows.
    if (!pool.endpoint.isGrpc && pool.inflight >= connection.connections + connection.queue)
      return this.#fail(new GatewayError('UPSTREAM_OVERLOADED'));
    this.#pool = pool;
    this.#poolIndex = index;
    const attempt = { endpoint: pool.endpoint, status: 0, error: null, startMs: now, endMs: 0 };
    this.#attempt = attempt;
    record.attempts.push(attempt);
    let { headers } = this.#request;
    if (trace !== null) {
      this.#span = trace.startAttempt(this.#backend.name, pool.endpoint.origin);
      headers = setHeader(headers, 'traceparent', this.#span.traceparent);
    }
    const endMs = call?.method.isStream === true ? this.#clientEndMs : this.#deadlineMs;
    if (pool.endpoint.isGrpc && endMs !== Infinity) {
      headers += `grpc-timeout: ${writeGrpcTimeout(Math.floor(endMs - now))}\r\n`;
    }
    pool.inflight++;
    const request = {
      method: this.#request.method,
      path: endpointPath(pool.endpoint, this.#request),
      headers,
      body: this.#request.body,
      isFresh: this.#isFresh,
    };
    const sent = this.#ports.upstream.send(pool, request, this);
    // The attempt may have failed, and the next one begun, before `send` returned.
    if (this.#attempt === attempt) this.#call = sent;
  }

  #pick(pools: readonly EndpointPool[], nowMs: number): number {
    const { facts, record } = this.#exchange;
    return pickEndpoint(pools, nowMs, this.#poolIndex, createDraws(murmur3(facts.requestId, record.attempts.length)));
  }

  onHead(head: AnswerHead): void {
    if (this.#isOver) return;
    if (this.#attempt !== null) this.#attempt.status = head.status;
    try {
      this.#relay.onHead(head);
    } catch (error) {
      return this.#refuseAnswer(error);
    }
    this.#isStream = this.#relay.isStream || this.#exchange.call?.method.isStream === true;
    if (this.#isStream) this.#heardMs = this.#ports.clock.steady();
  }

  onWhole(head: AnswerHead, body: Uint8Array, trailers?: HeaderBlock): void {
    if (this.#isOver) return;
    if (this.#attempt !== null) this.#attempt.status = head.status;
    try {
      this.#relay.onWhole(head, body, trailers);
    } catch (error) {
      this.#refuseAnswer(error);
      return;
    }
    this.#succeed();
  }

  onData(chunk: Uint8Array): boolean {
    if (this.#isOver) return true;
    if (this.#isStream) this.#heardMs = this.#ports.clock.steady();
    try {
      const isFlowing = this.#relay.onData(chunk);
      if (!isFlowing) this.#waitForDrain();
      if (!isFlowing && !this.#isHeld) this.#heldMs = this.#heardMs;
      this.#isHeld = !isFlowing;
      return isFlowing;
    } catch (error) {
      this.#refuseAnswer(error);
      return true;
    }
  }

  /** Most answers never wait for the client, so the listener is made when one does. */
  #waitForDrain(): void {
    if (!this.#isListening) this.#relay.onDrain(() => this.#drained());
    this.#isListening = true;
  }

  #drained(): void {
    this.#isHeld = false;
    if (this.#isStream) this.#heardMs = this.#ports.clock.steady();
    this.#call?.resume();
  }

  onEnd(trailers?: HeaderBlock): void {
    if (this.#isOver) return;
    try {
      this.#relay.onEnd(trailers);
    } catch (error) {
      this.#refuseAnswer(error);
      return;
    }
    this.#succeed();
  }

  #succeed(): void {
    this.#endAttempt(null);
    this.#end();
    this.#ports.finish(this.#exchange, this.#relay, null);
  }

  onError(error: GatewayError, reach: Reach): void {
    if (this.#isOver) return;
    const attempt = this.#attempt;
    this.#endAttempt(error.code);
    const isRefusedStream = reach === 'unsent' && error.code === 'UPSTREAM_RESET';
    const isUntouched = isRefusedStream || (reach === 'stale' && isQuick(attempt));
    if (isUntouched && !this.#isFresh && this.#ports.retryBudget.withdraw()) {
      this.#isFresh = true;
      return this.#try(this.#ports.clock.steady());
    }
    const isRefused = reach === 'unsent' && error.code === 'UPSTREAM_CONNECT';
    if (isRefused && this.#pool !== null) this.#pool.downUntilMs = this.#ports.clock.steady() + DOWN_MS;
    if (isRefused && this.#retriesLeft > 0 && this.#exchange.live.poolsOf(this.#backend).length > 1) {
      this.#retriesLeft--;
      this.#try(this.#ports.clock.steady());
      return;
    }
    this.#fail(error);
  }

  expire(): void {
    if (this.#isOver) return;
    const leftMs = this.#isStream ? this.#streamLeftMs() : 0;
    if (leftMs > 0) return this.#ports.deadlines.set(this, leftMs);
    const isClients = this.#isStream && this.#isHeld && this.#ports.clock.steady() < this.#clientEndMs;
    const code = isClients ? 'CLIENT_CLOSED' : 'UPSTREAM_TIMEOUT';
    this.#call?.abort();
    this.#endAttempt(code);
    this.#fail(new GatewayError(code));
  }

  /**
   * Asked when a deadline fires, so that what comes of a stream costs no more than a look at the clock. While the client
   * does not read, the limit is the client's: the same as for the rest of any answer that is not read.
   */
  #streamLeftMs(): number {
    const ms = silenceMs(this.#exchange, this.#backend);
    const endMs = this.#isHeld ? this.#heldMs + Math.max(ms, HELD_LIMIT_MS) : this.#heardMs + ms;
    return Math.min(endMs, this.#clientEndMs) - this.#ports.clock.steady();
  }

  /** The answer cannot be written down again, such as a header with a control character. */
  #refuseAnswer(error: unknown): void {
    this.#call?.abort();
    this.#endAttempt('UPSTREAM_BAD_RESPONSE');
    this.#fail(new GatewayError('UPSTREAM_BAD_RESPONSE', undefined, String(error)));
  }

  /** The client went away; the exchange is finished by who noticed. */
  abort(): void {
    if (this.#isOver) return;
    this.#call?.abort();
    this.#endAttempt('CLIENT_CLOSED');
    this.#end();
  }

  #fail(error: GatewayError): void {
    this.#end();
    this.#ports.finish(this.#exchange, this.#relay.isHeadSent ? this.#relay : null, error);
  }

  #endAttempt(error: ErrorCode | null): void {
    const attempt = this.#attempt;
    if (attempt === null) return;
    attempt.endMs = this.#ports.clock.steady();
    attempt.error = error;
    if (this.#pool !== null) this.#pool.inflight--;
    this.#span?.end(attempt.status, error);
    this.#attempt = null;
    this.#span = null;
    this.#call = null;
  }

  #end(): void {
    this.#isOver = true;
    this.#ports.deadlines.clear(this);
    this.#exchange.onAbort = null;
  }
}

function isQuick(attempt: AttemptRecord | null): boolean {
  return attempt !== null && attempt.endMs - attempt.startMs < STALE_MS;
}
