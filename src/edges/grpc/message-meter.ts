import { isFrameStart, prefixBytes } from '../../protocol/grpc/frame.ts';

/** Follows messages while they pass: none may be too long, and the last one must be whole. */
export class MessageMeter {
  readonly #maxBytes: number;
  /** Bytes of the prefix under way that have come, and the length that they say so far. */
  #prefix = 0;
  #length = 0;
  /** Bytes of the message under way that are still to come. */
  #left = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether the last message is whole. */
  get isAtEnd(): boolean {
    return this.#prefix === 0 && this.#left === 0;
  }

  /** What is wrong with the next bytes, null for nothing. */
  take(chunk: Uint8Array): 'bad-flag' | 'too-large' | null {
    // Most answers are one message, which comes as a whole.
    if (this.isAtEnd && chunk.length >= prefixBytes && isFrameStart(chunk)) {
      const length = messageLength(chunk);
      if (length === chunk.length - prefixBytes && length <= this.#maxBytes) return null;
    }
    for (let at = 0; at < chunk.length;) {
      if (this.#left > 0) {
        const count = Math.min(this.#left, chunk.length - at);
        this.#left -= count;
        at += count;
        continue;
      }
      if (this.#prefix === 0 && !isFrameStart(chunk, at)) return 'bad-flag';
      this.#length = this.#prefix === 0 ? 0 : this.#length * 256 + chunk[at]!;
      at++;
      if (++this.#prefix < prefixBytes) continue;
      if (this.#length > this.#maxBytes) return 'too-large';
      this.#left = this.#length;
      this.#prefix = 0;
    }
    return null;
  }
}

/** What the prefix at the beginning says. */
function messageLength(chunk: Uint8Array): number {
  return chunk[1]! * 0x1000000 + ((chunk[2]! << 16) | (chunk[3]! << 8) | chunk[4]!);
}
