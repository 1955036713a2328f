import { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { FastifyPluginCallback } from 'fastify';

import { GatewayError } from '../src/core/errors.ts';
import type { Exchange } from '../src/gateway/exchange.ts';
import type { Gateway } from '../src/gateway/gateway.ts';
import { PathTable } from '../src/gateway/path-table.ts';
import { ListedHeaders } from '../src/gateway/request-headers.ts';
import { requestIdOf } from '../src/gateway/request-id.ts';
import { errorBody } from '../src/protocol/error-body.ts';
import type { HeaderBlock } from '../src/protocol/header-block.ts';
import { readBody } from './inference/body.ts';
import { findFramingDoubt } from './inference/framing.ts';
import { HttpReply, isClosing } from './inference/http-reply.ts';
import { serverAnswer } from './inference/server-paths.ts';

export interface InferenceOptions {
  readonly gateway: Gateway;
  /** Path prefix, `''` for none. */
  readonly prefix: string;
  /** Whether the gateway takes requests: for `/v2/health/ready`. */
  readonly isReady: () => boolean;
  /** Whether it is shutting down: then connections are closed after their answers. */
  readonly isDraining: () => boolean;
}

/**
 * The main lane: the inference paths on Fastify. Requests are taken over before Fastify reads a body, because bodies
 * must pass byte for byte whatever they claim to be.
 */
export const inference: FastifyPluginCallback<InferenceOptions> = (fastify, options, done) => {
  const { prefix } = options;
  const lane = new MainLane(options);
  // Without a listener node:http asks for every body at once, also for those that are then refused.
  fastify.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (isTaken(request, prefix)) waiting.add(request);
    else response.writeContinue();
    fastify.server.emit('request', request, response);
  });
  // What else a client may expect is not known here and may be ignored, RFC 9110 10.1.1.
  fastify.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    fastify.server.emit('request', request, response);
  });
  for (const url of ['/v2', '/v2/*', '/v1/models', '/v1/models/*']) {
    // Fastify puts the prefix before it: `prefix` is an option that it knows.
    fastify.all(url, {
      onRequest: (request, reply) => {
        reply.hijack();
        lane.take(request.raw, reply.raw);
      },
      // Never reached: the request is answered above.
      handler: () => undefined,
    });
  }
  done();
};

/** Clients that wait for a word before they send the body (RFC 9110 10.1.1). */
const waiting = new WeakSet<IncomingMessage>();

/** Whether the lane takes the request, by the look of its path; it then asks for the body itself. */
function isTaken(request: IncomingMessage, prefix: string): boolean {
  const url = request.url ?? '';
  return url.startsWith(`${prefix}/v2/`) || url.startsWith(`${prefix}/v1/models/`);
}

const JSON_TYPE: HeaderBlock = 'content-type: application/json\r\n';

class MainLane {
  readonly #gateway: Gateway;
  readonly #paths: PathTable;
  readonly #isReady: () => boolean;
  readonly #isDraining: () => boolean;

  constructor({ gateway, prefix, isReady, isDraining }: InferenceOptions) {
    this.#gateway = gateway;
    this.#paths = new PathTable(prefix);
    this.#isReady = isReady;
    this.#isDraining = isDraining;
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    if (isClosing(request)) return void request.resume();
    const reply = new HttpReply(request, response, this.#isDraining);
    const doubt = findFramingDoubt(request);
    if (doubt !== null) {
      reply.closeAfterwards();
      return this.#refuse(request, reply, doubt);
    }
    const url = request.url as string;
    const mark = url.indexOf('?');
    const whole = mark === -1 ? url : url.slice(0, mark);
    // The router decodes before it matches; what was escaped in the prefix is another path.
    const known = this.#paths.lookup(whole);
    if (known === null) return this.#refuse(request, reply, new GatewayError('PATH_NOT_FOUND'));
    const { path, meaning } = known;
    const method = request.method as string;
    if (method !== meaning.method)
      return this.#refuse(request, reply, new GatewayError('METHOD_NOT_ALLOWED'), `allow: ${meaning.method}\r\n`);
    if (meaning.model === '') {
      const { status, content } = serverAnswer(meaning, this.#gateway.snapshot, this.#isReady());
      return answer(request, reply, status, JSON_TYPE, Buffer.from(JSON.stringify(content)));
    }
    const exchange = this.#gateway.open(
      {
        method,
        path,
        query: mark === -1 ? '' : url.slice(mark + 1),
        meaning,
        headers: new ListedHeaders(request.rawHeaders),
      },
      reply,
    );
    reply.onClose(() => this.#gateway.abandon(exchange));
    if (method === 'GET') {
      request.resume();
      this.#gateway.predict(exchange);
    } else this.#receive(request, response, exchange);
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

  /** An error before there is an exchange. */
  #refuse(request: IncomingMessage, reply: HttpReply, error: GatewayError, headers: HeaderBlock = ''): void {
    this.#gateway.countError(error.code);
    answer(
      request,
      reply,
      error.status,
      `${JSON_TYPE}makas-error: ${error.code}\r\n${headers}`,
      errorBody(error.message),
    );
  }
}

function answer(request: IncomingMessage, reply: HttpReply, status: number, headers: HeaderBlock, body: Buffer): void {
  const { 'x-request-id': id } = request.headers;
  const requestId = requestIdOf(typeof id === 'string' ? id : undefined);
  reply.send(status, `${headers}x-request-id: ${requestId}\r\ncontent-length: ${body.length}\r\n`, body);
}
