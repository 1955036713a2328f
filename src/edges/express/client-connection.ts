import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';

import type { ErrorCode } from '../../core/errors.ts';
import { connectionErrorAnswer } from '../../gateway/connection-error.ts';
import { type Exchange, isBodyFree } from '../../gateway/exchange.ts';
import { writeCopied } from './write-together.ts';
import { NEEDS_MORE } from '../../protocol/http1/request-head.ts';
import type { AnswerHeads } from './answer-head.ts';
import { BodyBuffer } from '../sockets/body-buffer.ts';
import { type AnswerConnection, ExpressReply } from './express-reply.ts';
import { type Front, readRequest } from './front-request.ts';
import { type BodySource, PassingBody } from './passing-body.ts';
import { type BytesReceiver, passOn, takeSocket } from '../sockets/socket-handle.ts';
import { writeText } from '../sockets/write-text.ts';

/** Nothing is under way but what may become a head. */
const HEAD = 0;
const BODY = 1;
const ANSWER = 2;
/** An earlier answer has to leave before the main lane gets the connection. */
const LEAVING = 3;
/** Closed on our side; what still comes is thrown away, RFC 9112 9.6. */
const CLOSING = 4;
const GONE = 5;
/** As `ANSWER`, and the rest of the body is still on its way. */
const PASSING = 6;

/** Bodies up to this length are copied when they came with their head; memory for longer ones is used again. */
const SMALL_MAX = 8 * 1024;
/** Bytes behind a request that is under way; beyond that they wait in the kernel. */
const WAITING_MAX = 64 * 1024;
const LF = 0x0a;
const NOTHING = Buffer.alloc(0);

/**
 * One connection of a client. Requests are served one at a time; a request that is not of the strict form, or that has
 * others right behind it, goes to the main lane, and the connection with it.
 */
export class ClientConnection implements BytesReceiver, AnswerConnection, BodySource {
  readonly answerHeads: AnswerHeads;
  readonly #front: Front;
  readonly #socket: Socket;
  #state = HEAD;
  /** The tick at which the state, or the request that is being received, began. */
  #since: number;
  /** No byte has come yet. */
  #isNew = true;
  /** The beginning of a head, or what waits behind the request under way. */
  #held: Buffer | null = null;
  #exchange: Exchange | null = null;
  #reply: ExpressReply | null = null;
  #body: BodyBuffer | null = null;
  #passing: PassingBody | null = null;
  #isStopped = false;
  #mustDrain = false;
  /** Whether bytes waited to be written at the last tick. */
  #wasWriting = false;

