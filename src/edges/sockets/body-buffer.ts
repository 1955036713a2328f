import { Buffer } from 'node:buffer';

/** What the first byte of a body makes us set aside, at most. */
const FIRST_BYTES = 4096;
/** Smaller buffers are as cheap to make as to keep. */
const KEPT_MIN = 8 * 1024;
/** Larger ones are too rare to keep. */
const KEPT_MAX = 4 * 1024 * 1024;
/** All that are kept together. */
const KEPT_BYTES_MAX = 32 * 1024 * 1024;

/** Buffers that no request uses any more, by their length, a power of two. To make one costs far more than to fill it. */
const kept = new Map<number, Buffer[]>();
let keptBytes = 0;

/**
 * A body of known length that comes in pieces. Memory grows with what has come, not with what was announced, unless there
 * is memory that is used again.
 */
export class BodyBuffer {
  readonly #length: number;
  #buffer: Buffer = Buffer.alloc(0);
  #filled = 0;

  /** `length` in bytes, more than 0. */
  constructor(length: number) {
    this.#length = length;
  }

  get isWhole(): boolean {
    return this.#filled === this.#length;
  }

  /** The whole body. */
  get bytes(): Buffer {
    return this.#buffer.length === this.#length ? this.#buffer : this.#buffer.subarray(0, this.#length);
  }

  /** Copies what belongs to the body of `bytes[start, end)`, and gives how many bytes that were. */
  add(bytes: Buffer, start: number, end: number): number {
    const taken = Math.min(end - start, this.#length - this.#filled);
    const needed = this.#filled + taken;
    if (needed > this.#buffer.length) this.#makeRoom(needed);
    bytes.copy(this.#buffer, this.#filled, start, start + taken);
    this.#filled = needed;
    return taken;
  }

  #makeRoom(needed: number): void {
    const size = sizeFor(this.#length);
    const larger = takeKept(size) ?? Buffer.allocUnsafeSlow(this.#roomFor(needed, size));
    this.#buffer.copy(larger, 0, 0, this.#filled);
    this.#buffer = larger;
  }

  /** Twice as much as before, and from half of the body on the whole of it, in a length that can be kept. */
  #roomFor(needed: number, size: number): number {
    const room = Math.max(needed, 4 * this.#buffer.length, FIRST_BYTES);
    if (room * 2 < this.#length) return room;
    return isKeepable(size) ? size : this.#length;
  }

  /** Nobody uses the bytes any more, now or later: another request may have them. */
  release(): void {
    const buffer = this.#buffer;
    this.#buffer = Buffer.alloc(0);
    const { length } = buffer;
    if (length !== sizeFor(length) || !isKeepable(length) || keptBytes + length > KEPT_BYTES_MAX) return;
    keptBytes += length;
    const same = kept.get(length);
    if (same === undefined) kept.set(length, [buffer]);
    else same.push(buffer);
  }
}

function takeKept(size: number): Buffer | undefined {
  const buffer = kept.get(size)?.pop();
  if (buffer !== undefined) keptBytes -= size;
  return buffer;
}

/** The next power of two. */
function sizeFor(length: number): number {
  return 2 ** Math.ceil(Math.log2(length));
}

function isKeepable(size: number): boolean {
  return size >= KEPT_MIN && size <= KEPT_MAX;
}
