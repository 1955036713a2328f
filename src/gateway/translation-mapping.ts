import { Buffer } from 'node:buffer';

import type { Protocol } from '../core/facts.ts';
import { GatewayError } from '../core/errors.ts';
import type { CodecReason } from '../protocol/codec-result.ts';
import { errorAnswer } from '../protocol/error-answer.ts';
import { readErrorText } from '../protocol/error-text.ts';
import { frameMessage, onlyMessage } from '../protocol/grpc/frame.ts';
import { renameStringField } from '../protocol/grpc/string-field.ts';
import { grpcToHttpStatus, readGrpcMessage } from '../protocol/grpc/status.ts';
import { findHeader, type HeaderBlock, setHeader, withoutHeaders } from '../protocol/header-block.ts';
import { inferenceHeader } from '../protocol/oip-binary.ts';
import { isGrpc } from '../protocol/protocols.ts';
import { renameAnswer } from '../protocol/rename.ts';
import type { AnswerTranslator, TranslatedAnswer } from '../protocol/translate/translation.ts';
import { type AnswerMapping, answerJsonLength, type HeldAnswer, isEncodedAnswer } from './answer-mapping.ts';

/** Fields that describe the backend's body, or what only its protocol has. */
const OF_THE_BODY: ReadonlySet<string> = new Set([
  'content-type',
  'content-length',
  'inference-header-content-length',
  'grpc-encoding',
  'grpc-accept-encoding',
  'grpc-status',
  'grpc-message',
  'grpc-status-details-bin',
]);

/** Where answers of the Open Inference Protocol name the model. */
const NAME_KEYS = ['model_name', 'name'];
/** Of readiness in KServe V1. */
const V1_NAME_KEYS = ['name'];
const NAME_FIELD = 1;

/** HTTP status for what an answer has no form for and that is no fault of the backend's. */
const statuses: ReadonlyMap<CodecReason, number> = new Map<CodecReason, number>([
  ['NOT_READY', 503],
  // The client named the output.
  ['UNKNOWN_OUTPUT', 400],
]);

interface Names {
  readonly from: string;
  readonly to: string;
}

/** Brings an answer, or an error, of one protocol into that of the client. */
export class TranslationMapping implements AnswerMapping {
  readonly #client: Protocol;
  readonly #backend: Protocol;
  readonly #translate: AnswerTranslator;
  readonly #names: Names | null;

  /** `names`: what the backend and the client call the model, when they differ. */
  constructor(client: Protocol, backend: Protocol, translate: AnswerTranslator, names: Names | null) {
    this.#client = client;
    this.#backend = backend;
    this.#translate = translate;
    this.#names = names;
  }

  holds(): boolean {
    return true;
  }

  pieces(): null {
    return null;
  }

  map(answer: HeldAnswer): HeldAnswer {
    const headers = withoutHeaders(answer.headers, OF_THE_BODY);
    const failure = isGrpc(this.#backend) ? grpcFailure(answer) : httpFailure(answer);
    if (failure !== null) return this.#fail(failure.status, failure.message, headers, failure.grpc);
    if (isEncodedAnswer(answer.headers)) throw unreadable('the answer is compressed');
    const body = isGrpc(this.#backend) ? onlyMessage(answer.body) : answer.body;
    if (body === null) throw unreadable('the answer is not one message');
    const contentType = findHeader(answer.headers, 'content-type') ?? '';
    const translated = this.#translate({ contentType, body, inferenceHeaderLength: answerJsonLength(answer.headers) });
    if (!translated.ok) {
      const status = statuses.get(translated.reason);
      if (status !== undefined) return this.#fail(status, translated.message, headers, undefined);
      throw unreadable(translated.message);
    }
    const named = this.#rename(translated);
    const own = headers + named.headers;
    if (isGrpc(this.#client)) {
      return { status: 200, headers: own, body: frameMessage(named.body), trailers: 'grpc-status: 0\r\n' };
    }
    const length = String(named.body.length);
    return { status: 200, headers: setHeader(own, 'content-length', length), body: named.body, trailers: '' };
  }

  /** The name of the model in the answer as the client knows it. */
  #rename(answer: TranslatedAnswer): TranslatedAnswer {
    if (this.#names === null) return answer;
    const { from, to } = this.#names;
    if (this.#client === 'oip-grpc') return { ...answer, body: renameStringField(answer.body, NAME_FIELD, from, to) };
    if (this.#client !== 'oip' && this.#client !== 'kserve-v1') return answer;
    let { body, headers } = answer;
    for (const key of this.#client === 'oip' ? NAME_KEYS : V1_NAME_KEYS) {
      const renamed = renameAnswer(body, answerJsonLength(headers), key, from, to);
      body = renamed.body;
      if (renamed.inferenceHeaderLength !== null) {
        headers = setHeader(headers, inferenceHeader, String(renamed.inferenceHeaderLength));
      }
    }
    return { ...answer, body, headers };
  }

  #fail(status: number, message: string, headers: HeaderBlock, grpc: number | undefined): HeldAnswer {
    const error = { status, code: 'UPSTREAM', message, ...(grpc === undefined ? {} : { grpc }) };
    const { status: onWire, headers: own, body } = errorAnswer(this.#client, error);
    return { status: onWire, headers: headers + own, body: body ?? Buffer.alloc(0), trailers: '' };
  }
}

interface Failure {
  readonly status: number;
  readonly grpc?: number;
  readonly message: string;
}

function httpFailure({ status, headers, body }: HeldAnswer): Failure | null {
  if (status >= 200 && status < 300) return null;
  return { status, message: isEncodedAnswer(headers) ? '' : readErrorText(body) };
}

function grpcFailure({ headers, trailers }: HeldAnswer): Failure | null {
  const fields = trailers === '' ? headers : trailers;
  const code = Number(findHeader(fields, 'grpc-status') ?? 2);
  if (code === 0) return null;
  const message = readGrpcMessage(findHeader(fields, 'grpc-message') ?? '');
  return { status: grpcToHttpStatus(code), grpc: code, message };
}

function unreadable(why: string): GatewayError {
  return new GatewayError('UPSTREAM_BAD_RESPONSE', undefined, why);
}
