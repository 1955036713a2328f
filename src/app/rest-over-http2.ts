import type { Server } from 'node:http';
import { createServer, type Http2Server, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import { sizeOf, streamHead } from '../edges/http2/node-fields.ts';
import { serverOptions, ServerSessions, type StreamLimits } from '../edges/http2/node-server-sessions.ts';
import { streamError } from '../edges/http2/server-side.ts';
import { errorRegistry } from '../core/errors.ts';
import { connectionErrorAnswer } from '../gateway/connection-error.ts';
import { type Deadlines, Timed } from '../gateway/deadlines.ts';
import { requestIdOf } from '../gateway/request-id.ts';
import { errorBody } from '../protocol/error-answer.ts';
import type { Lane } from './drain.ts';
import { readFirstBytes } from './first-bytes.ts';

export interface RestOverHttp2Options extends StreamLimits {
  /** Whether the server of HTTP/1.1 is one of TLS: ALPN then says what a client speaks. */
  readonly isTls: boolean;
  readonly headerTimeoutMs: number;
  /** For the whole of a request. */
  readonly requestTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly deadlines: Deadlines;
}

type ConnectionListener = (socket: Socket) => void;

/**
 * HTTP/2 on the listener of HTTP/1.1: connections that begin with its preface, or negotiated it, get a server of their
 * own, and their requests go to the same lane as the others.
 */
export class RestOverHttp2 implements Lane {
  readonly #options: RestOverHttp2Options;
  readonly #http2: Http2Server;
  readonly #sessions: ServerSessions;
  /** Connections that have not said yet what they speak. */
  readonly #silent = new Set<Socket>();

  constructor(options: RestOverHttp2Options) {
    this.#options = options;
    const { headerTimeoutMs, keepAliveMs } = options;
    this.#http2 = createServer(serverOptions(options));
    this.#sessions = new ServerSessions({ prefaceMs: headerTimeoutMs, pingMs: 0, maxAgeMs: 0, idleMs: keepAliveMs });
    this.#sessions.watch(this.#http2);
  }

  /** To be called when all that listens for connections of HTTP/1.1 does: it then hears of those alone. */
  attach(server: Server): void {
    const { isTls } = this.#options;
    const event = isTls ? 'secureConnection' : 'connection';
    const listeners = server.listeners(event) as ConnectionListener[];
    const toHttp1 = (socket: Socket): void => {
      for (const listener of listeners) listener.call(server, socket);
    };
    server.removeAllListeners(event);
    server.on(event, (socket: Socket) => {
      if (!isTls) this.#sort(socket, toHttp1);
      else if ((socket as TLSSocket).alpnProtocol === 'h2') this.#http2.emit('connection', socket);
      else toHttp1(socket);
    });
    this.#http2.on('request', (request, response) => {
      if (sizeOf(request.rawHeaders) > this.#options.maxHeaderBytes) return refuseHead(response);
      limitRequest(request, response, this.#options);
      server.emit('request', asHttp1(request), response);
    });
  }

  closeIdleConnections(): void {
    for (const socket of this.#silent) socket.destroy();
    this.#sessions.drain();
  }

  closeAllConnections(): void {
    this.#sessions.destroyAll();
  }

  #sort(socket: Socket, toHttp1: ConnectionListener): void {
    this.#silent.add(socket);
    readFirstBytes(socket, this.#options.headerTimeoutMs, (isHttp2) => {
      this.#silent.delete(socket);
      if (isHttp2 === true) this.#http2.emit('connection', socket);
      else if (isHttp2 === false) toHttp1(socket);
      else refuse(socket);
    });
  }
}

/** As node:http refuses what never becomes a request. */
function refuse(socket: Socket): void {
  socket.on('error', () => {});
  const code = socket.readableEnded ? 'BAD_REQUEST' : 'REQUEST_TIMEOUT';
  if (socket.writable && (!socket.readableEnded || socket.bytesRead > 0)) {
    socket.write(connectionErrorAnswer(code), 'latin1');
  }
  socket.destroySoon();
}

/** node:http2 has no limit of its own. */
function refuseHead(response: Http2ServerResponse): void {
  const { status, message } = errorRegistry.HEADERS_TOO_LARGE;
  const body = errorBody(message);
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  response.writeHead(status, {
    ...headers,
    'makas-error': 'HEADERS_TOO_LARGE',
    'x-request-id': requestIdOf(undefined),
  });
  response.end(body);
}

/** A request that is still on its way. */
class PendingRequest extends Timed {
  readonly #response: Http2ServerResponse;

  constructor(response: Http2ServerResponse) {
    super();
    this.#response = response;
  }

  expire(): void {
    this.#response.stream.close(streamError.CANCEL);
  }
}

function limitRequest(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  { requestTimeoutMs, deadlines }: RestOverHttp2Options,
): void {
  if (request.stream.endAfterHeaders) return;
  const pending = new PendingRequest(response);
  deadlines.set(pending, requestTimeoutMs);
  const clear = (): void => deadlines.clear(pending);
  request.once('end', clear);
  request.once('close', clear);
}

/** The same request as one of HTTP/1.1 has it: a host instead of an authority, and one field of cookies (RFC 9113 8.2.3). */
function asHttp1(request: Http2ServerRequest): Http2ServerRequest {
  const { authority, fields } = streamHead(request.rawHeaders);
  const list: string[] = [];
  let cookies = '';
  let hasHost = false;
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i]!;
    if (name === 'cookie') cookies += cookies === '' ? fields[i + 1]! : `; ${fields[i + 1]!}`;
    else list.push(name, fields[i + 1]!);
    hasHost ||= name === 'host';
  }
  if (cookies !== '') list.push('cookie', cookies);
  if (!hasHost && authority !== '') list.push('host', authority);
  const headers: Record<string, string | string[] | undefined> = Object.create(null);
  for (const [name, value] of Object.entries(request.headers)) if (!name.startsWith(':')) headers[name] = value;
  if (!hasHost && authority !== '') headers['host'] = authority;
  return Object.defineProperties(request, { rawHeaders: { value: list }, headers: { value: headers } });
}
