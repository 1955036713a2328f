import { Buffer } from 'node:buffer';

/** Frames that a block may be spread over: more of them are a flood, for they need not be as small as that. */
const PARTS_MAX = 16;

/** A block that goes on in CONTINUATION, RFC 9113 4.3: it is put together here until it is whole. */
export class BlockParts {
  /** The stream of the block; 0 when none is under way. */
  stream = 0;
  /** Whether its first frame had END_STREAM. */
  isEnd = false;
  length = 0;
  #bytes: Buffer | null = null;
  #parts = 0;
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  begin(stream: number, isEnd: boolean): void {
    this.stream = stream;
    this.isEnd = isEnd;
    this.length = 0;
    this.#parts = 0;
  }

  /** Adds `bytes[at, to)`; false: it is too much. */
  add(bytes: Buffer, at: number, to: number): boolean {
    const length = this.length + to - at;
    if (length > this.#maxBytes || ++this.#parts > PARTS_MAX) return false;
    if (this.#bytes === null || this.#bytes.length < length) {
      const larger = Buffer.allocUnsafe(length * 2);
      this.#bytes?.copy(larger, 0, 0, this.length);
      this.#bytes = larger;
    }
    bytes.copy(this.#bytes, this.length, at, to);
    this.length = length;
    return true;
  }

  /** Gives up the bytes, of which the first `length` are the block; null when no part was added. */
  take(): Buffer | null {
    const bytes = this.#bytes;
    this.#bytes = null;
    this.stream = 0;
    return bytes;
  }
}
