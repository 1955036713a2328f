import { Buffer } from 'node:buffer';

import { GatewayError } from '../../core/errors.ts';
import type { BodyStream } from '../../gateway/ports.ts';
import { ByteQueue } from '../http2/byte-queue.ts';
import { MessageMeter } from './message-meter.ts';
import { refusalError, type RefusalReason } from './refusals.ts';
import type { ServerStream } from '../http2/server-side.ts';

/** The client is held when this much of its messages waits to be sent on. */
const HELD_MAX = 256 * 1024;

/** The messages of a call that are sent on while they come, with their prefixes. */
export class CallBody implements BodyStream, AsyncIterator<Uint8Array, undefined> {
  readonly kind = 'stream';
  readonly length = null;
  readonly source: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => this.#open() };
  readonly #stream: ServerStream;
  readonly #meter: MessageMeter;
  #held = new ByteQueue();
  #isPaused = false;
  #isEnded = false;
  /** Why nothing more can be read. */
  #broken: GatewayError | null = null;
  #wasRead = false;
  #waiting: PromiseWithResolvers<IteratorResult<Uint8Array, undefined>> | null = null;

  /** `maxBytes`: longest message. */
  constructor(stream: ServerStream, maxBytes: number) {
    this.#stream = stream;
    this.#meter = new MessageMeter(maxBytes);
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0 || this.#broken !== null) return;
    const problem = this.#meter.take(chunk);
    if (problem !== null) return this.#refuse(problem);
    if (this.#waiting !== null) return this.#settle({ done: false, value: Buffer.from(chunk) });
    this.#held.push(chunk, 0, chunk.length);
    if (this.#held.length < HELD_MAX || this.#isPaused) return;
    this.#isPaused = true;
    this.#stream.pause();
  }

  /** Nothing more comes. */
  end(): void {
    if (!this.#meter.isAtEnd) return this.#fail(refusalError('cut-short'));
    this.#isEnded = true;
    this.#settle({ done: true, value: undefined });
  }

  /** The client is gone, or nobody wants the rest. */
  break(): void {
    this.#fail(new GatewayError('CLIENT_CLOSED'));
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#broken !== null) throw this.#broken;
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

  /** What still comes is thrown away. */
  #refuse(reason: RefusalReason): void {
    this.#fail(refusalError(reason));
    if (this.#isPaused) this.#stream.resume();
    this.#isPaused = false;
  }

  #fail(error: GatewayError): void {
    this.#broken ??= error;
    this.#held = new ByteQueue();
    this.#waiting?.reject(this.#broken);
    this.#waiting = null;
  }

  #settle(result: IteratorResult<Uint8Array, undefined>): void {
    this.#waiting?.resolve(result);
    this.#waiting = null;
  }
}
