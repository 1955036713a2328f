import { Buffer } from 'node:buffer';

import type { AnswerHead } from '../../gateway/ports.ts';
import { withoutHeaders } from '../../protocol/header-block.ts';
import { AnswerHeadReader, IS_BAD, NEEDS_MORE } from '../../protocol/http1/answer-head.ts';
import { ChunkedDecoder } from '../../protocol/http1/chunked.ts';
import type { SocketCall } from './socket-call.ts';

/** What a read of `AnswerReader` came to. */
const MORE = 0;
/** The receiver asks for a pause. */
export const PAUSE = 1;
/** The answer is complete, and the connection may carry another one. */
export const COMPLETE = 2;
/** The answer is complete, and the connection must be closed. */
export const COMPLETE_CLOSE = 3;
/** It is no answer: see `problem`. */
export const BAD = 4;
/** The call was given up by its receiver. */
export const GIVEN_UP = 5;
export type ReadResult = 0 | 1 | 2 | 3 | 4 | 5;

const IN_HEAD = 0;
const FIXED = 1;
const CHUNKED = 2;
const UNTIL_CLOSE = 3;

/** Octets of the head of an answer, its status line and CRLFs included. */
const HEAD_MAX = 16 * 1024;
const LF = 0x0a;
const NOTHING = Buffer.alloc(0);
const CONTENT_LENGTH: ReadonlySet<string> = new Set(['content-length']);

/** Heads are read in one go, so one reader is enough for all connections. */
const head = new AnswerHeadReader();

/**
 * Reads the answers of one connection, one after the other, from bytes as they come to calls of a receiver. Where a body
 * ends is decided by RFC 9112 6.3. It knows nothing of sockets.
 */
export class AnswerReader {
  problem = '';
  /** Whether anything has come since `begin`. */
  hasBegun = false;
  /** Of the last head: seconds that the endpoint keeps an idle connection, -1 when it does not say. */
  keepAliveSeconds = -1;
  readonly #maxBytes: number;
  #call: SocketCall | null = null;
  #isHeadRequest = false;
  #state = IN_HEAD;
  /** The beginning of a head. */
  #held: Buffer | null = null;
  /** A head whose body of known length has not begun: most bodies come at once then, and the answer goes on as a whole. */
  #pending: AnswerHead | null = null;
  /** Of the body: octets to come when its length is known, else octets that came. */
  #count = 0;
  #decoder: ChunkedDecoder | null = null;
  #keepsAlive = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The next bytes are the answer to this call. */
  begin(call: SocketCall, isHeadRequest: boolean): void {
    this.#call = call;
    this.#isHeadRequest = isHeadRequest;
    this.#state = IN_HEAD;
    this.hasBegun = false;
  }

