import type { Buffer } from 'node:buffer';

import { findHeader, type HeaderBlock } from '../protocol/header-block.ts';
import { inferenceHeader } from '../protocol/oip-binary.ts';
import type { BodyDecoder } from './ports.ts';

/** An answer that was held until it was whole. */
export interface HeldAnswer {
  readonly status: number;
  readonly headers: HeaderBlock;
  readonly body: Buffer;
  /** Of gRPC, `''` for none. */
  readonly trailers: HeaderBlock;
}

/** Changes an answer of a backend on its way to the client: names mapped back, or another protocol. */
export interface AnswerMapping {
  /** Whether an answer that begins like this is changed as a whole; it is then held. */
  holds(status: number, headers: HeaderBlock): boolean;
  /** May throw GatewayError: the backend's answer has no such form. */
  map(answer: HeldAnswer): HeldAnswer;
  /** What changes an answer that is not held, piece by piece; null: it passes as it is. `decode`: for messages of gRPC. */
  pieces(status: number, headers: HeaderBlock, decode: BodyDecoder): PieceMapping | null;
}

/** Changes a stream without holding more of it than one event or message. */
export interface PieceMapping {
  /** What can leave now, perhaps nothing. The bytes that came are not kept. */
  take(chunk: Uint8Array): Uint8Array;
  /** What is left when the stream ends. */
  end(): Uint8Array;
}

/** Length of the JSON in an answer with binary tensors, null when all is JSON or the header is none. */
export function answerJsonLength(headers: HeaderBlock): number | null {
  const value = findHeader(headers, inferenceHeader);
  return value !== undefined && /^[0-9]{1,15}$/.test(value) ? Number(value) : null;
}

/** Whether an answer has a content encoding, so that its bytes mean nothing here. */
export function isEncodedAnswer(headers: HeaderBlock): boolean {
  const encoding = findHeader(headers, 'content-encoding');
  return encoding !== undefined && encoding !== '' && encoding.toLowerCase() !== 'identity';
}

/** JSON as one document: lines or sequences of JSON are streams. */
const JSON_TYPE = /^\s*application\/(?:[\w.!#$&^+-]+\+)?json\s*(?:;|$)/i;

/** Whether an answer is one document of JSON. */
export function isJsonDocument(headers: HeaderBlock): boolean {
  return JSON_TYPE.test(findHeader(headers, 'content-type') ?? '');
}

/** Whether an answer is a stream of server-sent events. */
export function isEventStream(headers: HeaderBlock): boolean {
  return /^\s*text\/event-stream\s*(?:;|$)/i.test(findHeader(headers, 'content-type') ?? '');
}