  constructor(front: Front, accepted: Socket) {
    this.#front = front;
    this.answerHeads = front.answerHeads;
    this.#since = front.tick;
    const socket = takeSocket(accepted, this);
    this.#socket = socket;
    socket.on('end', () => this.#onEnd());
    socket.on('drain', () => this.#onDrain());
    socket.on('error', ignore);
    socket.on('close', () => this.#onClose());
  }

  onBytes(bytes: Buffer, length: number): boolean {
    try {
      this.#receive(bytes, length);
    } catch (error) {
      // Nobody else would catch it.
      this.#front.gateway.unexpected(error);
      this.cut();
    }
    this.#isStopped = this.#mustWait();
    return !this.#isStopped;
  }

  #mustWait(): boolean {
    return (this.#held !== null && this.#held.length > WAITING_MAX) || this.#passing?.isBlocked === true;
  }

  #receive(bytes: Buffer, length: number): void {
    switch (this.#state) {
      case HEAD:
        if (this.#held === null && !this.#mustDrain) return this.#readHead(bytes, length);
        this.#hold(bytes, 0, length);
        // A head that comes octet by octet must not be read over and over again: it cannot end without an LF.
        if (!this.#mustDrain && (this.#isLong() || bytes.subarray(0, length).includes(LF))) this.#readHeld();
        break;
      case BODY:
        this.#readBody(bytes, 0, length);
        break;
      case PASSING:
        this.#pass(bytes, 0, length);
        break;
      case ANSWER:
      case LEAVING:
        this.#hold(bytes, 0, length);
        break;
      default:
    }
  }

  #isLong(): boolean {
    return this.#held !== null && this.#held.length >= this.#front.maxHeadBytes;
  }

  #readHeld(): void {
    const held = this.#held;
    if (held !== null) this.#readHead(held, held.length);
  }

  #readHead(bytes: Buffer, end: number): void {
    const { heads, maxHeadBytes, tick } = this.#front;
    const isContinued = this.#held !== null;
    this.#isNew = false;
    if (!isContinued) this.#since = tick;
    const length = heads.read(bytes, end, maxHeadBytes);
    if (length === NEEDS_MORE) {
      if (!isContinued) this.#hold(bytes, 0, end);
      return;
    }
    this.#held = null;
    if (length < 0 || !this.#begin(bytes, length, end)) this.#leave(bytes, end);
  }

  /** Begins the request whose head was just read; false: it is one for the main lane. */
  #begin(bytes: Buffer, headLength: number, end: number): boolean {
    const { gateway, heads } = this.#front;
    const head = readRequest(this.#front, bytes, headLength, end);
    if (head === null) return false;
    const { contentLength } = heads;
    this.#reply = new ExpressReply(this);
    const exchange = gateway.open(head, this.#reply);
    this.#exchange = exchange;
    if (contentLength > gateway.snapshot.limits.bufferBytes && !gateway.needsWholeBody(exchange)) {
      this.#beginPassing(exchange, contentLength, bytes.subarray(headLength, end));
    } else if (end === headLength + contentLength && contentLength < SMALL_MAX) {
      this.#predict(contentLength === 0 ? null : Buffer.from(bytes.subarray(headLength, end)));
    } else {
      this.#state = BODY;
      this.#body = new BodyBuffer(contentLength);
      if (end > headLength) this.#readBody(bytes, headLength, end);
    }
    return true;
  }

  #readBody(bytes: Buffer, start: number, end: number): void {
    const body = this.#body as BodyBuffer;
    const next = start + body.add(bytes, start, end);
    if (next < end) this.#hold(bytes, next, end);
    if (body.isWhole) this.#predict(body.bytes);
  }

  #beginPassing(exchange: Exchange, contentLength: number, first: Buffer): void {
    const body = new PassingBody(contentLength, this);
    this.#passing = body;
    this.#state = PASSING;
    exchange.body = body;
    exchange.facts.setBody(null);
    if (first.length > 0) this.#pass(first, 0, first.length);
    this.#front.gateway.predict(exchange);
  }

  #pass(bytes: Buffer, start: number, end: number): void {
    const body = this.#passing as PassingBody;
    const next = start + body.add(bytes, start, end);
    if (next < end) this.#hold(bytes, next, end);
    if (body.isReceived) this.#state = ANSWER;
  }

  resumeBody(): void {
    this.#resume();
  }

