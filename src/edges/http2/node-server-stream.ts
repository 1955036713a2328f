import { Buffer } from 'node:buffer';
import type { ServerHttp2Stream } from 'node:http2';

import { headerList, type HeaderBlock } from '../../protocol/header-block.ts';
import { type ServerStream, type ServerStreamListener, streamError } from './server-side.ts';

/** How long a client may take to read the rest of an answer that is complete on our side. */
const WRITE_LIMIT_MS = 120_000;

/** Makas adds no date: it passes the fields of a model server on. */
const ALL = { endStream: true, sendDate: false };
const UNFINISHED = { waitForTrailers: true, sendDate: false };

/** A stream of node:http2. */
export class NodeServerStream implements ServerStream {
  readonly #stream: ServerHttp2Stream;
  #trailers: HeaderBlock = '';
  #hasRequestEnded: boolean;

  /** `isEnded`: the client had nothing to send but its head. */
  constructor(stream: ServerHttp2Stream, isEnded: boolean) {
    this.#stream = stream;
    this.#hasRequestEnded = isEnded;
    // Whatever it is, the stream closes, and that is heard.
    stream.on('error', ignore);
  }

  listen(listener: ServerStreamListener): void {
    const stream = this.#stream;
    stream.on('close', () => listener.onClose());
    stream.on('drain', () => listener.onDrain());
    if (this.#hasRequestEnded) {
      stream.resume();
      return;
    }
    stream.on('data', (chunk: Buffer) => listener.onData(chunk, 0, chunk.length));
    stream.on('end', () => {
      // A stream that was reset ends as well.
      if (stream.aborted || stream.destroyed) return;
      this.#hasRequestEnded = true;
      listener.onEnd();
    });
  }

  head(status: number, headers: HeaderBlock, isLast: boolean): void {
    if (isLast) this.#respond(status, headers, ALL);
    else this.#respond(status, headers, UNFINISHED);
    if (isLast) this.#stopRequest();
  }

  data(chunk: Uint8Array): boolean {
    return !this.#isOpen() || this.#stream.write(Buffer.from(chunk));
  }

  end(trailers: HeaderBlock): void {
    if (!this.#isOpen()) return;
    this.#trailers = trailers;
    this.#stream.end();
    this.#afterLast();
  }

  whole(status: number, headers: HeaderBlock, body: Uint8Array, trailers: HeaderBlock): void {
    if (!this.#respond(status, headers, UNFINISHED)) return;
    this.#trailers = trailers;
    if (body.length === 0) this.#stream.end();
    else this.#stream.end(Buffer.from(body));
    this.#afterLast();
  }

  reset(code: number): void {
    if (!this.#stream.destroyed) this.#stream.close(code);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  #respond(status: number, headers: HeaderBlock, options: typeof ALL | typeof UNFINISHED): boolean {
    const stream = this.#stream;
    if (!this.#isOpen() || stream.headersSent) return false;
    try {
      if (options === UNFINISHED) stream.once('wantTrailers', () => this.#sendTrailers());
      stream.respond([':status', String(status), ...headerList(headers)], options);
      return true;
    } catch {
      // A field that HTTP/2 does not have.
      stream.close(streamError.INTERNAL_ERROR);
      return false;
    }
  }

  #sendTrailers(): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return;
    try {
      stream.sendTrailers(fieldsOf(this.#trailers));
    } catch {
      stream.close(streamError.INTERNAL_ERROR);
    }
  }

  /** The answer is on its way; a client that does not read it must not hold it for ever. */
  #afterLast(): void {
    const stream = this.#stream;
    if (!this.#hasRequestEnded) stream.once('finish', () => this.#stopRequest());
    if (stream.writableLength === 0) return;
    const timer = setTimeout(() => stream.close(streamError.CANCEL), WRITE_LIMIT_MS).unref();
    stream.once('close', () => clearTimeout(timer));
  }

  /** Whatever more the client has to say is not wanted, RFC 9113 8.1. The trailers leave in the turn after the body. */
  #stopRequest(): void {
    if (this.#hasRequestEnded) return;
    setImmediate(closeSoon, this.#stream);
  }

  #isOpen(): boolean {
    return !this.#stream.destroyed && !this.#stream.closed && !this.#stream.writableEnded;
  }
}

function closeSoon(stream: ServerHttp2Stream): void {
  setImmediate(() => {
    if (!stream.destroyed) stream.close(streamError.NO_ERROR);
  });
}

/** Trailers as node:http2 takes them: it has no list for them. */
function fieldsOf(block: HeaderBlock): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = Object.create(null);
  const list = headerList(block);
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = list[i]!.toLowerCase();
    const value = list[i + 1]!;
    const before = fields[name];
    if (before === undefined) fields[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else fields[name] = [before, value];
  }
  return fields;
}

function ignore(): void {}
