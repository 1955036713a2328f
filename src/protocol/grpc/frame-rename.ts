import { Buffer } from 'node:buffer';

import { type NamePath, renameAt } from './answer-name.ts';
import { frameMessage, isFrameStart, prefixBytes } from './frame.ts';
import { WireWriter } from './wire.ts';

const BARE: NamePath = [1];
const STREAMED: NamePath = [2, 1];
const nothing = Buffer.alloc(0);
/** Larger messages pass as they are: what is held of a stream must stay small. */
const messageMax = 64 << 20;

/**
 * Renames the model in the answers of ModelStreamInfer, which are bare ModelInferResponse on MLServer and
 * ModelStreamInferResponse{error_message = 1, infer_response = 2} on Triton. Both have bytes in field 1 that may be
 * renamed; Triton's have a message in field 2 whose field 1 is the name, MLServer's have a text there.
 * Holds no more than the message under way; compressed ones that have the name leave without their compression.
 */
export class FrameRename {
  readonly #from: string;
  readonly #to: string;
  readonly #inflate: (message: Buffer) => Buffer;
  /** What has come of the message under way. */
  #held = new WireWriter(0);
  /** Bytes that must be held before there is more to do. */
  #wanted = prefixBytes;
  /** Bytes that pass without being looked at. */
  #passing = 0;

  /** `inflate`: takes the compression off a message; what it throws, `take` throws. */
  constructor(from: string, to: string, inflate: (message: Buffer) => Buffer) {
    this.#from = from;
    this.#to = to;
    this.#inflate = inflate;
  }

  /** The bytes that can leave now. Those that came are not kept. */
  take(chunk: Uint8Array): Buffer {
    this.#held.raw(chunk);
    if (this.#passing === 0 && this.#held.length < this.#wanted) return nothing;
    const bytes = this.#release();
    const out: Buffer[] = [];
    let at = 0;
    this.#wanted = prefixBytes;
    for (;;) {
      if (this.#passing > 0) {
        const end = Math.min(bytes.length, at + this.#passing);
        out.push(bytes.subarray(at, end));
        this.#passing -= end - at;
        at = end;
      }
      if (bytes.length - at < prefixBytes) break;
      const whole = prefixBytes + bytes.readUInt32BE(at + 1);
      if (!isFrameStart(bytes, at) || whole > messageMax) {
        this.#passing = whole;
        continue;
      }
      if (bytes.length - at < whole) {
        this.#wanted = whole;
        break;
      }
      out.push(this.#frame(bytes.subarray(at, at + whole)));
      at += whole;
    }
    this.#held.raw(bytes.subarray(at));
    return out.length === 1 ? out[0]! : Buffer.concat(out);
  }

  /** What is left of a stream that ends in the middle of a message. */
  end(): Buffer {
    return this.#release();
  }

  #release(): Buffer {
    const bytes = this.#held.finish();
    this.#held = new WireWriter(0);
    return bytes;
  }

  #frame(framed: Buffer): Buffer {
    const sent = framed.subarray(prefixBytes);
    const message = framed[0] === 0 ? sent : this.#inflate(sent);
    let renamed = renameAt(message, BARE, this.#from, this.#to);
    if (renamed === message) renamed = renameAt(message, STREAMED, this.#from, this.#to);
    return renamed === message ? framed : frameMessage(renamed);
  }
}
