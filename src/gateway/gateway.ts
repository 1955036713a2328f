import { Buffer } from 'node:buffer';

import { matchRequest } from '../core/decide.ts';
import { type ErrorCode, errorRegistry, GatewayError } from '../core/errors.ts';
import { mayReadBody } from '../core/route-index.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { errorAnswer } from '../protocol/error-answer.ts';
import type { InferencePath } from '../protocol/paths/inference-path.ts';
import { speaks } from '../protocol/protocols.ts';
import type { AnswerRelay } from './answer-relay.ts';
import type { BanditLearner } from './bandits.ts';
import { breakOff, contentOf } from './broken-answer.ts';
import { Deadlines } from './deadlines.ts';
import type { DispatchPorts } from './dispatch.ts';
import type { Enricher } from './enrich.ts';
import { type GrpcCall, isWhole, type Exchange } from './exchange.ts';
import { RequestFacts } from './facts.ts';
import { Live, openPools } from './live.ts';
import type { Mirror } from './mirror.ts';
import type {
  BodyDecoder,
  Clock,
  Counter,
  Gauge,
  Logger,
  RecordSink,
  Reply,
  RequestHeaders,
  Tracer,
  Upstream,
} from './ports.ts';
import { ownHeaders } from './own-headers.ts';
import { predict } from './predict.ts';
import type { Outcome } from './record.ts';
import { requestIdOf } from './request-id.ts';
import { RetryBudget } from './retry-budget.ts';

export interface GatewayPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly upstream: Upstream;
  readonly enricher: Enricher;
  readonly learner: BanditLearner;
  readonly mirror: Mirror;
  readonly tracer: Tracer;
  readonly sinks: readonly RecordSink[];
  readonly decodeBody: BodyDecoder;
  readonly started: Counter;
  readonly inflight: Gauge;
  /** Counts an error that has no decision record. */
  countError(code: ErrorCode): void;
  /** A snapshot ended its last request; these are still at work. */
  onRetired(alive: readonly Snapshot[]): void;
}

/** The head of a request as a lane read it. */
export interface RequestHead {
  readonly method: string;
  /** Without query, after the prefix was removed. */
  readonly path: string;
  readonly query: string;
  readonly meaning: InferencePath;
  readonly headers: RequestHeaders;
  /** Of gRPC. */
  readonly call?: GrpcCall;
}

/** The gateway: the live snapshot and the ports that serve it. Lanes open exchanges here and hand them to `predict`. */
export class Gateway implements DispatchPorts {
  readonly clock: Clock;
  readonly upstream: Upstream;
  readonly enricher: Enricher;
  readonly learner: BanditLearner;
  readonly mirror: Mirror;
  readonly deadlines: Deadlines;
  readonly retryBudget: RetryBudget;
  readonly decodeBody: BodyDecoder;
  readonly #ports: GatewayPorts;
  /** The live snapshot, and retired ones whose last request is still under way. */
  readonly #lives = new Set<Live>();
  #live: Live;
  #inflight = 0;

  constructor(snapshot: Snapshot, ports: GatewayPorts) {
    this.clock = ports.clock;
    this.upstream = ports.upstream;
    this.enricher = ports.enricher;
    this.learner = ports.learner;
    this.mirror = ports.mirror;
    this.decodeBody = ports.decodeBody;
    this.deadlines = new Deadlines(
      () => ports.clock.steady(),
      (error) => this.unexpected(error),
    );
    this.retryBudget = new RetryBudget(() => ports.clock.steady());
    this.#ports = ports;
    this.#live = this.#enliven(snapshot);
  }

  get snapshot(): Snapshot {
    return this.#live.snapshot;
  }

  get live(): Live {
    return this.#live;
  }

