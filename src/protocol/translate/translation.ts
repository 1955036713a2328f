import type { Buffer } from 'node:buffer';

import type { Operation } from '../../core/facts.ts';
import type { TranslationSettings } from '../../core/snapshot.ts';
import type { CodecFailure } from '../codec-result.ts';
import type { HeaderBlock } from '../header-block.ts';

/** A whole request of one protocol, to be written in another. */
export interface TranslatableRequest {
  readonly operation: Operation;
  /** Names as the backend knows them; `''` for none. */
  readonly model: string;
  readonly version: string;
  /** Names as the client knows them. */
  readonly named: { readonly model: string; readonly version: string };
  /** As the client sent it, `''` for none. */
  readonly contentType: string;
  /** Of gRPC protocols: the bytes of one message, without its prefix and not compressed. */
  readonly body: Buffer;
  /** Length of the JSON in a body with binary tensors, else null. */
  readonly inferenceHeaderLength: number | null;
}

/** The request in the other protocol, and how its answer comes back. */
export interface TranslatedRequest {
  readonly ok: true;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** The fields that describe the body. */
  readonly headers: HeaderBlock;
  /** Null for none. Of gRPC protocols: one message without its prefix. */
  readonly body: Buffer | null;
  /** What it asks for, when that has another name in the other protocol. */
  readonly operation?: Operation;
  readonly answer: AnswerTranslator;
}

/** A whole answer with a success. Of gRPC protocols: the body is one message without its prefix. */
export interface TranslatableAnswer {
  readonly contentType: string;
  readonly body: Buffer;
  readonly inferenceHeaderLength: number | null;
}

export interface TranslatedAnswer {
  readonly ok: true;
  /** The fields that describe the body. */
  readonly headers: HeaderBlock;
  readonly body: Buffer;
}

/**
 * Writes an answer in the protocol of the request. A failure is the backend's, because its answer has no such form, but
 * for the reasons `NOT_READY` and `UNKNOWN_OUTPUT`.
 */
export type AnswerTranslator = (answer: TranslatableAnswer) => TranslatedAnswer | CodecFailure;

/** What a translator knows of who reads what it writes. */
export interface TranslatorSettings extends TranslationSettings {
  /** Another translator reads it, which takes what servers may not: binary tensors and the tokens NaN and Infinity. */
  readonly isBetween?: true;
}

/**
 * Writes a request of one protocol in another, where its meaning is kept; a failure says which field stands in the way
 * and why.
 */
export type Translator = (
  request: TranslatableRequest,
  settings: TranslatorSettings,
) => TranslatedRequest | CodecFailure;
