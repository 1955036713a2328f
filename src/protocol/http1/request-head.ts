import type { Buffer } from 'node:buffer';

import type { HeaderBlock } from '../header-block.ts';
import { DIGIT, octetClass, TOKEN, VALUE } from './octet-class.ts';
import { CONNECTION, CONTENT_LENGTH, HOST, PLAIN, requestFieldKind, UNUSUAL } from './request-field.ts';

/** Results of `RequestHeadReader.read` that are no length. */
export const NEEDS_MORE = 0;
/** Not exactly of the strict form; another parser has to read it, from its first byte. */
export const NOT_STRICT = -1;

const CR = 0x0d;
const LF = 0x0a;
const TAB = 0x09;
const SPACE = 0x20;
const COLON = 0x3a;
const SLASH = 0x2f;
const QUERY = 0x3f;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const ZERO = 0x30;

const METHOD = octetsOf('POST ');
const VERSION = octetsOf(' HTTP/1.1\r\n');
const KEEP_ALIVE = octetsOf('keep-alive');

/** More fields than any client of an inference service sends are left to the main lane. */
const FIELDS_MAX = 128;
/** Lengths with more digits are beyond every limit. */
const LENGTH_DIGITS_MAX = 12;

/** Flags by octet, beside those of octet-class.ts. */
const IN_TARGET = 1;
const IN_HOST = 2;
const IN_ADDRESS = 4;
const places = octetPlaces();

/**
 * Reads the head of a request in the one form that every HTTP/1.1 parser reads alike (RFC 9112): POST with a path as its
 * target; CRLF after each line; names that are tokens and values without control characters; one valid Host; one
 * Content-Length of digits; nothing that asks for another framing, another protocol or a word before the body; and
 * Connection, if at all, once and `keep-alive`.
 *
 * One reader serves all connections: it keeps nothing from one head to the next, and its fields hold for the last head.
 */
export class RequestHeadReader {
  contentLength = -1;
  /** Bits of the names of all fields, see `nameBit`. */
  names = 0;
  #pathEnd = 0;
  #targetEnd = 0;
  #fieldsStart = 0;
  #fieldsEnd = 0;
  #hasHost = false;
  #hasConnection = false;
  /** Where runs of fields that cross to a backend begin and end. */
  readonly #runs = new Int32Array(FIELDS_MAX + 2);
  #runsLength = 0;

  /**
   * Reads the head at the start of `bytes[0, end)`: its length, or NEEDS_MORE when these bytes may become a strict head,
   * or NOT_STRICT when they cannot, or when it would be longer than `maxBytes`. Bytes beyond `end` are never looked at.
   */
  read(bytes: Uint8Array, end: number, maxBytes: number): number {
    this.contentLength = -1;
    this.names = 0;
    this.#hasHost = false;
    this.#hasConnection = false;
    this.#runsLength = 0;
    const limit = end < maxBytes ? end : maxBytes;
    const length = this.#readLines(bytes, limit);
    return length === NEEDS_MORE && end >= maxBytes ? NOT_STRICT : length;
  }

  #readLines(bytes: Uint8Array, end: number): number {
    const first = this.#readRequestLine(bytes, end);
    if (first <= 0) return first;
    const runs = this.#runs;
    let runsLength = 0;
    let run = -1;
    let line = first;
    for (let fields = 0; ; fields++) {
      if (line >= end) return NEEDS_MORE;
      if (bytes[line] === CR) break;
      let at = line;
      while (at < end && (octetClass[bytes[at]!]! & TOKEN) !== 0) at++;
      if (at === end) return NEEDS_MORE;
      if (bytes[at] !== COLON || at === line || fields === FIELDS_MAX) return NOT_STRICT;
      const colon = at++;
      while (at < end && (octetClass[bytes[at]!]! & VALUE) !== 0) at++;
      if (at === end) return NEEDS_MORE;
      if (bytes[at] !== CR) return NOT_STRICT;
      if (at + 1 === end) return NEEDS_MORE;
      if (bytes[at + 1] !== LF) return NOT_STRICT;
      this.names |= nameBit(colon - line, bytes[line]!);
      const kind = requestFieldKind(bytes, line, colon);
      if (kind === PLAIN) {
        if (run === -1) run = line;
      } else {
        if (!this.#note(kind, bytes, colon + 1, at)) return NOT_STRICT;
        if (run !== -1) {
          runs[runsLength++] = run;
          runs[runsLength++] = line;
          run = -1;
        }
      }
      line = at + 2;
    }
    if (line + 1 === end) return NEEDS_MORE;
    if (bytes[line + 1] !== LF || this.contentLength === -1 || !this.#hasHost) return NOT_STRICT;
    if (run !== -1) {
      runs[runsLength++] = run;
      runs[runsLength++] = line;
    }
    this.#runsLength = runsLength;
    this.#fieldsStart = first;
    this.#fieldsEnd = line;
    return line + 2;
  }

  /** The position after the line. */
  #readRequestLine(bytes: Uint8Array, end: number): number {
    for (let i = 0; i < METHOD.length; i++) {
      if (i === end) return NEEDS_MORE;
      if (bytes[i] !== METHOD[i]) return NOT_STRICT;
    }
    let at = METHOD.length;
    if (at === end) return NEEDS_MORE;
    if (bytes[at] !== SLASH) return NOT_STRICT;
    while (at < end && (places[bytes[at]!]! & IN_TARGET) !== 0 && bytes[at] !== QUERY) at++;
    this.#pathEnd = at;
    while (at < end && (places[bytes[at]!]! & IN_TARGET) !== 0) at++;
    this.#targetEnd = at;
    for (let i = 0; i < VERSION.length; i++, at++) {
      if (at === end) return NEEDS_MORE;
      if (bytes[at] !== VERSION[i]) return NOT_STRICT;
    }
    return at;
  }

