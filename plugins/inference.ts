import { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { FastifyPluginCallback } from 'fastify';

import { type ErrorCode, GatewayError } from '../src/core/errors.ts';
import type { Protocol } from '../src/core/facts.ts';
import { contentOf } from '../src/gateway/broken-answer.ts';
import type { Exchange } from '../src/gateway/exchange.ts';
import type { Gateway, RequestHead } from '../src/gateway/gateway.ts';
import { applyModelHeader, isOwnPath, type KnownPath, PathTable } from '../src/gateway/path-table.ts';
import { ListedHeaders } from '../src/gateway/request-headers.ts';
import type { RewardDesk } from '../src/gateway/rewards.ts';
import { feedbackBytesMax } from '../src/gateway/seldon-feedback.ts';
import { namingFields } from '../src/gateway/seldon-puid.ts';
import { errorAnswer, type ErrorContent } from '../src/protocol/error-answer.ts';
import type { HeaderBlock } from '../src/protocol/header-block.ts';
import { EVERY_PATH } from './errors.ts';
import { readBody } from './inference/body.ts';
import { countFeedback, sortFeedback } from './inference/feedback.ts';
import { findFramingDoubt } from './inference/framing.ts';
import { HttpReply, isClosing } from './inference/http-reply.ts';
import { skipSmallBody } from './inference/small-body.ts';
import { type ServerAnswer, serverAnswer } from './inference/server-paths.ts';
import { hostOf, pathOf, queryOf } from './inference/target.ts';

export interface InferenceOptions {
  readonly gateway: Gateway;
  /** Takes the rewards that are in the feedback for a mount. */
  readonly desk: RewardDesk;
  /** Path prefix, `''` for none. */
  readonly prefix: string;
  /** Whether the gateway takes requests: for `/v2/health/ready`. */
  readonly isReady: () => boolean;
  /** Whether it is shutting down: then connections are closed after their answers. */
  readonly isDraining: () => boolean;
}

/**
 * The main lane: every path that has no route of its own, on Fastify. Requests are taken over before Fastify reads a body,
 * because bodies must pass byte for byte whatever they claim to be.
 */
const install: FastifyPluginCallback<InferenceOptions> = (fastify, options, done) => {
  const lane = new MainLane(options, (request, response) => fastify.routing(request, response));
  // Without a listener node:http asks for every body at once, also for those that are then refused.
  fastify.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (lane.takesBody(request)) waiting.add(request);
    else response.writeContinue();
    fastify.server.emit('request', request, response);
  });
  // What else a client may expect is not known here and may be ignored, RFC 9110 10.1.1.
  fastify.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    fastify.server.emit('request', request, response);
  });
  // Mounts may begin where the routes of rewards are, and come before them.
  fastify.addHook('onRequest', (request, reply, next) => {
    if (!lane.takesFeedback(request.raw)) return next();
    reply.hijack();
    lane.take(request.raw, reply.raw);
  });
  fastify.all(EVERY_PATH, {
    onRequest: (request, reply) => {
      // A path that has a route comes here with a method that the route does not take.
      if (isOwnPath(pathOf(request.raw))) reply.callNotFound();
      else {
        reply.hijack();
        lane.take(request.raw, reply.raw);
      }
    },
    // Never reached: the request is answered above.
    handler: () => undefined,
  });
  done();
};

/** Mounts stand outside of the prefix, which Fastify would put before the route of a plugin of its own. */
export const inference = Object.assign(install, { [Symbol.for('skip-override')]: true });

/** Clients that wait for a word before they send the body (RFC 9110 10.1.1). */
const waiting = new WeakSet<IncomingMessage>();

/** Requests that the lane has left to the routes of rewards. */
const passedOn = new WeakSet<IncomingMessage>();

/** Where another plugin takes the feedback of Seldon's clients. */
const FEEDBACK_PATH = '/api/v1.0/feedback';

