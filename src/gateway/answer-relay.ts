import { Buffer } from 'node:buffer';

import { GatewayError } from '../core/errors.ts';
import { grpcAnswerStatus } from '../protocol/grpc/status.ts';
import { type HeaderBlock, setHeader, withoutHeaders } from '../protocol/header-block.ts';
import {
  type AnswerMapping,
  isEncodedAnswer,
  isEventStream,
  isJsonDocument,
  type PieceMapping,
} from './answer-mapping.ts';
import { decodedAnswer } from './decoded-answer.ts';
import type { AnswerHead, BodyDecoder, Clock, Reply } from './ports.ts';
import { StreamTiming } from './stream-timing.ts';

/** Answers up to this length that come in one piece are written in one piece. */
const ONE_WRITE_MAX = 64 * 1024;

const LENGTH: ReadonlySet<string> = new Set(['content-length']);

export interface RelaySettings {
  /** Headers that Makas adds to the answer. */
  readonly added: HeaderBlock;
  /** Fields of the backend that give way to them; null for none. */
  readonly replaced: ReadonlySet<string> | null;
  readonly mapping: AnswerMapping | null;
  /** Whether the status is in the trailers. */
  readonly isGrpc: boolean;
  /** Keep a copy of answers up to this length, for shadows; 0: keep none. */
  readonly keepBytes: number;
  readonly maxAnswerBytes: number;
  /** For answers that are changed and come with a content encoding all the same. */
  readonly decode: BodyDecoder;
}

/**
 * Passes one answer from an endpoint to the client: at once as it comes, except small answers, which leave in one
 * write, and answers that are mapped as a whole, which are held until they are whole.
 */
export class AnswerRelay {
  readonly #reply: Reply;
  readonly #clock: Clock;
  readonly #settings: RelaySettings;
  status = 0;
  answerBytes = 0;
  isHeadSent = false;
  headers: HeaderBlock = '';
  /** As the backend sent it; null before. */
  received: AnswerHead | null = null;
  receivedTrailers: HeaderBlock = '';
  /** Of gRPC, once the answer has ended. */
  trailers: HeaderBlock = '';
  /** Whether it came to be passed on piece by piece without a known end. Of gRPC the method says it, not the answer. */
  isStream = false;
  /** Of a stream of events that can be read, when they left; null for other answers. */
  timing: StreamTiming | null = null;
  #length = -1;
  #mode: 'one-write' | 'stream' | 'hold' = 'stream';
  #pieces: PieceMapping | null = null;
  #held: Uint8Array[] = [];
  #kept: Uint8Array[] | null;
  #isKeptWhole = true;

  constructor(reply: Reply, clock: Clock, settings: RelaySettings) {
    this.#reply = reply;
    this.#clock = clock;
    this.#settings = settings;
    this.#kept = settings.keepBytes > 0 ? [] : null;
  }

  onDrain(callback: () => void): void {
    this.#reply.onDrain(callback);
  }