  /** Takes in a field that does not cross; false: it is not strict. */
  #note(kind: number, bytes: Uint8Array, from: number, to: number): boolean {
    if (kind === UNUSUAL) return false;
    let start = from;
    let end = to;
    while (start < end && isBlank(bytes[start]!)) start++;
    while (end > start && isBlank(bytes[end - 1]!)) end--;
    if (kind === HOST) {
      if (this.#hasHost || !isHost(bytes, start, end)) return false;
      this.#hasHost = true;
    } else if (kind === CONTENT_LENGTH) {
      if (this.contentLength !== -1) return false;
      this.contentLength = lengthOf(bytes, start, end);
      return this.contentLength !== -1;
    } else if (kind === CONNECTION) {
      if (this.#hasConnection || !isKeepAlive(bytes, start, end)) return false;
      this.#hasConnection = true;
    }
    return true;
  }

  /** The path of the target as it came. The bytes are those that were read, here and below. */
  path(bytes: Buffer): string {
    return bytes.toString('latin1', METHOD.length, this.#pathEnd);
  }

  /** What follows the first `?`; `''` for none. */
  query(bytes: Buffer): string {
    return this.#pathEnd === this.#targetEnd ? '' : bytes.toString('latin1', this.#pathEnd + 1, this.#targetEnd);
  }

  /** All fields as they came. */
  fields(bytes: Buffer): HeaderBlock {
    return bytes.toString('latin1', this.#fieldsStart, this.#fieldsEnd);
  }

  /** The part of `fields` that crosses to a backend, as `upstreamFields` of header-crossing.ts would have it. */
  upstream(fields: HeaderBlock): HeaderBlock {
    const runs = this.#runs;
    const shift = this.#fieldsStart;
    let block = '';
    for (let i = 0; i < this.#runsLength; i += 2) block += fields.slice(runs[i]! - shift, runs[i + 1]! - shift);
    return block;
  }
}

/**
 * A bit for a field name: where `RequestHeadReader.names` lacks it, there is no field with a name of this length and
 * first letter. `first` is the code of the first letter in either case.
 */
export function nameBit(length: number, first: number): number {
  return 1 << ((length * 3 + (first | 0x20)) & 31);
}

/** A length in decimal digits, or -1. */
function lengthOf(bytes: Uint8Array, start: number, end: number): number {
  if (start === end || end - start > LENGTH_DIGITS_MAX) return -1;
  let length = 0;
  for (let at = start; at < end; at++) {
    if ((octetClass[bytes[at]!]! & DIGIT) === 0) return -1;
    length = length * 10 + bytes[at]! - ZERO;
  }
  return length;
}

/** `uri-host [":" port]` of RFC 9110 7.2: no user, no path, no list. It may be empty. */
function isHost(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  if (bytes[at] === OPEN && at < end) {
    at++;
    while (at < end && (places[bytes[at]!]! & IN_ADDRESS) !== 0) at++;
    if (at === start + 1 || at === end || bytes[at] !== CLOSE) return false;
    at++;
  } else while (at < end && (places[bytes[at]!]! & IN_HOST) !== 0) at++;
  if (at < end && bytes[at] === COLON) {
    at++;
    while (at < end && (octetClass[bytes[at]!]! & DIGIT) !== 0) at++;
  }
  return at === end;
}

function isKeepAlive(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== KEEP_ALIVE.length) return false;
  for (let i = 0; i < KEEP_ALIVE.length; i++) {
    const octet = bytes[start + i]!;
    const wanted = KEEP_ALIVE[i]!;
    if (octet !== wanted && (octet < 0x41 || octet > 0x5a || octet + 0x20 !== wanted)) return false;
  }
  return true;
}

function isBlank(octet: number): boolean {
  return octet === SPACE || octet === TAB;
}

function octetsOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** Targets: visible ASCII without `#`, RFC 9112 3.2. Hosts: unreserved, sub-delims without the comma, `%`, RFC 3986 3.2.2. */
function octetPlaces(): Uint8Array {
  const flags = new Uint8Array(256);
  for (let octet = 0; octet < 256; octet++) {
    const char = String.fromCharCode(octet);
    if (octet > 0x20 && octet < 0x7f && char !== '#') flags[octet]! |= IN_TARGET;
    if (/[A-Za-z0-9._~%!$&'()*+;=-]/.test(char)) flags[octet]! |= IN_HOST;
    if (/[0-9A-Fa-f:.]/.test(char)) flags[octet]! |= IN_ADDRESS;
  }
  return flags;
}
