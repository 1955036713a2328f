import type { IncomingMessage, ServerResponse } from 'node:http';

import type { FastifyPluginCallback } from 'fastify';

import { errorRegistry, GatewayError } from '../src/core/errors.ts';
import type { Exchange } from '../src/gateway/exchange.ts';
import type { Gateway } from '../src/gateway/gateway.ts';
import { errorBody } from '../src/protocol/error-body.ts';
import { parseInferencePath, type InferencePath } from '../src/protocol/inference-path.ts';
import { readBody } from './inference/body.ts';
import { HttpReply } from './inference/http-reply.ts';
import { answerServerPath } from './inference/server-paths.ts';

export interface InferenceOptions {
  readonly gateway: Gateway;
  /** Path prefix, `''` for none. */
  readonly prefix: string;
  /** Whether the gateway takes requests: for `/v2/health/ready`. */
  readonly isReady: () => boolean;
}

/**
 * The main lane: the inference paths on Fastify. Requests are taken over before Fastify reads a body, because bodies
 * must pass byte for byte whatever they claim to be.
 */
export const inference: FastifyPluginCallback<InferenceOptions> = (fastify, options, done) => {
  const { gateway, isReady } = options;
  const lane = new MainLane(gateway, options.prefix, isReady);
  for (const url of ['/v2', '/v2/*', '/v1/models', '/v1/models/*']) {
    fastify.all(options.prefix + url, {
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

/** Paths are parsed once; clients could ask for endless ones, so the table is emptied when it is full. */
const PATHS_MAX = 4096;

class MainLane {
  readonly #gateway: Gateway;
  readonly #prefix: string;
  readonly #isReady: () => boolean;
  readonly #paths = new Map<string, InferencePath | null>();

  constructor(gateway: Gateway, prefix: string, isReady: () => boolean) {
    this.#gateway = gateway;
    this.#prefix = prefix;
    this.#isReady = isReady;
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url as string;
    const mark = url.indexOf('?');
    const path = (mark === -1 ? url : url.slice(0, mark)).slice(this.#prefix.length);
    const meaning = this.#meaningOf(path);
    if (meaning === null) return refuse(request, response, new GatewayError('PATH_NOT_FOUND'));
    const method = request.method as string;
    if (method !== meaning.method) {
      response.setHeader('allow', meaning.method);
      return refuse(request, response, new GatewayError('METHOD_NOT_ALLOWED'));
    }
    if (meaning.model === '') return answerServerPath(meaning, this.#gateway.snapshot, this.#isReady(), response);
    const exchange = this.#gateway.open(
      {
        method,
        path,
        query: mark === -1 ? '' : url.slice(mark + 1),
        meaning,
        rawHeaders: request.rawHeaders,
        headers: request.headers,
      },
      new HttpReply(request, response),
    );
    if (method === 'GET') {
      request.resume();
      this.#gateway.predict(exchange);
    } else this.#receive(request, exchange);
  }

  #receive(request: IncomingMessage, exchange: Exchange): void {
    const gateway = this.#gateway;
    const { limits } = exchange.live.snapshot;
    readBody(request, limits, {
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

  #meaningOf(path: string): InferencePath | null {
    let meaning = this.#paths.get(path);
    if (meaning === undefined) {
      meaning = parseInferencePath(path);
      if (this.#paths.size >= PATHS_MAX) this.#paths.clear();
      this.#paths.set(path, meaning);
    }
    return meaning;
  }
}

/** An error before there is an exchange. */
function refuse(request: IncomingMessage, response: ServerResponse, error: GatewayError): void {
  const body = errorBody(error.message);
  if (!request.complete) response.setHeader('connection', 'close');
  response.setHeader('content-type', 'application/json');
  response.setHeader('content-length', body.length);
  response.setHeader('makas-error', error.code);
  response.writeHead(errorRegistry[error.code].status);
  response.end(body);
}
