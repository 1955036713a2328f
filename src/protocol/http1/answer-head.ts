import type { Buffer } from 'node:buffer';

import { headerList, type HeaderBlock } from '../header-block.ts';
import { answerFields } from '../header-crossing.ts';
import { answerFieldKind, CONNECTION, CONTENT_LENGTH, DROPPED, KEEP_ALIVE, TRANSFER_ENCODING } from './answer-field.ts';
import { DIGIT, octetClass, TOKEN, VALUE } from './octet-class.ts';

/** Results of `AnswerHeadReader.read` that are no position. */
export const NEEDS_MORE = 0;
export const IS_BAD = -1;

const CR = 0x0d;
const LF = 0x0a;
const TAB = 0x09;
const SPACE = 0x20;
const COLON = 0x3a;
const ZERO = 0x30;

/** `HTTP/1.`; the digit after it is the minor version. */
const VERSION = Uint8Array.from('HTTP/1.', (char) => char.charCodeAt(0));
/** Lengths with more digits are no lengths of this world, and no safe integers. */
const LENGTH_DIGITS_MAX = 15;

/**
 * Reads the head of an HTTP/1 answer by RFC 9112 and nothing laxer: no bare LF, no folded lines, no blanks before a colon,
 * no control characters; one Content-Length of digits, or `chunked` alone as Transfer-Encoding, not both. One thing is
 * taken that the grammar has not: the blank after the status code may be missing where no reason phrase follows.
 *
 * One reader serves all connections: it keeps nothing from one head to the next, and its fields hold for the last head.
 */
export class AnswerHeadReader {
  status = 0;
  /** The fields that cross to the client: what `answerFields` makes of the fields of the head. */
  headers: HeaderBlock = '';
  /** Of the field Content-Length; -1 when there is none. */
  contentLength = -1;
  isChunked = false;
  /** Whether the endpoint lets the connection be used again after this answer. */
  keepsAlive = false;
  /** Seconds that the endpoint keeps an idle connection, of `Keep-Alive: timeout=`; -1 when it does not say. */
  keepAliveSeconds = -1;
  /** What is wrong with a head that is bad; for logs. */
  problem = '';
  #minor = 1;
  #hasClose = false;
  #hasKeepAlive = false;
  /** Whether the block cannot be cut out of the head: blanks to take away, or fields that `Connection` names. */
  #isOdd = false;

  /**
   * Reads one head from `bytes[start, end)`: the position after it, or NEEDS_MORE when it is not whole yet, or IS_BAD.
   * Bytes beyond `end` are never looked at.
   */
  read(bytes: Buffer, start: number, end: number): number {
    this.contentLength = -1;
    this.isChunked = false;
    this.keepAliveSeconds = -1;
    this.#hasClose = false;
    this.#hasKeepAlive = false;
    this.#isOdd = false;
    const first = this.#readStatusLine(bytes, start, end);
    if (first <= 0) return first;
    let line = first;
    let block = '';
    // Fields that cross and follow each other are cut out at once.
    let run = first;
    for (;;) {
      if (line >= end) return NEEDS_MORE;
      if (bytes[line] === CR) break;
      let at = line;
      while (at < end && (octetClass[bytes[at]!]! & TOKEN) !== 0) at++;
      if (at === end) return NEEDS_MORE;
      if (bytes[at] !== COLON || at === line) return this.#refuse('a line that is no field');
      const colon = at++;
      while (at < end && (octetClass[bytes[at]!]! & VALUE) !== 0) at++;
      if (at + 1 >= end) return at === end || bytes[at] === CR ? NEEDS_MORE : this.#refuse('a bad value');
      if (bytes[at] !== CR || bytes[at + 1] !== LF) return this.#refuse('a bad value');
      if (!isCanonical(bytes, colon + 1, at)) this.#isOdd = true;
      const kind = answerFieldKind(bytes, line, colon);
      if (kind !== 0 && !this.#note(kind, bytes, colon + 1, at)) return IS_BAD;
      if (kind >= DROPPED) {
        if (run < line) block += bytes.toString('latin1', run, line);
        run = at + 2;
      }
      line = at + 2;
    }
    if (line + 1 >= end) return NEEDS_MORE;
    if (bytes[line + 1] !== LF) return this.#refuse('a bare CR');
    if (this.isChunked && (this.contentLength !== -1 || this.#minor === 0))
      return this.#refuse('Transfer-Encoding where it must not be');
    if (this.#isOdd) this.headers = answerFields(headerList(bytes.toString('latin1', first, line)));
    else this.headers = run < line ? block + bytes.toString('latin1', run, line) : block;
    this.keepsAlive = !this.#hasClose && (this.#minor === 1 || this.#hasKeepAlive);
    return line + 2;
  }

  /** The position after the line. */
  #readStatusLine(bytes: Buffer, start: number, end: number): number {
    for (let i = 0; i < VERSION.length; i++) {
      if (start + i >= end) return NEEDS_MORE;
      if (bytes[start + i] !== VERSION[i]) return this.#refuse('not HTTP/1');
    }
    // `HTTP/1.1 200` and CRLF is the shortest; to wait for all of it does no harm.
    if (end - start < VERSION.length + 7) return NEEDS_MORE;
    let at = start + VERSION.length;
    const minor = bytes[at]! - ZERO;
    const hundreds = bytes[at + 2]!;
    const tens = bytes[at + 3]!;
    const ones = bytes[at + 4]!;
    const areDigits = octetClass[hundreds]! & octetClass[tens]! & octetClass[ones]! & DIGIT;
    if (minor >> 1 !== 0 || bytes[at + 1] !== SPACE || areDigits === 0 || hundreds === ZERO)
      return this.#refuse('a bad status line');
    this.#minor = minor;
    this.status = (hundreds - ZERO) * 100 + (tens - ZERO) * 10 + ones - ZERO;
    at += 5;
    if (bytes[at] === SPACE) while (at < end && (octetClass[bytes[at]!]! & VALUE) !== 0) at++;
    if (at === end) return NEEDS_MORE;
    if (bytes[at] !== CR) return this.#refuse('a bad status line');
    if (at + 1 === end) return NEEDS_MORE;
    return bytes[at + 1] === LF ? at + 2 : this.#refuse('a bare CR');
  }

  /** Takes in a field that frames the answer or rules its connection; false: it is bad. */
  #note(kind: number, bytes: Buffer, from: number, to: number): boolean {
    if (kind === DROPPED) return true;
    let start = from;
    while (start < to && isBlank(bytes[start]!)) start++;
    // Blanks after a length or a coding are taken for a part of it by some, so they are not taken away.
    if (kind === CONTENT_LENGTH) return this.#noteLength(bytes, start, to);
    if (kind === TRANSFER_ENCODING) {
      if (this.isChunked || !isWord(bytes, start, to, CHUNKED))
        return this.#refuseField('an unknown Transfer-Encoding');
      this.isChunked = true;
      return true;
    }
    let end = to;
    while (end > start && isBlank(bytes[end - 1]!)) end--;
    if (kind === CONNECTION) this.#noteConnection(bytes, start, end);
    else if (kind === KEEP_ALIVE) this.#noteTimeout(bytes, start, end);
    // Nothing defines Proxy-Connection for answers, and some read `close` in it.
    else this.#hasClose = true;
    return true;
  }

  #noteTimeout(bytes: Buffer, start: number, end: number): void {
    const seconds = timeoutOf(bytes, start, end);
    if (this.keepAliveSeconds === -1 || (seconds !== -1 && seconds < this.keepAliveSeconds))
      this.keepAliveSeconds = seconds;
  }

  #noteLength(bytes: Buffer, start: number, end: number): boolean {
    if (this.contentLength !== -1 || start === end || end - start > LENGTH_DIGITS_MAX)
      return this.#refuseField('a bad Content-Length');
    let length = 0;
    for (let at = start; at < end; at++) {
      const digit = bytes[at]! - ZERO;
      if (digit < 0 || digit > 9) return this.#refuseField('a bad Content-Length');
      length = length * 10 + digit;
    }
    this.contentLength = length;
    return true;
  }