  #predict(body: Buffer | null): void {
    this.#state = ANSWER;
    const exchange = this.#exchange as Exchange;
    exchange.body = body;
    exchange.facts.setBody(body);
    this.#front.gateway.predict(exchange);
  }

  isLastAnswer(): boolean {
    return this.#state !== ANSWER || this.#front.isDraining();
  }

  writeText(text: string): boolean {
    return this.#written(writeText(this.#socket, text));
  }

  writeBytes(before: string, bytes: Uint8Array, after: string): boolean {
    return this.#written(writeCopied(this.#socket, before, bytes, after));
  }

  #written(isFlowing: boolean): boolean {
    if (!isFlowing) this.#mustDrain = true;
    return isFlowing;
  }

  answered(isLast: boolean): void {
    const exchange = this.#exchange;
    if (this.#body !== null && exchange !== null && isBodyFree(exchange)) this.#body.release();
    this.#body = null;
    this.#endPassing();
    this.#exchange = null;
    this.#reply = null;
    if (isLast) return this.#close();
    this.#state = HEAD;
    this.#since = this.#front.tick;
    // Not here: this is the middle of an exchange, and the next one may be answered at once as well.
    if (this.#held !== null && !this.#mustDrain) process.nextTick(readWaiting, this);
  }

  cut(): void {
    this.#socket.destroy();
  }

  /** Goes on with what came while an answer was under way. */
  readWaiting(): void {
    if (this.#state !== HEAD || this.#mustDrain) return;
    try {
      this.#readHeld();
    } catch (error) {
      this.#front.gateway.unexpected(error);
      this.cut();
    }
    this.#resume();
  }

  #resume(): void {
    if (!this.#isStopped || this.#state === GONE) return;
    this.#isStopped = false;
    this.#socket.resume();
  }

  #hold(bytes: Buffer, start: number, end: number): void {
    const more = bytes.subarray(start, end);
    this.#held = this.#held === null ? Buffer.from(more) : Buffer.concat([this.#held, more]);
  }

  /** To the main lane, once every answer has left. */
  #leave(bytes: Buffer, end: number): void {
    if (this.#socket.writableLength === 0) return this.#passOn(bytes.subarray(0, end));
    this.#state = LEAVING;
    this.#since = this.#front.tick;
    this.#hold(bytes, 0, end);
    this.#socket.write('', 'latin1', (error) => {
      if (!error && this.#state === LEAVING) this.#passOn(this.#held ?? NOTHING);
    });
  }

  #passOn(bytes: Buffer): void {
    this.#state = GONE;
    this.#held = null;
    const next = passOn(this.#socket, bytes);
    this.#front.forget(this);
    this.#front.passOn(next);
  }

  #onDrain(): void {
    this.#mustDrain = false;
    if (this.#state === HEAD) this.#since = this.#front.tick;
    this.#reply?.drained();
    if (this.#held !== null) this.readWaiting();
  }

  /** Node's server takes the end of what a client sends for the end of its interest in answers; so does this lane. */
  #onEnd(): void {
    // The main lane comes upon the same end.
    if (this.#state === GONE || this.#state === LEAVING) return;
    const held = this.#held;
    if (this.#state === HEAD && held !== null) {
      this.#held = null;
      return this.#leave(held, held.length);
    }
    if (this.#state === BODY || this.#state === PASSING) return this.#refuse('BAD_REQUEST');
    this.#abandon();
    this.#close();
  }

  #onClose(): void {
    if (this.#state === GONE) return;
    this.#state = GONE;
    this.#front.forget(this);
    this.#abandon();
  }

  #abandon(): void {
    const exchange = this.#letGo();
    if (exchange !== null) this.#front.gateway.abandon(exchange);
  }

  /** The exchange under way, which gets no answer any more. */
  #letGo(): Exchange | null {
    const exchange = this.#exchange;
    this.#exchange = null;
    this.#reply?.detach();
    this.#reply = null;
    this.#body = null;
    this.#endPassing();
    this.#held = null;
    return exchange;
  }

  #endPassing(): void {
    const body = this.#passing;
    this.#passing = null;
    body?.close();
  }

  #close(): void {
    this.#state = CLOSING;
    this.#since = this.#front.tick;
    this.#held = null;
    this.#socket.end();
    this.#resume();
  }

  /** Ends what takes too long. */
  checkLimits(): void {
    const { tick, limits } = this.#front;
    const passed = tick - this.#since;
    const isWriting = this.#socket.writableLength > 0;
    // Whatever waits for the client begins to count when it has read its answer.
    const hasWritten = this.#wasWriting && !isWriting;
    this.#wasWriting = isWriting;
    if (hasWritten && (this.#state === HEAD || this.#state === CLOSING)) {
      this.#since = tick;
      return;
    }
    switch (this.#state) {
      case HEAD:
        if (isWriting) {
          if (passed > limits.write) this.cut();
        } else if (this.#isNew || this.#held !== null) {
          if (passed > limits.head) this.#refuse('REQUEST_TIMEOUT');
        } else if (passed > limits.idle) this.cut();
        break;
      case BODY:
      case PASSING:
        if (passed > limits.body) this.#refuse('REQUEST_TIMEOUT');
        break;
      case LEAVING:
        if (passed > limits.write) this.cut();
        break;
      case CLOSING:
        if (passed > (isWriting ? limits.write : limits.linger)) this.cut();
        break;
      default:
    }
  }

  /**
   * Ends a request that is not complete; the main lane would begin to count its time anew. An answer that has begun cannot
   * become another one.
   */
  #refuse(code: ErrorCode): void {
    const hasBegun = this.#reply !== null && this.#reply.hasBegun;
    this.#abandon();
    if (hasBegun) return this.cut();
    this.writeText(connectionErrorAnswer(code));
    this.#close();
  }

  /** Closes the connection whatever is under way on it. */
  closeNow(): void {
    this.#abandon();
    this.#socket.destroy();
  }

  /** Closes the connection when nothing is under way on it. */
  closeIfIdle(): void {
    if (this.#state === HEAD && this.#held === null && this.#socket.writableLength === 0) this.cut();
  }
}

function readWaiting(connection: ClientConnection): void {
  connection.readWaiting();
}

/** The connection closes after an error, and that is heard. */
function ignore(): void {}
