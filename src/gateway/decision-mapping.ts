import type { Buffer } from 'node:buffer';

import type { EditedAnswer } from '../protocol/answer-text.ts';
import { frameMessage, onlyMessage } from '../protocol/grpc/frame.ts';
import { findHeader, type HeaderBlock, setHeader } from '../protocol/header-block.ts';
import { inferenceHeader } from '../protocol/oip-binary.ts';
import {
  type AnswerMapping,
  answerJsonLength,
  type HeldAnswer,
  isJsonDocument,
  type PieceMapping,
} from './answer-mapping.ts';
import type { BodyDecoder } from './ports.ts';

/**
 * What writes a decision into a message of gRPC, or into a JSON document of which `jsonLength` bytes are JSON (null: all).
 * An answer that has no room for it comes back as the same buffer.
 */
export type AnswerEdit =
  | { readonly kind: 'message'; readonly edit: (message: Buffer) => Buffer }
  | { readonly kind: 'json'; readonly edit: (body: Buffer, jsonLength: number | null) => EditedAnswer };

/** Puts the decision into the body of an answer, behind what another mapping does to it. */
export class DecisionMapping implements AnswerMapping {
  readonly #edit: AnswerEdit;
  readonly #inner: AnswerMapping | null;

  constructor(edit: AnswerEdit, inner: AnswerMapping | null) {
    this.#edit = edit;
    this.#inner = inner;
  }

  holds(status: number, headers: HeaderBlock): boolean {
    if (this.#inner?.holds(status, headers) === true) return true;
    if (this.#edit.kind === 'message') return findHeader(headers, 'grpc-status') === undefined;
    return status < 300 && (isJsonDocument(headers) || findHeader(headers, inferenceHeader) !== undefined);
  }

  map(answer: HeldAnswer): HeldAnswer {
    const { status, headers } = answer;
    const inner = this.#inner?.holds(status, headers) === true ? this.#inner.map(answer) : answer;
    return this.#edit.kind === 'message' ? editMessage(inner, this.#edit) : editJson(inner, this.#edit);
  }

  pieces(status: number, headers: HeaderBlock, decode: BodyDecoder): PieceMapping | null {
    return this.#inner?.pieces(status, headers, decode) ?? null;
  }
}

function editMessage(answer: HeldAnswer, { edit }: Extract<AnswerEdit, { kind: 'message' }>): HeldAnswer {
  const message = onlyMessage(answer.body);
  // Errors have no message.
  return message === null ? answer : { ...answer, body: frameMessage(edit(message)) };
}

function editJson(answer: HeldAnswer, { edit }: Extract<AnswerEdit, { kind: 'json' }>): HeldAnswer {
  if (answer.status >= 300) return answer;
  const edited = edit(answer.body, answerJsonLength(answer.headers));
  if (edited.body === answer.body) return answer;
  let headers = setHeader(answer.headers, 'content-length', String(edited.body.length));
  if (edited.inferenceHeaderLength !== null) {
    headers = setHeader(headers, inferenceHeader, String(edited.inferenceHeaderLength));
  }
  return { ...answer, headers, body: edited.body };
}
