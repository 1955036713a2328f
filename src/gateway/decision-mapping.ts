import { addAnswerText, type AnswerPlace } from '../protocol/answer-text.ts';
import { frameMessage, onlyMessage } from '../protocol/grpc/frame.ts';
import { addStringParameter } from '../protocol/grpc/parameters.ts';
import { findHeader, type HeaderBlock, setHeader } from '../protocol/header-block.ts';
import { inferenceHeader } from '../protocol/oip-binary.ts';
import {
  type AnswerMapping,
  answerJsonLength,
  type HeldAnswer,
  isEncodedAnswer,
  type PieceMapping,
} from './answer-mapping.ts';

/** Field of ModelInferResponse with its parameters. */
const PARAMETERS_FIELD = 4;

/** Where the token goes: to parameters of a message, or to a place of a JSON document. */
export type TokenPlace = 'message' | AnswerPlace;

/** Puts the decision token into the body of an answer, behind what another mapping does to it. */
export class DecisionMapping implements AnswerMapping {
  readonly #place: TokenPlace;
  readonly #key: string;
  readonly #token: string;
  readonly #inner: AnswerMapping | null;

  constructor(place: TokenPlace, key: string, token: string, inner: AnswerMapping | null) {
    this.#place = place;
    this.#key = key;
    this.#token = token;
    this.#inner = inner;
  }

  holds(status: number, headers: HeaderBlock): boolean {
    if (this.#inner?.holds(status, headers) === true) return true;
    if (this.#place === 'message') return findHeader(headers, 'grpc-status') === undefined;
    if (status >= 300 || isEncodedAnswer(headers)) return false;
    const isJson = /^\s*application\/json\s*(?:;|$)/i.test(findHeader(headers, 'content-type') ?? '');
    return isJson || findHeader(headers, inferenceHeader) !== undefined;
  }

  map(answer: HeldAnswer): HeldAnswer {
    const { status, headers } = answer;
    const inner = this.#inner?.holds(status, headers) === true ? this.#inner.map(answer) : answer;
    return this.#place === 'message' ? this.#addToMessage(inner) : this.#addToJson(inner, this.#place);
  }

  pieces(status: number, headers: HeaderBlock): PieceMapping | null {
    return this.#inner?.pieces(status, headers) ?? null;
  }

  #addToMessage(answer: HeldAnswer): HeldAnswer {
    const message = onlyMessage(answer.body);
    // Errors have no message.
    if (message === null) return answer;
    return { ...answer, body: frameMessage(addStringParameter(message, PARAMETERS_FIELD, this.#key, this.#token)) };
  }

  #addToJson(answer: HeldAnswer, place: AnswerPlace): HeldAnswer {
    if (answer.status >= 300) return answer;
    const added = addAnswerText(answer.body, answerJsonLength(answer.headers), place, this.#key, this.#token);
    if (added.body === answer.body) return answer;
    let headers = setHeader(answer.headers, 'content-length', String(added.body.length));
    if (added.inferenceHeaderLength !== null) {
      headers = setHeader(headers, inferenceHeader, String(added.inferenceHeaderLength));
    }
    return { ...answer, headers, body: added.body };
  }
}
