import { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

import type { Reply } from '../../src/gateway/ports.ts';
import { headerList, type HeaderBlock } from '../../src/protocol/header-block.ts';
import { hasBodyLeft, isHttp2 } from './framing.ts';

/** How long the rest of a body is still read after the answer, so that the client gets to see the answer. */
const LINGER_MS = 2000;
/** How long a client may take to read the rest of an answer that is complete on our side. */
const WRITE_LIMIT_MS = 120_000;

/**
 * Node writes head and body in one plain write when the body is text. Latin-1 text is bytes one to one, and cheaper than
 * a vectored write as long as the copy is small.
 */
const ONE_STRING_MAX = 8192;

const NOTHING = Buffer.alloc(0);

/** Error code of HTTP/2, RFC 9113 7. */
const NO_ERROR = 0;
/** With an error a stream is reset; without one an answer that is cut short would look complete. */
const INCOMPLETE = new Error('the answer cannot be completed');

/** Connections that are to be closed after an answer: requests that come behind it are not begun. */
const closing = new WeakSet<Socket>();

export function isClosing(request: IncomingMessage): boolean {
  return closing.has(request.socket);
}

/** The answer side of the main lane: a node:http response. */
export class HttpReply implements Reply {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #isDraining: () => boolean;
  #mustClose = false;

  constructor(request: IncomingMessage, response: ServerResponse, isDraining: () => boolean = () => false) {
    this.#request = request;
    this.#response = response;
    this.#isDraining = isDraining;
  }

  /** Closes the connection after the answer: what follows on it cannot be trusted. */
  closeAfterwards(): void {
    this.#mustClose = true;
  }

  send(status: number, headers: HeaderBlock, body: Uint8Array | null): void {
    if (this.#response.headersSent || this.#response.destroyed) return;
    this.#writeHead(status, headers);
    if (body === null || body.length === 0) this.end();
    else if (this.#mustLinger()) {
      this.#response.write(Buffer.from(body));
      this.end();
    } else {
      if (body.length <= ONE_STRING_MAX && !isHttp2(this.#request)) this.#response.end(asLatin1(body), 'latin1');
      else this.#response.end(Buffer.from(body));
      this.#boundWriting();
      this.#stopRequest();
    }
  }

  head(status: number, headers: HeaderBlock): void {
    this.#writeHead(status, headers);
    // Without this the head would wait for the first piece of the body, which may be long in coming. `flushHeaders`
    // would write it as UTF-8, and header fields are bytes (RFC 9110 5.5).
    this.#response.write(NOTHING);
  }

  write(chunk: Uint8Array): boolean {
    return this.#response.write(Buffer.from(chunk));
  }

  end(): void {
    if (this.#mustLinger()) return this.#endLater();
    this.#response.end();
    this.#boundWriting();
    this.#stopRequest();
  }

  /** What is left of a request over HTTP/2 is not wanted once it is answered, RFC 9113 8.1. */
  #stopRequest(): void {
    const stream = http2Stream(this.#response);
    if (stream === null || this.#request.complete) return;
    this.#response.once('finish', () => {
      if (!stream.destroyed) stream.close(NO_ERROR);
    });
  }

  /** A client that does not read its answer must not hold it for ever. Most answers have left already. */
  #boundWriting(): void {
    const response = this.#response;
    if (response.writableLength === 0) return;
    const timer = setTimeout(() => response.destroy(), WRITE_LIMIT_MS).unref();
    response.once('close', () => clearTimeout(timer));
  }

  destroy(): void {
    const response = this.#response;
    const stream = http2Stream(response);
    if (stream !== null) return void stream.destroy(INCOMPLETE);
    // One that waits behind the answer to an earlier request has no socket yet: node would write the beginning of it then,
    // and nothing would tell the client that the rest does not come.
    if (response.socket === null) response.once('socket', (socket: Socket) => socket.destroySoon());
    response.destroy();
  }

  onDrain(callback: () => void): void {
    this.#response.on('drain', callback);
  }

  /** Calls back when the connection is closed, or the answer complete. */
  onClose(callback: () => void): void {
    this.#response.on('close', callback);
  }

  /** Not when the framing is in doubt: then nothing more is read. */
  #mustLinger(): boolean {
    return !this.#mustClose && hasBodyLeft(this.#request);
  }

  /** What is left of a body that nobody reads must not be taken for the next request, nor be waited for. */
  #writeHead(status: number, headers: HeaderBlock): void {
    const mustClose = this.#mustClose || hasBodyLeft(this.#request);
    const isLast = !isHttp2(this.#request) && (mustClose || this.#isDraining());
    this.#response.writeHead(status, headerList(isLast ? `${headers}connection: close\r\n` : headers));
    if (mustClose && !isHttp2(this.#request)) closing.add(this.#request.socket);
  }

  /**
   * To close a connection on which bytes arrive resets it, and the client may lose the answer that it was about to read
   * (RFC 9112 9.6). So what still arrives is read and thrown away for a while.
   */
  #endLater(): void {
    const request = this.#request;
    const finish = (): void => {
      clearTimeout(timer);
      request.off('end', finish);
      request.off('close', finish);
      this.#response.end();
    };
    const timer = setTimeout(finish, LINGER_MS);
    timer.unref();
    request.on('end', finish);
    request.on('close', finish);
    request.on('error', () => {});
    request.on('data', () => {});
    request.resume();
  }
}

/** The stream of an answer over HTTP/2, null for one over HTTP/1.1. */
function http2Stream(response: ServerResponse): ServerHttp2Stream | null {
  return (response as ServerResponse & { readonly stream?: ServerHttp2Stream }).stream ?? null;
}

function asLatin1(body: Uint8Array): string {
  const { buffer, byteOffset, length } = body;
  return Buffer.from(buffer, byteOffset, length).toString('latin1');
}
