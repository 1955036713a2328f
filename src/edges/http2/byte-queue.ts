import { Buffer } from 'node:buffer';

/** Shorter pieces share memory of this length: each by itself they would take many times theirs. */
const SHARED_BYTES = 2048;

/** Bytes that wait, first in, first out. */
export class ByteQueue {
  /** Octets that wait. */
  length = 0;
  readonly #pieces: Buffer[] = [];
  /** Where what waits begins in the first piece, and where it ends in the last. */
  #start = 0;
  #lastEnd = 0;

  /** The first piece, of which `[start, end)` waits; there must be one. */
  get first(): Buffer {
    return this.#pieces[0]!;
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#pieces.length === 1 ? this.#lastEnd : this.first.length;
  }

  /** Copies `bytes[from, to)`. */
  push(bytes: Uint8Array, from: number, to: number): void {
    const count = to - from;
    const part = from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to);
    let last = this.#pieces.at(-1);
    if (last === undefined || count > last.length - this.#lastEnd) {
      this.#closeLast();
      last = Buffer.allocUnsafe(Math.max(count, SHARED_BYTES));
      this.#pieces.push(last);
      this.#lastEnd = 0;
    }
    last.set(part, this.#lastEnd);
    this.#lastEnd += count;
    this.length += count;
  }

  /** Takes `bytes[from, ...)` as they are: they must not change until they are taken out. */
  keep(bytes: Buffer, from: number): void {
    this.#closeLast();
    this.#pieces.push(from === 0 ? bytes : bytes.subarray(from));
    this.#lastEnd = bytes.length - from;
    this.length += bytes.length - from;
  }

  /** Takes octets off the first piece: no more than it has. */
  drop(octets: number): void {
    this.#start += octets;
    this.length -= octets;
    if (this.#start < this.end) return;
    this.#pieces.shift();
    this.#start = 0;
  }

  /** The last piece gets nothing more. */
  #closeLast(): void {
    const last = this.#pieces.at(-1);
    if (last !== undefined && this.#lastEnd < last.length)
      this.#pieces[this.#pieces.length - 1] = last.subarray(0, this.#lastEnd);
  }

  /** Takes all of the first piece, which is the caller's then; null when nothing waits. */
  shift(): Buffer | null {
    if (this.length === 0) return null;
    const piece = this.first.subarray(this.#start, this.end);
    this.drop(piece.length);
    return piece;
  }
}
