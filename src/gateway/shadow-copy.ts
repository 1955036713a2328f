import { Buffer } from 'node:buffer';

import type { GatewayError } from '../core/errors.ts';
import type { Shadow } from '../core/snapshot.ts';
import { grpcAnswerStatus } from '../protocol/grpc/status.ts';
import type { HeaderBlock } from '../protocol/header-block.ts';
import { isGrpc } from '../protocol/protocols.ts';
import { isWhole, type Exchange } from './exchange.ts';
import type { AnswerHead, AnswerReceiver, EndpointPool, Reach, UpstreamCall } from './ports.ts';
import type { WholeAnswer } from './shadow-answer.ts';
import type { PairOrigin } from './shadow-judge.ts';
import type { ShadowLane } from './shadow-lane.ts';
import { shadowRequest } from './shadow-request.ts';
import type { CopyResult, DropReason } from './shadow-tally.ts';

/** An endpoint whose connection failed is passed over for this long while another one is up. */
const DOWN_MS = 1000;

/**
 * The copy of one request for one shadow. It is held until its start, queued in its lane, sent once, and over when the
 * shadow has answered or failed; an answer waits for that of the primary, to be compared with it.
 */
export class ShadowCopy implements AnswerReceiver {
  readonly #lane: ShadowLane;
  readonly #origin: PairOrigin;
  /** Its place among the copies that its lane has under way, -1 for none. The lane's own. */
  sentAt = -1;
  /** Let go as soon as it is sent or dropped: it holds the request's body. */
  #exchange: Exchange | null;
  #stage: 'held' | 'queued' | 'sent' | 'answered' | 'over' = 'held';
  #primary: WholeAnswer | null = null;
  #isPrimaryOver = false;
  #answer: WholeAnswer | null = null;
  /** Bytes that this copy makes its lane hold. */
  #heldBytes = 0;
  #queuedMs = 0;
  #startMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #pool: EndpointPool | null = null;
  #call: UpstreamCall | null = null;
  #head: AnswerHead | null = null;
  #chunks: Uint8Array[] | null;
  #answerBytes = 0;

  constructor(lane: ShadowLane, origin: PairOrigin, exchange: Exchange) {
    this.#lane = lane;
    this.#origin = origin;
    this.#exchange = exchange;
    this.#chunks = origin.shadow.compare === null ? null : [];
  }

  get shadow(): Shadow {
    return this.#origin.shadow;
  }

  get requestId(): string {
    return this.#origin.requestId;
  }

  get isHeld(): boolean {
    return this.#stage === 'held';
  }

  get isQueued(): boolean {
    return this.#stage === 'queued';
  }

  /** Starts beside the primary. */
  start(): void {
    this.#lane.offer(this);
  }