  /** Throws when the answer is larger than allowed. */
  onHead(head: AnswerHead): void {
    const { mapping } = this.#settings;
    this.#take(head);
    if (mapping !== null && mapping.holds(head.status, head.headers)) this.#mode = 'hold';
    else if (this.#length >= 0 && this.#length <= ONE_WRITE_MAX) this.#mode = 'one-write';
    else this.#sendHead();
  }

  /** The whole answer; the bytes of its body are not to be kept. Throws when it is larger than allowed. */
  onWhole(head: AnswerHead, body: Uint8Array, trailers: HeaderBlock = ''): void {
    const { mapping } = this.#settings;
    this.#take(head);
    this.answerBytes = body.length;
    if (this.#isKeeping()) this.#keep(Buffer.from(body));
    this.#takeTrailers(trailers);
    if (mapping !== null && mapping.holds(head.status, head.headers)) this.#sendMapped(mapping, asBuffer(body));
    else this.#sendWhole(body);
    this.isHeadSent = true;
  }

  /** The bytes are not to be kept. false: pause until the client has taken what was written. */
  onData(chunk: Uint8Array): boolean {
    this.answerBytes += chunk.length;
    if (this.#mode === 'stream') {
      if (this.#isKeeping()) this.#keep(Buffer.from(chunk));
      return this.#write(chunk);
    }
    const held = Buffer.from(chunk);
    if (this.#isKeeping()) this.#keep(held);
    this.#held.push(held);
    if (this.#mode === 'hold' && this.answerBytes > this.#settings.maxAnswerBytes)
      throw new GatewayError('UPSTREAM_BAD_RESPONSE', undefined, 'the answer is larger than may be held');
    // An answer in pieces is not worth holding: its beginning may be all that the client waits for.
    if (this.#mode === 'one-write' && this.answerBytes < this.#length) this.#mode = 'stream';
    if (this.#mode !== 'stream') return true;
    this.#sendHead();
    let isFlowing = true;
    for (const piece of this.#held) isFlowing = this.#write(piece);
    this.#held = [];
    return isFlowing;
  }

  onEnd(trailers: HeaderBlock = ''): void {
    const { mapping } = this.#settings;
    this.#takeTrailers(trailers);
    if (this.#mode === 'stream') {
      const left = this.#pieces?.end();
      if (left !== undefined && left.length > 0) this.#reply.write(left);
      this.#reply.end(this.trailers);
      return;
    }
    const body = joined(this.#held);
    if (this.#mode === 'hold' && mapping !== null) this.#sendMapped(mapping, body);
    else this.#sendWhole(body);
    this.isHeadSent = true;
  }

  /** The whole answer when it was kept, else null. */
  keptBody(): Buffer | null {
    return this.#kept !== null && this.#isKeptWhole ? joined(this.#kept) : null;
  }

  /** HTTP status that the answer stands for. */
  get meantStatus(): number {
    return this.#settings.isGrpc ? grpcAnswerStatus(this.headers, this.trailers) : this.status;
  }

  #take(head: AnswerHead): void {
    const { added, replaced, maxAnswerBytes } = this.#settings;
    this.received = head;
    this.status = head.status;
    this.#length = head.length;
    this.headers = (replaced === null ? head.headers : withoutHeaders(head.headers, replaced)) + added;
    if (head.length > maxAnswerBytes) throw new GatewayError('UPSTREAM_BAD_RESPONSE');
  }

  #takeTrailers(trailers: HeaderBlock): void {
    this.receivedTrailers = trailers;
    this.trailers = trailers;
  }

  #sendHead(): void {
    this.#mode = 'stream';
    this.#pieces = this.#piecesOf();
    if (this.#pieces !== null) this.headers = withoutHeaders(this.headers, LENGTH);
    const isEvents = isEventStream(this.headers);
    if (isEvents && !isEncodedAnswer(this.headers)) this.timing = new StreamTiming();
    this.isStream = !this.#settings.isGrpc && (isEvents || (this.#length < 0 && !isJsonDocument(this.headers)));
    this.#reply.head(this.status, this.headers);
    this.isHeadSent = true;
  }

  /** Sends an answer that is whole and not mapped as a whole; what is changed piece by piece is one piece. */
  #sendWhole(body: Uint8Array): void {
    let whole = body;
    const pieces = this.#piecesOf();
    if (pieces !== null) {
      const first = Buffer.from(pieces.take(body));
      whole = Buffer.concat([first, pieces.end()]);
      if (this.#length >= 0) this.headers = setHeader(this.headers, 'content-length', String(whole.length));
    }
    this.#reply.send(this.status, this.headers, whole, this.trailers);
  }

  #piecesOf(): PieceMapping | null {
    const { mapping, decode } = this.#settings;
    return mapping?.pieces(this.status, this.headers, decode) ?? null;
  }

  #write(chunk: Uint8Array): boolean {
    const piece = this.#pieces === null ? chunk : this.#pieces.take(chunk);
    if (piece.length === 0) return true;
    this.timing?.take(piece, this.#clock.steady());
    return this.#reply.write(piece);
  }

  #sendMapped(mapping: AnswerMapping, body: Buffer): void {
    const { status, headers, trailers } = this;
    const mapped = mapping.map(decodedAnswer({ status, headers, body, trailers }, this.#settings.decode));
    this.status = mapped.status;
    this.headers = mapped.headers;
    this.trailers = mapped.trailers;
    this.#reply.send(mapped.status, mapped.headers, mapped.body, mapped.trailers);
  }

  #isKeeping(): boolean {
    return this.#kept !== null && this.#isKeptWhole;
  }

  #keep(chunk: Buffer): void {
    this.#isKeptWhole = this.answerBytes <= this.#settings.keepBytes;
    if (this.#isKeptWhole) this.#kept?.push(chunk);
    else this.#kept = [];
  }
}

function joined(chunks: readonly Uint8Array[]): Buffer {
  const first = chunks[0];
  if (first === undefined) return Buffer.alloc(0);
  return chunks.length === 1 ? asBuffer(first) : Buffer.concat(chunks);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
