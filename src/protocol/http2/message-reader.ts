import type { Buffer } from 'node:buffer';

import type { FrameCounts, FrameReceiver } from './frame-receiver.ts';
import { errorCode } from './frames.ts';
import { HpackDecoder, MALFORMED, TOO_LARGE, UNDECODABLE, type HpackDecoderOptions } from './hpack-decoder.ts';
import {
  AWAITS_HEAD,
  ENDED,
  IDLE,
  RESET_BY_PEER,
  RESET_BY_US,
  SKIPPED,
  StreamStates,
  UNKNOWN_LENGTH,
} from './stream-states.ts';

export interface MessageLimits extends HpackDecoderOptions {
  /** Whether the peer is a client. */
  readonly isServer: boolean;
}

/**
 * Makes messages of the blocks and the data of a connection, RFC 9113 8.1, and knows the streams that they are on. The
 * methods return the code of a connection error, with its `problem`, or NO_ERROR.
 */
export class MessageReader {
  readonly streams = new StreamStates();
  readonly decoder: HpackDecoder;
  /** What a connection error is about; for logs. */
  problem = '';
  readonly #isServer: boolean;
  readonly #receiver: FrameReceiver;
  readonly #counts: FrameCounts;

  constructor(limits: MessageLimits, receiver: FrameReceiver, counts: FrameCounts) {
    this.decoder = new HpackDecoder(limits);
    this.#isServer = limits.isServer;
    this.#receiver = receiver;
    this.#counts = counts;
  }

  /** A frame of DATA begins. */
  beginData(stream: number): number {
    const state = this.streams.of(stream);
    if (state === IDLE) return errorCode.PROTOCOL_ERROR;
    if (state === AWAITS_HEAD) this.failStream(stream, errorCode.PROTOCOL_ERROR, 'DATA before a head');
    else if (state === ENDED || state === RESET_BY_PEER || state === SKIPPED)
      this.failStream(stream, errorCode.STREAM_CLOSED, 'DATA after the end');
    return errorCode.NO_ERROR;
  }

  /** The frame has so many octets of data. */
  expectData(stream: number, length: number, isEnd: boolean): void {
    const left = this.streams.of(stream);
    if (left < 0) return;
    if (length > left || (isEnd && length < left))
      this.failStream(stream, errorCode.PROTOCOL_ERROR, 'DATA unlike content-length');
    else this.streams.set(stream, left - length);
  }

  /** A piece of the frame. */
  takeData(stream: number, bytes: Buffer, at: number, to: number, isEnd: boolean, flowLength: number): void {
    const left = this.streams.of(stream);
    if (left < 0 && left !== UNKNOWN_LENGTH) {
      if (flowLength > 0) this.#receiver.onDiscarded(flowLength);
      return;
    }
    if (isEnd) this.streams.close(stream, ENDED);
    if (isEnd || flowLength > 0) this.#receiver.onData(stream, bytes, at, to, isEnd, flowLength);
  }

  /** A whole block. */
  takeBlock(stream: number, isEnd: boolean, bytes: Buffer, at: number, to: number): number {
    const state = this.streams.of(stream);
    const isNew = state === IDLE && this.#isServer && (stream & 1) === 1;
    if ((state === IDLE && !isNew) || state === SKIPPED)
      return this.#refuse(errorCode.PROTOCOL_ERROR, 'a stream with a bad number');
    if (state === ENDED) return this.#refuse(errorCode.STREAM_CLOSED, 'HEADERS after the end');
    // It is decoded in any case: the next blocks depend on it.
    const verdict = this.decoder.decode(bytes, at, to);
    if (verdict === UNDECODABLE) return this.#refuse(errorCode.COMPRESSION_ERROR, this.decoder.problem);
    if (isNew) this.streams.open(stream, AWAITS_HEAD);
    if (state === RESET_BY_PEER) this.failStream(stream, errorCode.STREAM_CLOSED, 'HEADERS after a reset');
    else if (state < IDLE) this.#counts.idle++;
    else if (verdict === TOO_LARGE) this.failStream(stream, errorCode.ENHANCE_YOUR_CALM, 'too many fields');
    else if (verdict === MALFORMED) this.#refuseMessage(stream, this.decoder.section.problem);
    else if (isNew || state === AWAITS_HEAD) this.#takeHead(stream, isEnd);
    else this.#takeTrailers(stream, isEnd, state);
    return errorCode.NO_ERROR;
  }

  /** Tells of a stream error; nothing more is told of the stream. */
  failStream(stream: number, code: number, problem: string): void {
    this.#counts.errors++;
    this.streams.close(stream, RESET_BY_US);
    this.#receiver.onStreamError(stream, code, problem);
  }

  #takeHead(stream: number, isEnd: boolean): void {
    const { section } = this.decoder;
    const { status } = section;
    const isGood = this.#isServer ? section.isRequest() : section.isResponse();
    if (!isGood) return this.#refuseMessage(stream, 'bad pseudo fields');
    if (status !== 0 && status < 200) {
      this.#counts.idle++;
      if (isEnd) this.#refuseMessage(stream, 'an interim response that ends');
      return;
    }
    // Such a response has no content, whatever length it gives (RFC 9110 8.6).
    const length = status === 204 || status === 304 ? -1 : section.contentLength;
    if (isEnd && length > 0) return this.#refuseMessage(stream, 'DATA unlike content-length');
    if (isEnd) this.streams.close(stream, ENDED);
    else this.streams.set(stream, length === -1 ? UNKNOWN_LENGTH : length);
    this.#receiver.onHead(stream, section, isEnd);
  }

  #takeTrailers(stream: number, isEnd: boolean, left: number): void {
    const { section } = this.decoder;
    if (!isEnd || !section.isTrailers()) return this.#refuseMessage(stream, 'bad trailers');
    if (left > 0) return this.#refuseMessage(stream, 'DATA unlike content-length');
    this.streams.close(stream, ENDED);
    this.#receiver.onTrailers(stream, section);
  }

  /** RFC 9113 8.1.1. */
  #refuseMessage(stream: number, problem: string): void {
    this.failStream(stream, errorCode.PROTOCOL_ERROR, problem);
  }

  #refuse(code: number, problem: string): number {
    this.problem = problem;
    return code;
  }
}
