import { octetClass, TOKEN, VALUE } from './octet-class.ts';

const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/** Where the decoder stands: in front of the octet that the name tells, unless it says otherwise. */
const SIZE = 0;
/** In a size, after its first digit. */
const SIZE_MORE = 1;
const EXTENSION_NAME = 2;
const EXTENSION_NAME_MORE = 3;
const EXTENSION_VALUE = 4;
const EXTENSION_VALUE_MORE = 5;
const QUOTED = 6;
const QUOTED_PAIR = 7;
const AFTER_QUOTED = 8;
const SIZE_LF = 9;
const DATA = 10;
const DATA_CR = 11;
const DATA_LF = 12;
const TRAILER = 13;
const TRAILER_NAME_MORE = 14;
const TRAILER_VALUE = 15;
const TRAILER_LF = 16;
const LAST_LF = 17;
const DONE = 18;

/** 13 digits and fewer are safe integers. */
const SIZE_DIGITS_MAX = 13;
/** Octets of extensions and trailers in one body, which nobody here reads. */
const ASIDE_MAX = 16 * 1024;

/** Fields that would say something else about where the body ends than its chunks did: RFC 9110 6.5.1 forbids them. */
const FRAMING: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding']);
const FRAMING_LENGTH_MAX = 'transfer-encoding'.length;

/** Values of hex digits by octet, -1 for no digit. */
const hexDigits = Int8Array.from({ length: 256 }, (_, octet) => {
  const char = String.fromCharCode(octet);
  return /[0-9A-Fa-f]/.test(char) ? Number.parseInt(char, 16) : -1;
});

/**
 * Takes the chunked coding of a body away, RFC 9112 7.1, as it comes in pieces. Sizes are hex digits and nothing else;
 * every line ends with CRLF; extensions and trailers must be well formed and are dropped, as their total length is
 * limited.
 */
export class ChunkedDecoder {
  /** Where the data of the last piece begins in it, and how much it is: it was moved together there. */
  dataStart = 0;
  dataLength = 0;
  problem = '';
  #state = SIZE;
  /** Octets left of the chunk. */
  #left = 0;
  #digits = 0;
  #aside = 0;
  /** Of a trailer, as far as it matters. */
  #name = '';

  get isDone(): boolean {
    return this.#state === DONE;
  }

  /** Octets of the chunk that are still to come. */
  get left(): number {
    return this.#state === DATA ? this.#left : 0;
  }

  /** Makes it ready for another body. */
  reset(): void {
    this.#state = SIZE;
    this.#left = 0;
    this.#digits = 0;
    this.#aside = 0;
  }

