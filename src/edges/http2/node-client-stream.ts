import { Buffer } from 'node:buffer';
import type { ClientHttp2Stream } from 'node:http2';

import { headerBlock, type HeaderBlock } from '../../protocol/header-block.ts';
import { escapeEnds, STATUS_MESSAGE } from '../../protocol/http2/hpack-status-message.ts';
import type { ClientStream, ClientStreamListener } from './client-side.ts';
import { plainFields } from './node-fields.ts';
import { streamError } from './server-side.ts';

/** What a stream needs of its connection. */
export interface NodeStreamSession {
  /** Calls that had an answer: a session that has carried none is no kept one. */
  carried: number;
  /** Counts what comes of answers, and what comes at all. */
  heard: number;
  reads: number;
  /** Streams above this were not worked on, RFC 9113 6.8. */
  readonly lastWorkedOn: number;
  readonly isAlive: boolean;
  /** Why it is gone. */
  readonly reason: string;
  /** A stream of it needs its place no more; called once for each. */
  ended(): void;
  /** Nobody else would catch what is thrown, and the gateway would end: the session does instead. */
  safely(act: () => void): void;
}

/** A stream of node:http2 to an endpoint. */
export class NodeClientStream implements ClientStream {
  readonly #session: NodeStreamSession;
  readonly #stream: ClientHttp2Stream;
  readonly #listener: ClientStreamListener;
  /** As they were when the stream began. */
  readonly #wasKept: boolean;
  readonly #heardBefore: number;
  #trailers: readonly string[] = [];
  #isOver = false;

  constructor(session: NodeStreamSession, stream: ClientHttp2Stream, listener: ClientStreamListener) {
    this.#session = session;
    this.#stream = stream;
    this.#listener = listener;
    this.#wasKept = session.carried > 0;
    this.#heardBefore = session.heard;
    stream.on('response', (headers, flags, raw) => {
      session.safely(() => this.#onHead(Number(headers[':status']), flags, raw));
    });
    stream.on('data', (chunk: Buffer) => session.safely(() => this.#onData(chunk)));
    stream.on('trailers', (_headers, _flags, raw) => (this.#trailers = raw));
    stream.on('end', () => session.safely(() => this.#onEnd()));
    stream.on('drain', () => session.safely(() => listener.onDrain()));
    // What it means is told by the close that follows.
    stream.on('error', () => {});
    stream.once('close', () => session.safely(() => this.#onClose()));
  }

  data(chunk: Uint8Array): boolean {
    const stream = this.#stream;
    if (this.#isOver || stream.destroyed || stream.closed) return true;
    return stream.write(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk));
  }

  end(): void {
    if (!this.#stream.destroyed) this.#stream.end();
  }

  reset(code: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream.close(code);
    // One that is held, or has more to write than it may, would never end by itself. The reset leaves first.
    setImmediate(destroy, this.#stream);
    this.#session.ended();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  #onHead(status: number, flags: number, raw: readonly string[]): void {
    this.#hear();
    if (this.#isOver) return;
    const headers = this.#blockOf(raw);
    if (headers === null) return;
    const isLast = (flags & END_STREAM) !== 0;
    if (isLast) this.#complete();
    this.#listener.onHead(status, headers, isLast);
    if (isLast) this.#session.ended();
  }

  #onData(chunk: Buffer): void {
    this.#hear();
    if (!this.#isOver) this.#listener.onData(chunk);
  }

  #onEnd(): void {
    const stream = this.#stream;
    // A stream that was reset ends as well.
    if (this.#isOver || stream.aborted || stream.rstCode !== streamError.NO_ERROR || stream.destroyed) return;
    const trailers = this.#blockOf(this.#trailers);
    if (trailers === null) return;
    this.#complete();
    this.#listener.onEnd(trailers);
    this.#session.ended();
  }

  /** The answer is there; what is left of the request is of no use, and resets the stream with NO_ERROR. */
  #complete(): void {
    this.#isOver = true;
    this.#session.carried++;
    this.#hear();
    this.#stream.destroy();
  }

  #hear(): void {
    this.#session.heard++;
    this.#session.reads++;
  }

  /** Null: it cannot be written down as a block, and the call is lost. */
  #blockOf(raw: readonly string[]): HeaderBlock | null {
    try {
      return headerBlock(withMessage(plainFields(raw)));
    } catch (error) {
      this.reset(streamError.CANCEL);
      const text = `the answer is malformed: ${String(error)}`;
      this.#listener.onLoss({ code: streamError.INTERNAL_ERROR, isUntouched: false, isStale: false, text });
      return null;
    }
  }

  #onClose(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const session = this.#session;
    const stream = this.#stream;
    const { rstCode } = stream;
    const { isAlive } = session;
    const isRefused = rstCode === streamError.REFUSED_STREAM || (stream.id ?? Infinity) > session.lastWorkedOn;
    this.#listener.onLoss({
      code: isAlive ? rstCode : null,
      isUntouched: isRefused || stream.pending,
      isStale: !isAlive && this.#wasKept && session.heard === this.#heardBefore,
      text: isAlive ? `the stream was reset with code ${rstCode}` : session.reason,
    });
    session.ended();
  }
}

/** RFC 9113 6.2. */
const END_STREAM = 0x1;

/** The fields, with the blanks around a text of an error escaped: a block has none around its values. */
function withMessage(fields: readonly string[]): readonly string[] {
  for (let i = 0; i + 1 < fields.length; i += 2) {
    if (fields[i] === STATUS_MESSAGE) return fields.with(i + 1, escapeEnds(fields[i + 1]!));
  }
  return fields;
}

function destroy(stream: ClientHttp2Stream): void {
  stream.destroy();
}
