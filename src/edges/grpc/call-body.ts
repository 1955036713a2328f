import { Buffer } from 'node:buffer';

import { GatewayError } from '../../core/errors.ts';
import type { BodyStream } from '../../gateway/ports.ts';
import { ByteQueue } from '../http2/byte-queue.ts';
import type { ServerStream } from './server-stream.ts';

/** The client is held when this much of its messages waits to be sent on. */
const HELD_MAX = 256 * 1024;

/** The messages of a call that are sent on while they come, with their prefixes. */
export class CallBody implements BodyStream, AsyncIterator<Uint8Array, undefined> {
  readonly kind = 'stream';
  readonly length = null;
  readonly source: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => this.#open() };
  readonly #stream: ServerStream;
  #held = new ByteQueue();
  #isPaused = false;
  #isEnded = false;
  #isBroken = false;
  #wasRead = false;
  #waiting: PromiseWithResolvers<IteratorResult<Uint8Array, undefined>> | null = null;

  constructor(stream: ServerStream) {
    this.#stream = stream;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.#isBroken) return;
    if (this.#waiting !== null) return this.#settle({ done: false, value: Buffer.from(chunk) });
    this.#held.push(chunk, 0, chunk.length);
    if (this.#held.length < HELD_MAX || this.#isPaused) return;
    this.#isPaused = true;
    this.#stream.pause();
  }

  /** Nothing more comes. */
  end(): void {
    this.#isEnded = true;
    this.#settle({ done: true, value: undefined });
  }

  /** The client is gone, or nobody wants the rest. */
  break(): void {
    this.#isBroken = true;
    this.#held = new ByteQueue();
    this.#waiting?.reject(broken());
    this.#waiting = null;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#isBroken) throw broken();
    const value = this.#held.shift();
    if (value !== null) {
      this.#wasRead = true;
      if (this.#isPaused && this.#held.length < HELD_MAX / 2) {
        this.#isPaused = false;
        this.#stream.resume();
      }
      return { done: false, value };
    }
    if (this.#isEnded) return { done: true, value: undefined };
    this.#wasRead = true;
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  #open(): AsyncIterator<Uint8Array, undefined> {
    // What was read is gone: another attempt would send only the rest.
    if (this.#wasRead) this.break();
    return this;
  }

  #settle(result: IteratorResult<Uint8Array, undefined>): void {
    this.#waiting?.resolve(result);
    this.#waiting = null;
  }
}

function broken(): GatewayError {
  return new GatewayError('CLIENT_CLOSED');
}
