/** Of a stream that the peer may still send on: octets of DATA to come when its head said so, else one of these. */
export const AWAITS_HEAD = -1;
export const UNKNOWN_LENGTH = -2;

/** Of a stream that the peer cannot send on, or must not. */
export const IDLE = -3;
/** It has sent END_STREAM. */
export const ENDED = -4;
/** It has reset the stream. */
export const RESET_BY_PEER = -5;
/** We have: what it sent before it knew is ignored. */
export const RESET_BY_US = -6;
/** It was passed over: a stream with a higher number was opened before it, RFC 9113 5.1.1. */
export const SKIPPED = -7;
/** So long ago that nothing is known but that it is over. */
const FORGOTTEN = -8;

/** How many of the last streams are known by how they ended. Frames that cross a reset are few, and soon there. */
const KNOWN_ENDS = 1024;

/**
 * What a reader knows of the streams of its connection, as far as the peer's sending goes (RFC 9113 5.1). A stream that is
 * over costs nothing but an octet in a ring.
 */
export class StreamStates {
  /** The highest number that was opened, 0 for none. Only the numbers of one parity are opened here: clients' ones. */
  last = 0;
  readonly #open = new Map<number, number>();
  /** By (number / 2) modulo its length; how a stream ended, as the complement. */
  readonly #ends = new Uint8Array(KNOWN_ENDS);

  /** Streams that the peer may still send on. */
  get openCount(): number {
    return this.#open.size;
  }

  /** The state of a stream whose number is not 0. Even numbers are always idle: nobody pushes here. */
  of(stream: number): number {
    const state = this.#open.get(stream);
    if (state !== undefined) return state;
    if (stream > this.last || (stream & 1) === 0) return IDLE;
    if (this.last - stream >= KNOWN_ENDS * 2) return FORGOTTEN;
    return ~this.#ends[(stream >> 1) % KNOWN_ENDS]!;
  }

  /** Opens an odd stream beyond `last`; the ones between were passed over. */
  open(stream: number, state: number): void {
    const first = Math.max(this.last + 1, stream - KNOWN_ENDS * 2) | 1;
    for (let passed = first; passed < stream; passed += 2) this.#ends[(passed >> 1) % KNOWN_ENDS] = ~SKIPPED;
    this.last = stream;
    this.#open.set(stream, state);
  }

  /** Changes the state of a stream that is open. */
  set(stream: number, state: number): void {
    this.#open.set(stream, state);
  }

  /** Ends a stream: ENDED, RESET_BY_PEER or RESET_BY_US; a reset may follow the end. Of other streams it does nothing. */
  close(stream: number, end: number): void {
    const state = this.of(stream);
    if (state === IDLE || state <= SKIPPED) return;
    this.#open.delete(stream);
    if (this.last - stream < KNOWN_ENDS * 2) this.#ends[(stream >> 1) % KNOWN_ENDS] = ~end;
  }
}
