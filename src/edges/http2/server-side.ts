import type { Buffer } from 'node:buffer';

import type { HeaderBlock } from '../../protocol/header-block.ts';

/** What the first HEADERS frame of a stream said, RFC 9113 8.3.1. */
export interface StreamHead {
  readonly method: string;
  readonly path: string;
  /** `''` when the client named none. */
  readonly authority: string;
  /** The other fields; names are lower-case. */
  readonly block: HeaderBlock;
}

/**
 * One stream of HTTP/2 as a call on it sees it. Whatever comes after the last frame, or after the stream is gone, does
 * nothing. All bytes are the caller's again when a method returns.
 */
export interface ServerStream {
  /** To be called once, before anything else: who hears what comes. */
  listen(listener: ServerStreamListener): void;
  /** The head of the answer; `isLast`: it is all of it. */
  head(status: number, headers: HeaderBlock, isLast: boolean): void;
  /** A piece of the answer. false: stop until `onDrain`. */
  data(chunk: Uint8Array): boolean;
  /** Ends an answer whose head was sent; `''` for no trailers. */
  end(trailers: HeaderBlock): void;
  /** Head, body and trailers of an answer in as few writes as possible. */
  whole(status: number, headers: HeaderBlock, body: Uint8Array, trailers: HeaderBlock): void;
  /** Ends the stream with an error code of HTTP/2, RFC 9113 7. */
  reset(code: number): void;
  /** Takes no more of the request than flow control has allowed so far, until `resume`. */
  pause(): void;
  resume(): void;
}

/** Takes the streams that clients begin. `isEnded`: nothing comes behind the head. */
export type OnStream = (stream: ServerStream, head: StreamHead, isEnded: boolean) => void;

/** Hears what the client does on a stream. */
export interface ServerStreamListener {
  /** `bytes[start, end)` came; they are the listener's only until the call returns. */
  onData(bytes: Buffer, start: number, end: number): void;
  /** The client has half-closed: the request is complete. */
  onEnd(): void;
  onDrain(): void;
  /** The stream is gone: complete, reset by the client, or its connection closed. Heard once. */
  onClose(): void;
}

/** Error codes of HTTP/2 that are sent here, RFC 9113 7. */
export const streamError = {
  NO_ERROR: 0,
  INTERNAL_ERROR: 2,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  ENHANCE_YOUR_CALM: 11,
} as const;
