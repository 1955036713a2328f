import { Buffer } from 'node:buffer';

import type { HeaderBlock } from '../../protocol/header-block.ts';
import type { ClientStream, ClientStreamListener, StreamLoss } from './client-side.ts';
import { type ConnectionReceiver, StreamReceiver } from './receive-windows.ts';
import { Sender, type SenderListener, type SendLine } from './sender.ts';
import type { Tabled } from './stream-table.ts';

/** What a stream needs of its connection. */
export interface StreamSession {
  readonly line: SendLine;
  readonly receiver: ConnectionReceiver;
  /** Calls that had an answer. */
  readonly carried: number;
  /** Counts what comes of answers, and the writes. */
  readonly heard: number;
  readonly writes: number;
  /** Tells the endpoint that a stream is given up. */
  resetStream(stream: SocketClientStream, code: number): void;
}

/** A stream to an endpoint on a plain socket. What comes while it is paused is kept here. */
export class SocketClientStream implements ClientStream, SenderListener, Tabled<SocketClientStream> {
  nextInTable: SocketClientStream | null = null;
  readonly id: number;
  readonly sender: Sender;
  readonly receiver: StreamReceiver;
  /** All of the request is on its way. */
  isSent = false;
  readonly #session: StreamSession;
  readonly #listener: ClientStreamListener;
  /** As they were when the stream began. */
  readonly #wasKept: boolean;
  readonly #heardBefore: number;
  readonly #writesBefore: number;
  /** Nothing more is told. */
  #isOver = false;
  /** The endpoint has ended the stream. */
  #hasEnded = false;
  #isPaused = false;
  #held: Buffer[] | null = null;
  /** What the held bytes end with. */
  #heldTrailers: HeaderBlock = '';

  constructor(session: StreamSession, id: number, windowBytes: number, listener: ClientStreamListener) {
    const { line, receiver } = session;
    this.id = id;
    this.sender = new Sender(line, id, this);
    this.receiver = new StreamReceiver(receiver, line.output, id, windowBytes);
    this.#session = session;
    this.#listener = listener;
    this.#wasKept = session.carried > 0;
    this.#heardBefore = session.heard;
    this.#writesBefore = session.writes;
  }

  data(chunk: Uint8Array): boolean {
    return this.sender.data(chunk);
  }

  end(): void {
    this.sender.end('');
  }

  reset(code: number): void {
    if (this.#isOver) return;
    this.#stop();
    if (!this.#hasEnded) this.#session.resetStream(this, code);
  }

  pause(): void {
    this.#isPaused = true;
    this.receiver.pause();
  }

  resume(): void {
    this.#isPaused = false;
    const held = this.#held;
    if (held !== null) {
      this.#held = null;
      for (const [i, chunk] of held.entries()) {
        this.#listener.onData(chunk);
        if (this.#isOver) return;
        if (!this.#isPaused) continue;
        // Nothing can have come meanwhile.
        if (i + 1 < held.length || this.#hasEnded) this.#held = held.slice(i + 1);
        return;
      }
    }
    // The endpoint gets no more credit before all is told that it has sent.
    this.receiver.resume();
    if (held !== null && this.#hasEnded) this.#tellEnd(this.#heldTrailers);
  }

  onDrain(): void {
    this.#listener.onDrain();
  }

  onSent(): void {
    this.isSent = true;
  }

  /** The head of the answer; `isLast`: all of it. */
  takeHead(status: number, headers: HeaderBlock, isLast: boolean): void {
    if (isLast) {
      this.#hasEnded = true;
      this.#stop();
    }
    this.#listener.onHead(status, headers, isLast);
  }

  /** Some of the body, which the window of the stream has allowed. */
  takeData(bytes: Buffer, start: number, end: number, isLast: boolean, flowLength: number): void {
    if (this.#isPaused) {
      if (end > start) (this.#held ??= []).push(Buffer.from(bytes.subarray(start, end)));
    } else if (end > start) this.#listener.onData(bytes.subarray(start, end));
    this.receiver.taken(flowLength, isLast);
    if (isLast && !this.#isOver) this.takeEnd('');
  }

  /** The end of an answer that was not all head. */
  takeEnd(trailers: HeaderBlock): void {
    this.#hasEnded = true;
    if (!this.#isPaused) return this.#tellEnd(trailers);
    this.#heldTrailers = trailers;
    this.#held ??= [];
  }

  /** There is no more of the answer. `code`: null when the connection is gone. */
  lose(code: number | null, isUntouched: boolean, text: string): void {
    if (this.#isOver) return;
    const session = this.#session;
    const isGone = code === null;
    const loss: StreamLoss = {
      code,
      isUntouched: isUntouched || (isGone && session.writes === this.#writesBefore),
      isStale: isGone && this.#wasKept && session.heard === this.#heardBefore,
      text,
    };
    this.#stop();
    this.#listener.onLoss(loss);
  }

  #tellEnd(trailers: HeaderBlock): void {
    this.#stop();
    this.#listener.onEnd(trailers);
  }

  #stop(): void {
    this.#isOver = true;
    this.#held = null;
    this.receiver.close();
    this.sender.drop();
  }
}