  /** The primary has answered; null: it failed or the client left. */
  primaryEnded(primary: WholeAnswer | null): void {
    this.#isPrimaryOver = true;
    this.#primary = primary === null ? null : this.#fitting(primary);
    if (this.#stage === 'held') {
      if (primary === null) this.drop('cancelled');
      else this.#lane.offer(this);
    } else if (this.#stage === 'queued') {
      if (primary === null) this.drop('cancelled');
      else if (!this.#hold(this.#primary?.body?.length ?? 0)) this.#primary = { ...primary, body: null };
    } else if (this.#stage === 'answered') {
      this.#join();
    }
  }

  /** Waits in the queue. False when the lane holds too many bytes. */
  enqueue(nowMs: number): boolean {
    const body = this.#exchange?.body ?? null;
    const bytes = (isWhole(body) ? (body?.length ?? 0) : 0) + (this.#primary?.body?.length ?? 0);
    if (!this.#hold(bytes)) return false;
    this.#stage = 'queued';
    this.#queuedMs = nowMs;
    return true;
  }

  isTooLate(nowMs: number): boolean {
    return nowMs - this.#queuedMs > this.shadow.timeoutMs;
  }

  drop(reason: DropReason): void {
    if (this.#stage !== 'held' && this.#stage !== 'queued') return;
    if (this.#stage === 'queued') this.#lane.unqueued();
    this.#end();
    this.#lane.tally.dropped(reason);
  }

  /** Sends it; may throw, then `fail` ends it. */
  send(pool: EndpointPool): void {
    const exchange = this.#exchange;
    if (this.#stage === 'queued') this.#lane.unqueued();
    this.#stage = 'sent';
    this.#exchange = null;
    this.#release();
    const { upstream, clock } = this.#lane.ports;
    this.#startMs = clock.steady();
    if (exchange === null) return this.fail();
    const { shadow, primary } = this.#origin;
    const request = shadowRequest(exchange, shadow.backend, pool.endpoint, primary);
    // It has no form in the protocol of the shadow.
    if (request === null) return this.fail();
    pool.inflight++;
    this.#pool = pool;
    this.#timer = setTimeout(expire, shadow.timeoutMs, this);
    this.#call = upstream.send(pool, request, this);
  }

  fail(): void {
    this.#sendEnded('error');
  }

  expire(): void {
    this.#call?.abort();
    this.#sendEnded('timeout');
  }

  /** Ends it at once, whatever it is doing; it counts as dropped. */
  stop(): void {
    if (this.#stage !== 'sent') return this.drop('draining');
    this.#call?.abort();
    this.#sendEnded(null);
    this.#lane.tally.dropped('draining');
  }

  onHead(head: AnswerHead): void {
    this.#head = head;
  }

  onWhole(head: AnswerHead, body: Uint8Array, trailers?: HeaderBlock): void {
    this.#head = head;
    if (body.length > 0) this.onData(body);
    this.onEnd(trailers);
  }

  /** Always true: what is not kept is read and thrown away, so that the connection can be used again. */
  onData(chunk: Uint8Array): boolean {
    this.#answerBytes += chunk.length;
    if (this.#answerBytes > this.shadow.maxBodyBytes) this.#chunks = null;
    this.#chunks?.push(Buffer.from(chunk));
    return true;
  }

  onEnd(trailers: HeaderBlock = ''): void {
    const head = this.#head;
    if (this.#stage !== 'sent' || head === null) return;
    this.#answer = {
      status: head.status,
      headers: head.headers,
      body: this.#chunks === null ? null : Buffer.concat(this.#chunks),
      trailers,
      durationMs: this.#lane.ports.clock.steady() - this.#startMs,
    };
    const { protocol } = this.shadow.backend;
    const status = isGrpc(protocol) ? grpcAnswerStatus(head.headers, trailers) : head.status;
    this.#sendEnded(status >= 500 ? 'error' : 'ok');
  }

  onError(error: GatewayError, reach: Reach): void {
    const isRefused = reach === 'unsent' && error.code === 'UPSTREAM_CONNECT';
    if (isRefused && this.#pool !== null) this.#pool.downUntilMs = this.#lane.ports.clock.steady() + DOWN_MS;
    this.#sendEnded('error');
  }

  #sendEnded(result: CopyResult | null): void {
    if (this.#stage !== 'sent') return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#pool !== null) this.#pool.inflight--;
    this.#pool = null;
    this.#call = null;
    this.#chunks = null;
    this.#stage = 'answered';
    if (this.#answer === null || this.#isPrimaryOver) this.#join();
    else if (!this.#hold(this.#answer.body?.length ?? 0)) this.#answer = { ...this.#answer, body: null };
    this.#lane.sendEnded(this, result);
  }

  /** Both answers are there, or will never be. */
  #join(): void {
    const primary = this.#primary;
    const answer = this.#answer;
    this.#end();
    if (primary === null || answer === null) return;
    const { tally, judge } = this.#lane;
    // The time to fail is not the time to predict.
    if (primary.status < 500 && answer.status < 500) tally.latencyDifference(answer.durationMs - primary.durationMs);
    const result = judge.compare(this.#origin, primary, answer);
    if (result !== null) tally.compared(result);
  }

  #end(): void {
    this.#stage = 'over';
    this.#release();
    this.#exchange = null;
    this.#primary = null;
    this.#answer = null;
  }

  #fitting(primary: WholeAnswer): WholeAnswer {
    const { compare, maxBodyBytes } = this.shadow;
    const isKept = compare !== null && primary.body !== null && primary.body.length <= maxBodyBytes;
    return isKept ? primary : { ...primary, body: null };
  }

  #hold(bytes: number): boolean {
    if (!this.#lane.hold(bytes)) return false;
    this.#heldBytes += bytes;
    return true;
  }

  #release(): void {
    this.#lane.release(this.#heldBytes);
    this.#heldBytes = 0;
  }
}

function expire(copy: ShadowCopy): void {
  copy.expire();
}
