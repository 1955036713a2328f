import { Buffer } from 'node:buffer';

/** What the first byte of a body makes us set aside, at most. */
const FIRST_BYTES = 4096;
const NOTHING = Buffer.alloc(0);

/** A body of known length that comes in pieces. Memory grows with what has come, not with what was announced. */
export class BodyBuffer {
  readonly #length: number;
  #buffer: Buffer = NOTHING;
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
    return this.#buffer;
  }

  /** Copies what belongs to the body of `bytes[start, end)`, and gives how many bytes that were. */
  add(bytes: Buffer, start: number, end: number): number {
    const taken = Math.min(end - start, this.#length - this.#filled);
    const needed = this.#filled + taken;
    // Many clients send head and body in one write each.
    if (taken === this.#length) this.#buffer = Buffer.from(bytes.subarray(start, start + taken));
    else this.#append(bytes, start, taken, needed);
    this.#filled = needed;
    return taken;
  }

  #append(bytes: Buffer, start: number, taken: number, needed: number): void {
    if (needed > this.#buffer.length) {
      const room = Math.min(this.#length, Math.max(needed, 2 * this.#buffer.length, FIRST_BYTES));
      const larger = Buffer.allocUnsafeSlow(room);
      this.#buffer.copy(larger, 0, 0, this.#filled);
      this.#buffer = larger;
    }
    bytes.copy(this.#buffer, this.#filled, start, start + taken);
  }
}
