import { Buffer } from 'node:buffer';
import { Readable } from 'node:stream';

import { GatewayError } from '../../core/errors.ts';
import type { BodyStream } from '../../gateway/ports.ts';

/** Where a body comes from. */
export interface BodySource {
  /** More of the body is wanted. */
  resumeBody(): void;
}

/** Where a body goes. */
export interface BodySink {
  /** The bytes may be changed when the call returns. false: nothing more until `PassingBody.resume`. */
  onPiece(bytes: Buffer): boolean;
  /** All of it was given. */
  onLast(): void;
  /** The rest does not come. */
  onBroken(): void;
}

const NOTHING = Buffer.alloc(0);
/** What is held of a body that nobody has taken yet. A client that is not read any more cannot be seen to leave. */
const HELD_MAX = 64 * 1024;

/** A request body of known length that is sent on while it comes. What comes before somebody takes it is held. */
export class PassingBody implements BodyStream {
  readonly kind = 'stream';
  readonly length: number;
  /** May be opened more than once as long as nothing was read of it. */
  readonly source: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => readableOf(this).iterator() };
  readonly #source: BodySource;
  #left: number;
  #held: Buffer = NOTHING;
  #sink: BodySink | null = null;
  /** Somebody has begun to take it, so it cannot be sent once more. */
  #isOpen = false;
  /** Whether nothing more should be read from where it comes. */
  isBlocked = false;

  /** `length` in bytes, more than 0. */
  constructor(length: number, source: BodySource) {
    this.length = length;
    this.#left = length;
    this.#source = source;
  }

  /** Whether all of it has come. */
  get isReceived(): boolean {
    return this.#left === 0;
  }

  /** Takes what belongs to the body of `bytes[start, end)`, and gives how many bytes that were. */
  add(bytes: Buffer, start: number, end: number): number {
    const taken = Math.min(end - start, this.#left);
    this.#left -= taken;
    const piece = bytes.subarray(start, start + taken);
    const sink = this.#sink;
    if (sink !== null) {
      const isFlowing = sink.onPiece(piece);
      this.isBlocked = !isFlowing && this.#left > 0;
      if (this.#left === 0) this.#end(sink);
    } else if (!this.#isOpen) {
      this.#held = Buffer.concat([this.#held, piece]);
      this.isBlocked = this.#left > 0 && this.#held.length >= HELD_MAX;
    }
    return taken;
  }

  /** The rest goes to the sink; gives what has come so far. The sink calls `resume` when it wants more. */
  open(sink: BodySink): Buffer {
    if (this.#isOpen) throw new Error('the body was sent before');
    const held = this.#held;
    this.#held = NOTHING;
    this.#isOpen = true;
    if (this.#left > 0) this.#sink = sink;
    return held;
  }

  resume(): void {
    if (!this.isBlocked) return;
    this.isBlocked = false;
    this.#source.resumeBody();
  }

  /** Nobody takes more of it, or no more comes. */
  close(): void {
    const sink = this.#sink;
    this.#sink = null;
    this.#isOpen = true;
    this.#held = NOTHING;
    this.isBlocked = false;
    sink?.onBroken();
  }

  #end(sink: BodySink): void {
    this.#sink = null;
    sink.onLast();
  }
}

/** For who takes bodies as streams of node. It is opened when it begins to be read. */
function readableOf(body: PassingBody): Readable {
  let isOpen = false;
  const readable: Readable = new Readable({
    read() {
      if (isOpen) return body.resume();
      isOpen = true;
      const held = body.open({
        onPiece: (bytes) => readable.push(Buffer.from(bytes)),
        onLast: () => readable.push(null),
        onBroken: () => readable.destroy(new GatewayError('CLIENT_CLOSED')),
      });
      if (held.length > 0) readable.push(held);
      if (body.isReceived) readable.push(null);
      else body.resume();
    },
  });
  // Whoever reads it gets them too.
  readable.on('error', () => {});
  return readable;
}