  /**
   * Takes the first `end` bytes, in which it may move bytes about. They are the reader's only until it returns.
   */
  read(bytes: Buffer, end: number): ReadResult {
    this.hasBegun = true;
    if (this.#state === FIXED) return this.#readFixed(bytes, 0, end);
    if (this.#state === CHUNKED) return this.#readChunked(bytes, 0, end);
    if (this.#state === UNTIL_CLOSE) return this.#readUntilClose(bytes, 0, end);
    return this.#held === null ? this.#readHead(bytes, end) : this.#readHeld(this.#held, bytes.subarray(0, end));
  }

  /** The endpoint sends nothing more; false: in the middle of an answer. */
  finish(): boolean {
    if (this.#state !== UNTIL_CLOSE || this.#call === null) return false;
    this.#leave().receiver.onEnd();
    return true;
  }

  /** Nothing more is told to the receiver. */
  drop(): void {
    this.#call = null;
  }

  #readHead(bytes: Buffer, end: number): ReadResult {
    let at = 0;
    for (;;) {
      const next = head.read(bytes, at, end);
      if (next === IS_BAD) return this.#refuse(head.problem);
      if ((next === NEEDS_MORE ? end : next) - at > HEAD_MAX) return this.#refuse('a too large head');
      if (next === NEEDS_MORE) {
        this.#held = Buffer.from(bytes.subarray(at, end));
        return MORE;
      }
      at = next;
      // We never ask to switch protocols.
      if (head.status === 101) return this.#refuse('status 101');
      if (head.status < 200 && !head.keepsAlive) return this.#refuse('an interim answer that closes');
      if (head.status >= 200) return this.#beginBody(bytes, at, end);
    }
  }

  #readHeld(held: Buffer, bytes: Buffer): ReadResult {
    const joined = Buffer.concat([held, bytes]);
    // A head that comes octet by octet must not be read over and over again: it cannot end without an LF.
    if (joined.length <= HEAD_MAX && !bytes.includes(LF)) {
      this.#held = joined;
      return MORE;
    }
    this.#held = null;
    return this.#readHead(joined, joined.length);
  }

  #beginBody(bytes: Buffer, at: number, end: number): ReadResult {
    const { status, contentLength, isChunked, headers } = head;
    this.#keepsAlive = head.keepsAlive;
    this.keepAliveSeconds = head.keepAliveSeconds;
    if (this.#isHeadRequest || status === 204 || status === 304) {
      // Where a body is announced that must not be, it may come all the same.
      if (!this.#isHeadRequest && (contentLength > 0 || isChunked)) this.#keepsAlive = false;
      const block = status === 204 && contentLength !== -1 ? withoutHeaders(headers, CONTENT_LENGTH) : headers;
      return this.#endWhole({ status, headers: block, length: 0 }, NOTHING, at === end);
    }
    if (isChunked) {
      this.#state = CHUNKED;
      this.#count = 0;
      this.#pending = { status, headers, length: -1 };
      this.#decoder ??= new ChunkedDecoder();
      this.#decoder.reset();
      return this.#readChunked(bytes, at, end);
    }
    if (contentLength === -1) {
      this.#state = UNTIL_CLOSE;
      this.#count = 0;
      this.#pending = { status, headers, length: -1 };
      return this.#readUntilClose(bytes, at, end);
    }
    if (contentLength > this.#maxBytes) return this.#refuse('a too large body');
    this.#state = FIXED;
    this.#count = contentLength;
    this.#pending = { status, headers, length: contentLength };
    return this.#readFixed(bytes, at, end);
  }

  #readFixed(bytes: Buffer, start: number, end: number): ReadResult {
    const length = this.#count;
    const last = start + length;
    if (this.#pending !== null) {
      if (last <= end) return this.#endWhole(this.#pending, bytes.subarray(start, last), last === end);
      if (start === end) return MORE;
      this.#tellHead();
    }
    if (last > end) {
      this.#count = last - end;
      return this.#deliver(bytes, start, end);
    }
    this.#deliver(bytes, start, last);
    return this.#end(last === end);
  }

  #readChunked(bytes: Buffer, start: number, end: number): ReadResult {
    const decoder = this.#decoder!;
    const at = decoder.decode(bytes, start, end);
    if (at === -1) return this.#refuse(decoder.problem);
    const { dataStart, dataLength } = decoder;
    this.#count += dataLength;
    if (this.#count > this.#maxBytes) return this.#refuse('a too large body');
    if (this.#pending !== null) {
      if (decoder.isDone) {
        const { status, headers } = this.#pending;
        const known = { status, headers: `${headers}content-length: ${dataLength}\r\n`, length: dataLength };
        return this.#endWhole(known, bytes.subarray(dataStart, dataStart + dataLength), at === end);
      }
      this.#tellHead();
    }
    const result = dataLength === 0 ? MORE : this.#deliver(bytes, dataStart, dataStart + dataLength);
    return decoder.isDone ? this.#end(at === end) : result;
  }

  #readUntilClose(bytes: Buffer, start: number, end: number): ReadResult {
    this.#count += end - start;
    if (this.#count > this.#maxBytes) return this.#refuse('a too large body');
    if (this.#pending !== null) this.#tellHead();
    return start === end ? MORE : this.#deliver(bytes, start, end);
  }

  #tellHead(): void {
    const pending = this.#pending!;
    this.#pending = null;
    this.#call!.receiver.onHead(pending);
  }

  #deliver(bytes: Buffer, start: number, end: number): ReadResult {
    if (this.#call === null) return GIVEN_UP;
    const piece = bytes.subarray(start, end);
    const isFlowing = this.#call.receiver.onData(piece);
    // The receiver may have given up meanwhile.
    if (this.#call === null) return GIVEN_UP;
    return isFlowing ? MORE : PAUSE;
  }

  #end(isExact: boolean): ReadResult {
    if (this.#call === null) return GIVEN_UP;
    this.#leave().receiver.onEnd();
    return this.#completion(isExact);
  }

  #endWhole(whole: AnswerHead, body: Buffer, isExact: boolean): ReadResult {
    this.#pending = null;
    this.#leave().receiver.onWhole(whole, body);
    return this.#completion(isExact);
  }

  /** Bytes after the end belong to nothing that was asked for: nothing on that connection can be trusted any more. */
  #completion(isExact: boolean): ReadResult {
    return isExact && this.#keepsAlive ? COMPLETE : COMPLETE_CLOSE;
  }

  /** Parts with the call before the receiver hears of its end, so that it may do whatever it wants then. */
  #leave(): SocketCall {
    const call = this.#call!;
    this.#call = null;
    call.carrier = null;
    return call;
  }

  #refuse(problem: string): ReadResult {
    this.problem = problem;
    return BAD;
  }
}
