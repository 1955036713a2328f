import type { Buffer } from 'node:buffer';

import { ByteQueue } from '../http2/byte-queue.ts';
import { MessageBuffer, type MessageProblem } from './message-buffer.ts';
import type { ServerStream } from '../http2/server-side.ts';

/** Messages for Makas itself are small. */
export const OWN_MESSAGE_MAX = 64 * 1024;

/** Takes the messages of a stream that Makas itself answers. */
export interface OwnMessagesListener {
  /** One is whole; it is not to be kept. */
  onMessage(messages: MessageBuffer): void;
  /** Nothing more comes. */
  onMessagesEnd(problem: MessageProblem | 'cut-short' | null): void;
}

/**
 * The messages of a stream that Makas itself answers, one at a time. While the client does not take what it is answered,
 * no more of them are read: what has come waits, and no more comes than flow control has allowed by then.
 */
export class OwnMessages {
  readonly #stream: ServerStream;
  readonly #listener: OwnMessagesListener;
  readonly #messages = new MessageBuffer(OWN_MESSAGE_MAX);
  readonly #waiting = new ByteQueue();
  #isHeld = false;
  #hasEnded = false;
  #isOver = false;

  constructor(stream: ServerStream, listener: OwnMessagesListener) {
    this.#stream = stream;
    this.#listener = listener;
  }

  /** `bytes[start, end)` came; they are not kept. */
  push(bytes: Buffer, start: number, end: number): void {
    const at = this.#read(bytes, start, end);
    if (at < end) this.#waiting.push(bytes, at, end);
  }

  end(): void {
    this.#hasEnded = true;
    this.#finish();
  }

  /** The client does not take its answers. */
  hold(): void {
    if (!this.#isHeld) this.#stream.pause();
    this.#isHeld = true;
  }

  /** It does again. */
  resume(): void {
    if (!this.#isHeld || this.#isOver) return;
    this.#isHeld = false;
    const waiting = this.#waiting;
    while (waiting.length > 0 && !this.#isHeld && !this.#isOver) {
      const { start } = waiting;
      waiting.drop(this.#read(waiting.first, start, waiting.end) - start);
    }
    if (this.#isHeld) return;
    this.#stream.resume();
    this.#finish();
  }

  /** The call is over: nothing is read any more. */
  stop(): void {
    this.#isOver = true;
  }

  /** Returns where what is not read begins. */
  #read(bytes: Buffer, start: number, end: number): number {
    const messages = this.#messages;
    let at = start;
    while (at < end && !this.#isHeld && !this.#isOver) {
      at = messages.add(bytes, at, end);
      if (messages.problem !== null) this.#stop(messages.problem);
      else if (messages.isWhole) {
        this.#listener.onMessage(messages);
        messages.reset();
      }
    }
    return at;
  }

  #finish(): void {
    if (!this.#hasEnded || this.#isHeld || this.#isOver) return;
    this.#stop(this.#messages.isEmpty ? null : 'cut-short');
  }

  #stop(problem: MessageProblem | 'cut-short' | null): void {
    this.#isOver = true;
    this.#listener.onMessagesEnd(problem);
  }
}