class MainLane {
  readonly #gateway: Gateway;
  readonly #desk: RewardDesk;
  readonly #paths: PathTable;
  readonly #isReady: () => boolean;
  readonly #isDraining: () => boolean;
  /** Hands a request to the router once more. */
  readonly #route: (request: IncomingMessage, response: ServerResponse) => void;

  constructor(
    { gateway, desk, prefix, isReady, isDraining }: InferenceOptions,
    route: (request: IncomingMessage, response: ServerResponse) => void,
  ) {
    this.#gateway = gateway;
    this.#desk = desk;
    this.#paths = new PathTable(prefix);
    this.#isReady = isReady;
    this.#isDraining = isDraining;
    this.#route = route;
  }

  /** Whether the lane reads or refuses the body of a request, and asks for it itself. */
  takesBody(request: IncomingMessage): boolean {
    const known = this.#find(request);
    return known === null ? !isOwnPath(pathOf(request)) : !isForRewards(known);
  }

  /** Whether a path that has a route is beneath a mount, for a method that the route takes. */
  takesFeedback(request: IncomingMessage): boolean {
    if (request.method !== 'POST' || !isOwnPath(pathOf(request)) || passedOn.has(request)) return false;
    return this.#find(request) !== null;
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    if (isClosing(request)) return void request.resume();
    const reply = new HttpReply(request, response, this.#isDraining);
    const doubt = findFramingDoubt(request);
    const known = this.#find(request);
    const protocol = known?.meaning.protocol;
    if (doubt !== null) {
      reply.closeAfterwards();
      return this.#refuse(request, reply, doubt, protocol);
    }
    if (known === null)
      return this.#refuseSoon(request, reply, new GatewayError('PATH_NOT_FOUND'), this.#formOf(request));
    const { meaning } = known;
    const method = request.method as string;
    if (!meaning.methods.includes(method)) {
      const allow = `allow: ${meaning.methods.join(', ')}\r\n`;
      return this.#refuseSoon(request, reply, new GatewayError('METHOD_NOT_ALLOWED'), protocol, allow);
    }
    const own = serverAnswer(meaning, this.#gateway.snapshot, this.#isReady());
    if (own !== null) return answer(request, reply, meaning.protocol, own);
    if (isForRewards(known)) return this.#passOn(request, response);
    const headers = new ListedHeaders(request.rawHeaders);
    const named = applyModelHeader(known, headers);
    if (named === null) return this.#refuseSoon(request, reply, new GatewayError('BAD_REQUEST', UNFIT_NAME), protocol);
    const head = { method, path: named.path, query: queryOf(request), meaning: named.meaning, headers };
    if (meaning.operation === 'feedback') return this.#receiveFeedback(request, response, reply, head);
    const exchange = this.#open(head, reply);
    if (method === 'GET' || method === 'HEAD') {
      request.resume();
      this.#gateway.predict(exchange);
    } else this.#receive(request, response, exchange);
  }

  #find(request: IncomingMessage): KnownPath | null {
    const paths = this.#paths.of(this.#gateway.snapshot);
    // The router decodes before it matches; what was escaped in the prefix is another path.
    return paths.lookup(pathOf(request), paths.hasHosts ? hostOf(request) : undefined);
  }

  #formOf(request: IncomingMessage): Protocol {
    const paths = this.#paths.of(this.#gateway.snapshot);
    return paths.protocolOf(pathOf(request), paths.hasHosts ? hostOf(request) : undefined);
  }

  #open(head: RequestHead, reply: HttpReply): Exchange {
    const exchange = this.#gateway.open(head, reply);
    reply.onClose(() => this.#gateway.abandon(exchange));
    return exchange;
  }

