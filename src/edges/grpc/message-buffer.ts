import { Buffer } from 'node:buffer';

import { isFrameStart, prefixBytes } from '../../protocol/grpc/frame.ts';
import { BodyBuffer } from '../sockets/body-buffer.ts';

const NOTHING = Buffer.alloc(0);
/** Longer messages are collected where others were before. */
const SMALL_MAX = 8 * 1024;

/** Why bytes cannot be a message: its first byte is no flag, or it is longer than allowed. */
export type MessageProblem = 'bad-flag' | 'too-large';

/**
 * Collects one length-prefixed message. Memory grows with what comes, not with what the prefix announces, so that a few
 * bytes cannot ask for much of it.
 */
export class MessageBuffer {
  readonly #maxBytes: number;
  #bytes: Buffer = NOTHING;
  #length = 0;
  /** Bytes of the message and its prefix; -1 until the prefix is there. */
  #wanted = -1;
  /** Of a long message, once its prefix is there: what has come of it, with the prefix. */
  #long: BodyBuffer | null = null;
  problem: MessageProblem | null = null;

  /** `maxBytes`: longest message. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  get isWhole(): boolean {
    return this.#length === this.#wanted;
  }

  /** The message with its prefix, once it is whole; before that, what there is of it. Not to be used again after `reset`. */
  get framed(): Buffer {
    return (this.#long?.bytes ?? this.#bytes).subarray(0, this.#length);
  }

  get message(): Buffer {
    return (this.#long?.bytes ?? this.#bytes).subarray(prefixBytes, this.#length);
  }

  get isCompressed(): boolean {
    return (this.#long?.bytes ?? this.#bytes)[0] === 1;
  }

  /** Whether its memory is worth being used again, see `release`. */
  get isLong(): boolean {
    return this.#long !== null;
  }

  /** Nobody uses the message any more, now or later. */
  release(): void {
    this.#long?.release();
    this.#long = null;
  }

  /** Copies what of `bytes[start, end)` belongs to the message, and returns where it ends; the rest is the next one's. */
  add(bytes: Buffer, start: number, end: number): number {
    let at = start;
    if (this.#wanted === -1) {
      if (this.#length === 0 && end - start >= prefixBytes) this.#readPrefix(bytes, start);
      else {
        at = this.#take(bytes, start, end, prefixBytes - this.#length);
        if (this.#length === prefixBytes) this.#readPrefix(this.#bytes, 0);
        else if (this.#length > 0 && !isFrameStart(this.#bytes)) this.problem = 'bad-flag';
      }
      if (this.#wanted === -1 || this.problem !== null) return at;
    }
    if (this.#long === null) return this.#take(bytes, at, end, this.#wanted - this.#length);
    const taken = this.#long.add(bytes, at, end);
    this.#length += taken;
    return at + taken;
  }

  #readPrefix(bytes: Buffer, at: number): void {
    const length = bytes.readUInt32BE(at + 1);
    if (!isFrameStart(bytes, at)) this.problem = 'bad-flag';
    else if (length > this.#maxBytes) this.problem = 'too-large';
    else {
      this.#wanted = prefixBytes + length;
      if (this.#wanted <= SMALL_MAX) return;
      this.#long = new BodyBuffer(this.#wanted);
      this.#long.add(this.#bytes, 0, this.#length);
    }
  }

  /** Begins with another message, in memory of its own. */
  reset(): void {
    this.#bytes = NOTHING;
    this.#long = null;
    this.#length = 0;
    this.#wanted = -1;
  }

  #take(bytes: Buffer, from: number, to: number, most: number): number {
    const count = Math.min(most, to - from);
    const needed = this.#length + count;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, Math.min(this.#wanted, 2 * this.#bytes.length)));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    bytes.copy(this.#bytes, this.#length, from, from + count);
    this.#length = needed;
    return from + count;
  }
}