  /** The live snapshot, and those whose last request is still under way. */
  get alive(): Snapshot[] {
    return Array.from(this.#lives, (live) => live.snapshot);
  }

  /** Swaps the snapshot. Requests under way stay on the one they began with. */
  adopt(snapshot: Snapshot): void {
    const old = this.#live;
    this.#live = this.#enliven(snapshot);
    old.retire();
  }

  /** Begins an exchange: takes the live snapshot and starts its record. */
  open(head: RequestHead, reply: Reply): Exchange {
    const { clock, tracer } = this.#ports;
    const live = this.#live;
    const timeMs = clock.now();
    const { meaning } = head;
    const requestId = requestIdOf(head.headers.get('x-request-id'));
    const facts = new RequestFacts({
      requestId,
      timeMs,
      method: head.method,
      path: head.path,
      query: head.query,
      protocol: meaning.protocol,
      operation: meaning.operation,
      model: meaning.model,
      version: meaning.version,
      headers: head.headers,
      decode: this.decodeBody,
    });
    const trace = tracer.begin(head.headers, head.method, head.path, timeMs);
    const exchange: Exchange = {
      live,
      facts,
      meaning,
      call: head.call ?? null,
      headers: head.headers,
      reply,
      trace,
      record: {
        snapshot: live.snapshot,
        facts,
        route: null,
        rule: null,
        assignment: null,
        token: null,
        views: [],
        attempts: [],
        startMs: clock.steady(),
        featuresMs: 0,
        upstreamMs: 0,
        endMs: 0,
        status: 0,
        error: null,
        outcome: 'answered',
        requestBytes: 0,
        answerBytes: 0,
        stream: null,
        traceId: trace?.traceId ?? null,
      },
      body: null,
      features: null,
      ticket: null,
      isFinished: false,
      onAbort: null,
    };
    live.enter();
    this.#inflight++;
    this.#ports.started.inc();
    this.#ports.inflight.set(this.#inflight);
    return exchange;
  }

  /**
   * Whether the body must be whole in memory before `predict`: when a candidate route reads it, or the rule that
   * answers changes or copies it. Else a large body may stream.
   */
  needsWholeBody(exchange: Exchange): boolean {
    const { snapshot } = exchange.live;
    const { facts, record } = exchange;
    if (facts.protocol === 'openai' || mayReadBody(snapshot.index, facts.model, facts.path)) return true;
    const matched = matchRequest(snapshot, facts);
    if (typeof matched === 'string') return false;
    record.route = matched.route;
    record.rule = matched.rule;
    const { holdsBody, protocols } = matched.rule;
    return holdsBody || !protocols.every((protocol) => speaks(protocol, facts.protocol));
  }

  /** Decides and answers; the body is set on the exchange. */
  predict(exchange: Exchange): void {
    try {
      const { facts, body } = exchange;
      const doubt = isWhole(body) && body !== null ? facts.framingProblem(body.length) : null;
      if (doubt !== null) return this.refuse(exchange, doubt);
      predict(this, exchange);
    } catch (error) {
      this.refuse(exchange, this.unexpected(error));
    }
  }

  /** Counts an error that was answered without an exchange. */
  countError(code: ErrorCode): void {
    this.#ports.countError(code);
  }

  /** Answers with an error of Makas' own. */
  refuse(exchange: Exchange, error: GatewayError): void {
    if (exchange.isFinished) return;
    const { reply, record, facts } = exchange;
    const { status, headers, body } = errorAnswer(facts.protocol, contentOf(error));
    exchange.onAbort?.abort();
    record.status = error.status;
    record.error = error.code;
    record.answerBytes = body?.length ?? 0;
    try {
      reply.send(status, `${headers}makas-error: ${error.code}\r\n${ownHeaders(exchange)}`, body);
    } catch (unsent) {
      // Nobody else would catch it: what could not be sent may be the reason why this error is.
      this.unexpected(unsent);
      reply.destroy();
    }
    this.#end(exchange, 'refused');
  }

  finish(exchange: Exchange, relay: AnswerRelay | null, error: GatewayError | null): void {
    const { record } = exchange;
    if (relay === null) {
      if (error !== null) this.refuse(exchange, error);
      return;
    }
    record.status = error === null ? relay.meantStatus : error.status;
    record.answerBytes = relay.answerBytes;
    record.error = error?.code ?? null;
    record.stream = relay.timing;
    if (error !== null) breakOff(exchange, relay, error);
    else if (relay.received !== null) exchange.ticket?.finish(relay.received, relay.keptBody(), relay.receivedTrailers);
    this.#end(exchange, error === null ? 'answered' : 'broken');
  }

  /** Turns anything thrown into an answer; what is not expected is logged with its stack and hidden from the client. */
  unexpected(error: unknown): GatewayError {
    if (error instanceof GatewayError) return error;
    this.#ports.logger.error({ err: error }, 'a request failed unexpectedly');
    return new GatewayError('INTERNAL');
  }

  /** The client went away before the answer was complete. */
  abandon(exchange: Exchange): void {
    if (exchange.isFinished) return;
    exchange.onAbort?.abort();
    exchange.record.status = errorRegistry.CLIENT_CLOSED.status;
    exchange.record.error = 'CLIENT_CLOSED';
    this.#end(exchange, 'client-closed');
  }

  /** The one terminal state of an exchange. */
  #end(exchange: Exchange, outcome: Outcome): void {
    exchange.isFinished = true;
    const { record, live } = exchange;
    record.outcome = outcome;
    record.endMs = this.clock.steady();
    record.requestBytes = Buffer.isBuffer(exchange.body) ? exchange.body.length : (exchange.body?.length ?? 0);
    for (const attempt of record.attempts) record.upstreamMs += attempt.endMs - attempt.startMs;
    if (outcome !== 'answered') exchange.ticket?.cancel();
    try {
      exchange.trace?.end(record);
      for (const sink of this.#ports.sinks) sink.record(record);
    } catch (error) {
      // Nobody else would catch it, and the answer has left.
      this.unexpected(error);
    }
    this.#inflight--;
    this.#ports.inflight.set(this.#inflight);
    live.leave();
  }

  #enliven(snapshot: Snapshot): Live {
    const { upstream, learner, enricher, mirror } = this.#ports;
    // Pools first: a certificate that cannot be read must leave everything as it was.
    const pools = openPools(snapshot, upstream);
    enricher.adopt(snapshot);
    mirror.adopt(snapshot);
    const live = new Live(snapshot, pools, learner.adopt(snapshot), (retired) => this.#letGo(retired));
    this.#lives.add(live);
    return live;
  }

  /** Lets go what nobody uses any more; called when a retired snapshot has ended its last request. */
  #letGo(retired: Live): void {
    this.#lives.delete(retired);
    this.#ports.onRetired(this.alive);
  }
}
