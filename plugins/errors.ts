import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import type { FastifyError, FastifyInstance, FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';

import { GatewayError } from '../src/core/errors.ts';
import { connectionErrorAnswer } from '../src/gateway/connection-error.ts';
import type { Logger } from '../src/gateway/ports.ts';
import { requestIdOf } from '../src/gateway/request-id.ts';
import { errorBody } from '../src/protocol/error-answer.ts';
import { headerBlock } from '../src/protocol/header-block.ts';
import { hasBodyLeft } from './inference/framing.ts';
import { HttpReply } from './inference/http-reply.ts';
import { skipSmallBody } from './inference/small-body.ts';

export interface ErrorsOptions {
  readonly logger: Logger;
}

/** The route of what reads paths in its own way, and answers the unknown ones: no path is known by it. */
export const EVERY_PATH = '/*';

/**
 * Every error of a listener in one form: JSON `{"error": message}`, the code in `makas-error`, an `x-request-id`. To be
 * registered before the routes: it learns from them which paths exist.
 */
const install: FastifyPluginCallback<ErrorsOptions> = (fastify, { logger }, done) => {
  const paths = new KnownPaths(fastify);
  const answerNotFound = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const methods = paths.methodsOf(pathOf(request));
    if (methods.length === 0) return answer(request, reply, new GatewayError('PATH_NOT_FOUND'));
    return answer(request, reply.header('allow', methods.join(', ')), new GatewayError('METHOD_NOT_ALLOWED'));
  };
  fastify.setNotFoundHandler(answerNotFound);
  // Sooner than that: before Fastify looks at a body that nobody wants, and finds fault with it.
  fastify.addHook('onRequest', (request, reply, next) => {
    if (request.is404) answerNotFound(request, reply);
    else next();
  });
  fastify.setErrorHandler<FastifyError | GatewayError>((error, request, reply) => {
    const known = knownError(error);
    if (known === null) {
      logger.error(
        { err: error, method: request.method, path: pathOf(request), request_id: idOf(request) },
        'a request failed unexpectedly',
      );
    }
    return answer(request, reply, known ?? new GatewayError('INTERNAL'));
  });
  done();
};

/** The handlers hold for the instance that registers it, not for a child of it. */
export const errors = Object.assign(install, { [Symbol.for('skip-override')]: true });

/**
 * Answers what is not HTTP at all, in place of Node's own bare answer: `clientErrorHandler` of Fastify's options. A
 * connection in the middle of an answer is closed without a word, which would land inside that answer.
 */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  const underWay = answerUnderWay(socket);
  // An end in the middle of a request: the client has left, and nobody waits for the answers before it either.
  const hasLeft = error.code === 'ECONNRESET' || error.code === 'HPE_INVALID_EOF_STATE';
  if (hasLeft || !socket.writable || underWay?.headersSent === true) {
    socket.destroy();
    return;
  }
  // The error is behind a request that is whole, whose answer the client would take this one for.
  if (underWay?.req.complete === true) return closeAfterAnswers(socket);
  socket.end(connectionErrorAnswer(clientErrorCode(error.code)), 'latin1');
}

/** The answer that has its turn on a connection: node:http offers no other way to it. */
function answerUnderWay(socket: Socket): ServerResponse | null {
  return (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage ?? null;
}

function closeAfterAnswers(socket: Socket): void {
  const underWay = answerUnderWay(socket);
  if (underWay === null) socket.end();
  // The rest of this request is behind the error: its answer would be waited for without end.
  else if (!underWay.req.complete) socket.destroy();
  else underWay.once('finish', () => closeAfterAnswers(socket));
}

/** Answers what Fastify refuses before there is a route, such as a path that cannot be decoded: its `frameworkErrors`. */
export function answerFrameworkError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  void answer(request, reply, knownError(error) ?? new GatewayError('INTERNAL'));
}

function clientErrorCode(code: string | undefined): 'HEADERS_TOO_LARGE' | 'REQUEST_TIMEOUT' | 'BAD_REQUEST' {
  if (code === 'HPE_HEADER_OVERFLOW') return 'HEADERS_TOO_LARGE';
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'REQUEST_TIMEOUT' : 'BAD_REQUEST';
}

/** The error as a client may see it; null: not expected, nothing of it may be seen. */
function knownError(error: FastifyError | GatewayError): GatewayError | null {
  if (error instanceof GatewayError) return error;
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new GatewayError('BODY_TOO_LARGE');
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return new GatewayError('BAD_REQUEST', 'The body is not valid JSON.');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new GatewayError('BAD_REQUEST', 'The body must be JSON, with the header content-type: application/json.');
    default: {
      const isClients = error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500;
      return isClients ? new GatewayError('BAD_REQUEST') : null;
    }
  }
}

function answer(request: FastifyRequest, reply: FastifyReply, error: GatewayError): FastifyReply {
  void reply.code(error.status).type('application/json').header('makas-error', error.code);
  if (!reply.hasHeader('x-request-id')) void reply.header('x-request-id', idOf(request));
  const body = errorBody(error.message);
  if (!hasBodyLeft(request.raw)) return reply.send(body);
  const headers = Object.entries(reply.getHeaders()).flatMap(([name, value]) => [name, String(value)]);
  const block = headerBlock([...headers, 'content-length', String(body.length)]);
  reply.hijack();
  skipSmallBody(request.raw, () => new HttpReply(request.raw, reply.raw).send(error.status, block, body));
  return reply;
}

function idOf(request: FastifyRequest): string {
  const { 'x-request-id': id } = request.headers;
  return requestIdOf(typeof id === 'string' ? id : undefined);
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}

/** The paths of an instance and their methods, to tell a wrong method from a wrong path. */
class KnownPaths {
  readonly #paths: { readonly pattern: RegExp; readonly method: string }[] = [];

  constructor(fastify: FastifyInstance) {
    fastify.addHook('onRoute', ({ url, method }) => {
      if (url === EVERY_PATH) return;
      const pattern = patternOf(url);
      for (const one of [method].flat()) this.#paths.push({ pattern, method: one });
    });
  }

  methodsOf(path: string): string[] {
    return [...new Set(this.#paths.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))];
  }
}

/** `/a/:name/*` of Fastify as a regular expression: without nested repetition, so its time is linear. */
function patternOf(url: string): RegExp {
  const parts = url.split('/').map((part) => {
    if (part.startsWith(':')) return '[^/]+';
    return part === '*' ? '.*' : part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('/')}$`);
}
