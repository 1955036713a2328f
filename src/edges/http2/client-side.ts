import type { Buffer } from 'node:buffer';

import type { HeaderBlock } from '../../protocol/header-block.ts';

/** One stream to an endpoint, as a call on it sees it. Nothing happens after it was reset or is gone. */
export interface ClientStream {
  /** A piece of the request, which is kept until it is written. false: stop until `onDrain`. */
  data(chunk: Uint8Array): boolean;
  end(): void;
  /** Gives the stream up; nothing more is heard of it. */
  reset(code: number): void;
  pause(): void;
  resume(): void;
}

/** Why a stream ended before its answer was complete. */
export interface StreamLoss {
  /** Error code of HTTP/2 that the endpoint reset it with; null: the connection is gone. */
  readonly code: number | null;
  /** The endpoint said that it did nothing with it (GOAWAY or REFUSED_STREAM), or no byte of it was written. */
  readonly isUntouched: boolean;
  /** Nothing came on the connection after the stream began, which had carried others before. */
  readonly isStale: boolean;
  readonly text: string;
}

/** Hears the answer on a stream. After `onEnd` or `onLoss` nothing more is called. */
export interface ClientStreamListener {
  /** Names are lower-case. `isLast`: the head is the whole answer. Not called for 1xx. */
  onHead(status: number, headers: HeaderBlock, isLast: boolean): void;
  /** The bytes are the listener's only until the call returns. */
  onData(chunk: Buffer): void;
  /** The answer is complete; `trailers`: the fields behind its body, `''` for none. */
  onEnd(trailers: HeaderBlock): void;
  onLoss(loss: StreamLoss): void;
  onDrain(): void;
}

/** One connection to an endpoint, which carries many calls. */
export interface Session {
  /** Calls that it can carry beside those under way; 0 before it is ready, and once it takes no more. */
  readonly room: number;
  /** Calls under way. */
  readonly calls: number;
  /** Whether a body of so many octets can leave without waiting for what other calls send. */
  fits(octets: number): boolean;
  /**
   * `headers`: without fields of a connection. `body`: all of the request, which stays as it is until the call is over; null
   * when it follows by `data`. `room` must not be 0.
   */
  begin(path: string, headers: HeaderBlock, body: Uint8Array | null, listener: ClientStreamListener): ClientStream;
  /** Takes no more calls, ends those under way, and closes. */
  close(): void;
  /** Closes at once. */
  destroy(): void;
}

/** Hears what becomes of a session, but nothing before `Connect` has returned. */
export interface SessionOwner {
  /** There may be room for a call, because one has ended or the endpoint allows more. */
  onRoom(): void;
  /** It takes no more calls, though some may be under way. */
  onLeaving(): void;
  /** It is closed. `reason`: why it could not be made, null once it was ready. */
  onGone(reason: string | null): void;
}

/** Begins to connect. */
export type Connect = (owner: SessionOwner) => Session;
