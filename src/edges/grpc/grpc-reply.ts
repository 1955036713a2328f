import { Buffer } from 'node:buffer';

import type { Reply } from '../../gateway/ports.ts';
import { findHeader, type HeaderBlock, withoutHeaders } from '../../protocol/header-block.ts';
import { type ServerStream, streamError } from '../http2/server-side.ts';

const NOTHING = Buffer.alloc(0);
const LENGTH: ReadonlySet<string> = new Set(['content-length']);

/** The answer to a call: its status is in the trailers, or in the head when there is nothing else ("Trailers-Only"). */
export class GrpcReply implements Reply {
  readonly #stream: ServerStream;
  #onDrain: (() => void) | null = null;
  /** Whether all of the answer was given to the stream. */
  isComplete = false;

  constructor(stream: ServerStream) {
    this.#stream = stream;
  }

  send(status: number, headers: HeaderBlock, body: Uint8Array | null, trailers: HeaderBlock = ''): void {
    const block = answerHead(headers);
    // Before it is said: the stream may be over at once.
    this.isComplete = true;
    if ((body === null || body.length === 0) && trailers === '') this.#stream.head(status, block, true);
    else this.#stream.whole(status, block, body ?? NOTHING, trailers);
  }

  head(status: number, headers: HeaderBlock): void {
    this.#stream.head(status, answerHead(headers), false);
  }

  write(chunk: Uint8Array): boolean {
    return this.#stream.data(chunk);
  }

  end(trailers: HeaderBlock = ''): void {
    this.isComplete = true;
    this.#stream.end(trailers);
  }

  destroy(): void {
    this.#stream.reset(streamError.INTERNAL_ERROR);
  }

  onDrain(callback: () => void): void {
    this.#onDrain = callback;
  }

  drained(): void {
    this.#onDrain?.();
  }
}

/** Errors of Makas' own come without a type; a length of the body says nothing that the messages do not say. */
function answerHead(headers: HeaderBlock): HeaderBlock {
  const block = findHeader(headers, 'content-length') === undefined ? headers : withoutHeaders(headers, LENGTH);
  return findHeader(block, 'content-type') === undefined ? `content-type: application/grpc\r\n${block}` : block;
}
