import { Buffer } from 'node:buffer';

import type { Reply } from '../../gateway/ports.ts';
import type { HeaderBlock } from '../../protocol/header-block.ts';
import { type AnswerHeads, CHUNKED, framingOf, NO_BODY } from './answer-head.ts';

/** What a reply needs of the connection that its request came on. */
export interface AnswerConnection {
  readonly answerHeads: AnswerHeads;
  /** Whether the connection is to be closed after the answer that begins now. */
  isLastAnswer(): boolean;
  /** Latin-1 text, one character for each byte. false: stop until `onDrain`. */
  writeText(text: string): boolean;
  /** Text, bytes and text in one write. The bytes may be changed afterwards. */
  writeBytes(before: string, bytes: Uint8Array, after: string): boolean;
  /** The answer is complete; the reply is not used any more. */
  answered(isLast: boolean): void;
  /** The answer cannot be completed. */
  cut(): void;
}

/**
 * Bodies up to this length are written as text together with the head. Latin-1 text is bytes one to one, and cheaper than
 * a vectored write as long as the copy is small.
 */
const ONE_STRING_MAX = 8192;

/** The answer side of the express lane: each message leaves in one write. */
export class ExpressReply implements Reply {
  /** Null once the answer is complete or given up: what comes later must not get into the next one. */
  #connection: AnswerConnection | null;
  /** Framing of the answer under way; a length counts down what is left of it. */
  #left = 0;
  #isLast = false;
  /** Whether the head of the answer has left. */
  hasBegun = false;
  #onDrain: (() => void) | null = null;

  constructor(connection: AnswerConnection) {
    this.#connection = connection;
  }

  /** Nothing more can be written: the connection is closed, or what was to be said was said. */
  detach(): void {
    this.#connection = null;
    this.#onDrain = null;
  }

  drained(): void {
    this.#onDrain?.();
  }

  send(status: number, block: HeaderBlock, body: Uint8Array | null): void {
    const connection = this.#connection;
    if (connection === null) return;
    const isLast = connection.isLastAnswer();
    const framing = framingOf(status, block);
    const length = body === null ? 0 : body.length;
    // To send a length that is not true would shift the beginning of the next answer.
    if (framing !== length && framing !== CHUNKED && framing !== NO_BODY) return connection.cut();
    this.detach();
    let text = connection.answerHeads.make(status, block, framing, isLast);
    if (body === null || length === 0 || framing === NO_BODY) {
      connection.writeText(framing === CHUNKED ? text + LAST_CHUNK : text);
    } else {
      if (framing === CHUNKED) text += chunkLine(length);
      const after = framing === CHUNKED ? CRLF + LAST_CHUNK : '';
      if (length <= ONE_STRING_MAX) connection.writeText(text + asLatin1(body) + after);
      else connection.writeBytes(text, body, after);
    }
    connection.answered(isLast);
  }

  head(status: number, block: HeaderBlock): void {
    const connection = this.#connection;
    if (connection === null) return;
    this.hasBegun = true;
    this.#isLast = connection.isLastAnswer();
    this.#left = framingOf(status, block);
    if (Number.isNaN(this.#left)) return connection.cut();
    connection.writeText(connection.answerHeads.make(status, block, this.#left, this.#isLast));
  }

  write(chunk: Uint8Array): boolean {
    const connection = this.#connection;
    const { length } = chunk;
    // A chunk of no bytes would be the last one.
    if (connection === null || length === 0 || this.#left === NO_BODY) return true;
    const isChunked = this.#left === CHUNKED;
    if (!isChunked) {
      if (length > this.#left) {
        connection.cut();
        return false;
      }
      this.#left -= length;
    }
    const before = isChunked ? chunkLine(length) : '';
    const after = isChunked ? CRLF : '';
    if (length <= ONE_STRING_MAX) return connection.writeText(before + asLatin1(chunk) + after);
    return connection.writeBytes(before, chunk, after);
  }

  end(): void {
    const connection = this.#connection;
    if (connection === null) return;
    if (this.#left > 0) return connection.cut();
    this.detach();
    if (this.#left === CHUNKED) connection.writeText(LAST_CHUNK);
    connection.answered(this.#isLast);
  }

  destroy(): void {
    this.#connection?.cut();
  }

  onDrain(callback: () => void): void {
    this.#onDrain = callback;
  }
}

const CRLF = '\r\n';
const LAST_CHUNK = '0\r\n\r\n';

function chunkLine(length: number): string {
  return `${length.toString(16)}\r\n`;
}

function asLatin1(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return buffer.toString('latin1');
}