  /** Beneath the prefix it is the same feedback. */
  #passOn(request: IncomingMessage, response: ServerResponse): void {
    passedOn.add(request);
    request.url = FEEDBACK_PATH;
    this.#route(request, response);
  }

  /** Of a mount: rewards for decisions are counted here, all else is for the deployment. */
  #receiveFeedback(request: IncomingMessage, response: ServerResponse, reply: HttpReply, head: RequestHead): void {
    const { limits } = this.#gateway.snapshot;
    const decision = head.headers.get('makas-decision');
    readBody(
      request,
      { ...limits, bodyBytes: Math.min(limits.bodyBytes, feedbackBytesMax) },
      {
        onWanted() {
          if (waiting.has(request)) response.writeContinue();
        },
        needsWhole: () => true,
        onBody: (body) => {
          const whole = body !== null && 'kind' in body ? null : body;
          const sorted = sortFeedback(whole, request.headers, decision, this.#gateway.decodeBody);
          if (sorted.kind === 'refused') return this.#refuseWith(request, reply, 'seldon-v1', sorted.error);
          if (sorted.kind === 'reward') {
            void countFeedback(this.#desk, sorted.content, decision).then(({ status, content }) => {
              const bytes = Buffer.from(JSON.stringify(content));
              const headers = `content-type: application/json\r\ncontent-length: ${bytes.length}\r\n`;
              answer(request, reply, 'seldon-v1', { status, headers, body: bytes });
            });
            return;
          }
          const exchange = this.#open(head, reply);
          exchange.body = whole;
          exchange.facts.setBody(whole);
          this.#gateway.predict(exchange);
        },
        onError: (error) => this.#refuse(request, reply, error, 'seldon-v1'),
      },
    );
  }

  #receive(request: IncomingMessage, response: ServerResponse, exchange: Exchange): void {
    const gateway = this.#gateway;
    const { limits } = exchange.live.snapshot;
    readBody(request, limits, {
      onWanted() {
        if (waiting.has(request)) response.writeContinue();
      },
      needsWhole: () => gateway.needsWholeBody(exchange),
      onBody(body) {
        if (exchange.isFinished) return;
        exchange.body = body;
        exchange.facts.setBody(body !== null && !('kind' in body) ? body : null);
        gateway.predict(exchange);
      },
      onError: (error) => gateway.refuse(exchange, error),
    });
  }

  /** `#refuse` once a small body is out of the way, so that the connection can be kept. */
  #refuseSoon(
    request: IncomingMessage,
    reply: HttpReply,
    error: GatewayError,
    protocol: Protocol = 'oip',
    more: HeaderBlock = '',
  ): void {
    skipSmallBody(request, () => this.#refuse(request, reply, error, protocol, more));
  }

  /** An error before there is an exchange, in the form of the protocol where it is known. */
  #refuse(
    request: IncomingMessage,
    reply: HttpReply,
    error: GatewayError,
    protocol: Protocol = 'oip',
    more: HeaderBlock = '',
  ): void {
    this.#refuseWith(request, reply, protocol, contentOf(error), more);
  }

  #refuseWith(
    request: IncomingMessage,
    reply: HttpReply,
    protocol: Protocol,
    content: ErrorContent,
    more: HeaderBlock = '',
  ): void {
    this.#gateway.countError(content.code as ErrorCode);
    const { status, headers, body } = errorAnswer(protocol, content);
    const fields = `${headers}makas-error: ${content.code}\r\n${more}`;
    answer(request, reply, protocol, { status, headers: fields, body });
  }
}

/** Whether the routes of rewards take it: feedback that is not for a mount. */
function isForRewards({ meaning, isMounted }: KnownPath): boolean {
  return meaning.operation === 'feedback' && !isMounted;
}

const UNFIT_NAME = 'The model that the header names cannot stand in a path.';

function answer(request: IncomingMessage, reply: HttpReply, protocol: Protocol, own: ServerAnswer): void {
  const fields = namingFields(protocol, new ListedHeaders(request.rawHeaders));
  reply.send(own.status, own.headers + fields, own.body);
}
