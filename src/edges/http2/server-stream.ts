import type { Buffer } from 'node:buffer';

import type { HeaderBlock } from '../../protocol/header-block.ts';
import { errorCode } from '../../protocol/http2/frames.ts';
import type { ServerStream, ServerStreamListener } from './server-side.ts';
import type { FrameOutput } from './frame-output.ts';
import { type ConnectionReceiver, StreamReceiver } from './receive-windows.ts';
import { Sender, type SenderListener, type SendLine } from './sender.ts';
import type { Tabled } from './stream-table.ts';

/** How long a client may take to read the rest of an answer that is complete on our side. */
const WRITE_LIMIT_MS = 120_000;

/** What a stream needs of its connection. */
export interface StreamCarrier {
  readonly output: FrameOutput;
  readonly line: SendLine;
  readonly receiver: ConnectionReceiver;
  /** Tells the client that the stream is over, and takes no more of it. */
  reset(id: number, code: number): void;
  /** The stream is over. */
  forget(stream: SocketStream): void;
}

/** A stream that a client has begun. */
export class SocketStream implements ServerStream, SenderListener, Tabled<SocketStream> {
  nextInTable: SocketStream | null = null;
  readonly id: number;
  readonly sender: Sender;
  readonly receiver: StreamReceiver;
  readonly #carrier: StreamCarrier;
  #listener: ServerStreamListener | null = null;
  #hasRequestEnded: boolean;
  #isHeadSent = false;
  #isClosed = false;
  /** How long the rest of the answer has waited. */
  #waitedMs = 0;

  /** `isEnded`: the client had nothing to send but its head. `window`: octets that it may send on the stream. */
  constructor(carrier: StreamCarrier, id: number, isEnded: boolean, window: number) {
    this.id = id;
    this.#carrier = carrier;
    this.#hasRequestEnded = isEnded;
    this.sender = new Sender(carrier.line, id, this);
    this.receiver = new StreamReceiver(carrier.receiver, carrier.output, id, window);
  }

  /** To be called once, before the stream is told anything. */
  listen(listener: ServerStreamListener): void {
    this.#listener = listener;
  }

  head(status: number, headers: HeaderBlock, isLast: boolean): void {
    if (this.#isClosed || this.#isHeadSent) return;
    this.#isHeadSent = true;
    const { output } = this.#carrier;
    output.headers(this.id, isLast, output.encoder.encodeResponse(status, headers));
    if (isLast) this.onSent();
  }

  data(chunk: Uint8Array): boolean {
    return this.#isClosed || chunk.length === 0 || this.sender.data(chunk);
  }

  end(trailers: HeaderBlock): void {
    if (!this.#isClosed) this.sender.end(trailers);
  }

  whole(status: number, headers: HeaderBlock, body: Uint8Array, trailers: HeaderBlock): void {
    if (this.#isClosed || this.#isHeadSent) return;
    this.head(status, headers, false);
    this.sender.whole(body, trailers);
  }

  reset(code: number): void {
    if (this.#isClosed) return;
    this.#carrier.reset(this.id, code);
    this.close();
  }

  pause(): void {
    this.receiver.pause();
  }

  resume(): void {
    this.receiver.resume();
  }

  onDrain(): void {
    this.#listener?.onDrain();
  }

  onSent(): void {
    // Whatever more the client has to say is not wanted, RFC 9113 8.1.
    if (!this.#hasRequestEnded) this.#carrier.reset(this.id, errorCode.NO_ERROR);
    this.close();
  }

  /** DATA, of which the windows were looked at. */
  take(bytes: Buffer, start: number, end: number, isEnd: boolean, flowLength: number): void {
    if (isEnd) this.#hasRequestEnded = true;
    if (end > start) this.#listener?.onData(bytes, start, end);
    this.receiver.taken(flowLength, isEnd);
    if (isEnd && !this.#isClosed) this.#listener?.onEnd();
  }

  /** Trailers of the request, which mean nothing here. */
  takeTrailers(): void {
    this.#hasRequestEnded = true;
    this.receiver.close();
    this.#listener?.onEnd();
  }

  /** It is over: complete, reset, or its connection closed. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.sender.drop();
    this.receiver.close();
    this.#carrier.forget(this);
    this.#listener?.onClose();
  }

  /** So much time has passed: a client that does not read its answer must not hold it for ever. */
  look(passedMs: number): void {
    if (!this.sender.isEnding || this.sender.heldBytes === 0) return;
    this.#waitedMs += passedMs;
    if (this.#waitedMs > WRITE_LIMIT_MS) this.reset(errorCode.CANCEL);
  }
}