  #noteConnection(bytes: Buffer, start: number, end: number): void {
    if (isWord(bytes, start, end, KEEP)) {
      this.#hasKeepAlive = true;
      return;
    }
    if (isWord(bytes, start, end, CLOSE)) {
      this.#hasClose = true;
      return;
    }
    this.#isOdd = true;
    for (const option of bytes.toString('latin1', start, end).toLowerCase().split(',')) {
      const name = option.replace(/^[\t ]+|[\t ]+$/g, '');
      if (name === 'close') this.#hasClose = true;
      if (name === 'keep-alive') this.#hasKeepAlive = true;
    }
  }

  #refuseField(problem: string): false {
    this.problem = problem;
    return false;
  }

  #refuse(problem: string): typeof IS_BAD {
    this.problem = problem;
    return IS_BAD;
  }
}

const CHUNKED = octetsOf('chunked');
const KEEP = octetsOf('keep-alive');
const CLOSE = octetsOf('close');
const TIMEOUT = octetsOf('timeout=');

/** Whether `bytes[start, end)` is this lower-case word, in any case. */
function isWord(bytes: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) {
    const octet = bytes[start + i]!;
    const wanted = word[i]!;
    if (octet !== wanted && (octet < 0x41 || octet > 0x5a || octet + 0x20 !== wanted)) return false;
  }
  return true;
}

/** The seconds of `timeout=` in a Keep-Alive field, -1 for none. */
function timeoutOf(bytes: Buffer, start: number, end: number): number {
  let at = start + TIMEOUT.length;
  if (end <= at || end > at + 9 || !isWord(bytes, start, at, TIMEOUT)) return timeoutInList(bytes, start, end);
  let seconds = 0;
  for (; at < end; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) return timeoutInList(bytes, start, end);
    seconds = seconds * 10 + digit;
  }
  return seconds;
}

function timeoutInList(bytes: Buffer, start: number, end: number): number {
  const found = /(?:^|[,;])[\t ]*timeout[\t ]*=[\t ]*"?(\d{1,9})(?!\d)/i.exec(bytes.toString('latin1', start, end));
  return found === null ? -1 : Number(found[1]);
}

/** Whether the octets between a colon and the end of its line are one space and a value without blanks around it. */
function isCanonical(bytes: Uint8Array, start: number, end: number): boolean {
  if (bytes[start] !== SPACE) return false;
  return end === start + 1 || (!isBlank(bytes[start + 1]!) && !isBlank(bytes[end - 1]!));
}

function isBlank(octet: number): boolean {
  return octet === SPACE || octet === TAB;
}

function octetsOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