  /**
   * Decodes `bytes[start, end)`, in which it moves the data together. The position up to which the bytes belong to the
   * body, which is before `end` only when the body is done; -1 for what is no chunked coding.
   */
  decode(bytes: Uint8Array, start: number, end: number): number {
    this.dataStart = start;
    this.dataLength = 0;
    let at = start;
    while (at < end && this.#state !== DONE) {
      if (this.#state === DATA) at = this.#take(bytes, at, end);
      else if (!this.#step(bytes[at++]!)) return -1;
    }
    return at;
  }

  #take(bytes: Uint8Array, at: number, end: number): number {
    const length = Math.min(this.#left, end - at);
    if (this.dataLength === 0) this.dataStart = at;
    else bytes.copyWithin(this.dataStart + this.dataLength, at, at + length);
    this.dataLength += length;
    this.#left -= length;
    if (this.#left === 0) this.#state = DATA_CR;
    return at + length;
  }

  /** Reads one octet of the framing; false: it must not be there. */
  #step(octet: number): boolean {
    switch (this.#state) {
      case SIZE:
      case SIZE_MORE:
        return this.#readSize(octet);
      case SIZE_LF:
        if (octet !== LF) return this.#refuse('a chunk size without CRLF');
        this.#state = this.#left > 0 ? DATA : TRAILER;
        return true;
      case DATA_CR:
        this.#state = DATA_LF;
        return octet === CR || this.#refuse('a chunk longer than its size');
      case DATA_LF:
        this.#state = SIZE;
        this.#digits = 0;
        return octet === LF || this.#refuse('a chunk without CRLF');
      case LAST_LF:
        this.#state = DONE;
        return octet === LF || this.#refuse('an end without CRLF');
      default:
        if (++this.#aside > ASIDE_MAX) return this.#refuse('too long extensions or trailers');
        return this.#state < DATA ? this.#readExtension(octet) : this.#readTrailer(octet);
    }
  }

  #readSize(octet: number): boolean {
    const digit = hexDigits[octet]!;
    if (digit !== -1) {
      if (this.#digits++ === 0) this.#left = 0;
      if (this.#digits > SIZE_DIGITS_MAX) return this.#refuse('a too large chunk size');
      this.#left = this.#left * 16 + digit;
      this.#state = SIZE_MORE;
      return true;
    }
    return (this.#state === SIZE_MORE && this.#endsValue(octet)) || this.#refuse('a bad chunk size');
  }

  #readExtension(octet: number): boolean {
    const flags = octetClass[octet]!;
    const isToken = (flags & TOKEN) !== 0;
    let isGood = true;
    if (this.#state === QUOTED) {
      if (octet === QUOTE) this.#state = AFTER_QUOTED;
      else if (octet === BACKSLASH) this.#state = QUOTED_PAIR;
      else isGood = (flags & VALUE) !== 0;
    } else if (this.#state === QUOTED_PAIR) {
      this.#state = QUOTED;
      isGood = (flags & VALUE) !== 0;
    } else if (this.#state === AFTER_QUOTED) isGood = this.#endsValue(octet);
    else if (this.#state === EXTENSION_NAME) {
      this.#state = EXTENSION_NAME_MORE;
      isGood = isToken;
    } else if (this.#state === EXTENSION_VALUE) {
      this.#state = octet === QUOTE ? QUOTED : EXTENSION_VALUE_MORE;
      isGood = isToken || octet === QUOTE;
    } else if (!isToken) {
      if (octet === EQUALS && this.#state === EXTENSION_NAME_MORE) this.#state = EXTENSION_VALUE;
      else isGood = this.#endsValue(octet);
    }
    return isGood || this.#refuse('a bad chunk extension');
  }

  /** Whether the octet may follow a size or an extension. */
  #endsValue(octet: number): boolean {
    if (octet === SEMICOLON) this.#state = EXTENSION_NAME;
    else if (octet === CR) this.#state = SIZE_LF;
    else return false;
    return true;
  }

  #readTrailer(octet: number): boolean {
    const flags = octetClass[octet]!;
    let isGood = true;
    if (this.#state === TRAILER) {
      this.#state = octet === CR ? LAST_LF : TRAILER_NAME_MORE;
      this.#name = String.fromCharCode(octet);
      isGood = octet === CR || (flags & TOKEN) !== 0;
    } else if (this.#state === TRAILER_NAME_MORE) {
      if (octet === COLON) {
        if (FRAMING.has(this.#name.toLowerCase())) return this.#refuse('a trailer that frames');
        this.#state = TRAILER_VALUE;
      } else isGood = (flags & TOKEN) !== 0;
      // One octet more tells that it is none of those.
      if (this.#name.length <= FRAMING_LENGTH_MAX) this.#name += String.fromCharCode(octet);
    } else if (this.#state === TRAILER_VALUE) {
      if (octet === CR) this.#state = TRAILER_LF;
      else isGood = (flags & VALUE) !== 0;
    } else {
      this.#state = TRAILER;
      isGood = octet === LF;
    }
    return isGood || this.#refuse('a bad trailer');
  }

  #refuse(problem: string): boolean {
    this.problem = problem;
    return false;
  }
}
