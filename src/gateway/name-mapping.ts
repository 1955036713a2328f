import type { Facts } from '../core/facts.ts';
import { findHeader, type HeaderBlock, setHeader } from '../protocol/header-block.ts';
import { inferenceHeader } from '../protocol/oip-binary.ts';
import { renameAnswer, renameInArray } from '../protocol/rename.ts';
import { EventRename } from '../protocol/sse-rename.ts';
import {
  type AnswerMapping,
  answerJsonLength,
  type HeldAnswer,
  isEncodedAnswer,
  isEventStream,
  type PieceMapping,
} from './answer-mapping.ts';

/** JSON as one document: lines or sequences of JSON are streams, which must not be held. */
const JSON_TYPE = /^\s*application\/(?:[\w.!#$&^+-]+\+)?json\s*(?:;|$)/i;

const OIP_KEYS = ['model_name', 'name'];
const OPENAI_KEYS = ['model'];
const V1_KEYS = ['name'];

/** Maps the name of the model in JSON answers back to the one that the client knows. Errors of a model server pass untouched. */
export class NameMapping implements AnswerMapping {
  readonly #from: string;
  readonly #to: string;
  readonly #keys: readonly string[];
  readonly #isStatistics: boolean;
  /** Events of the Responses API hold the response as it is by then. */
  readonly #inside: string | null;

  constructor({ protocol, operation }: Pick<Facts, 'protocol' | 'operation'>, from: string, to: string) {
    this.#from = from;
    this.#to = to;
    this.#inside = operation === 'responses' ? 'response' : null;
    this.#isStatistics = operation === 'model-stats';
    this.#keys = protocol === 'openai' ? OPENAI_KEYS : protocol === 'oip' ? OIP_KEYS : V1_KEYS;
  }

  holds(status: number, headers: HeaderBlock): boolean {
    if (status >= 300 || isEncodedAnswer(headers)) return false;
    if (findHeader(headers, inferenceHeader) !== undefined) return true;
    return JSON_TYPE.test(findHeader(headers, 'content-type') ?? '');
  }

  map(answer: HeldAnswer): HeldAnswer {
    let { body, headers } = answer;
    let inferenceHeaderLength = answerJsonLength(headers);
    for (const key of this.#keys) {
      ({ body, inferenceHeaderLength } = renameAnswer(body, inferenceHeaderLength, key, this.#from, this.#to));
    }
    if (this.#isStatistics) body = renameInArray(body, 'model_stats', 'name', this.#from, this.#to);
    if (body === answer.body) return answer;
    headers = setHeader(headers, 'content-length', String(body.length));
    if (inferenceHeaderLength !== null) headers = setHeader(headers, inferenceHeader, String(inferenceHeaderLength));
    return { ...answer, body, headers };
  }

  pieces(status: number, headers: HeaderBlock): PieceMapping | null {
    if (status >= 300 || isEncodedAnswer(headers) || !isEventStream(headers)) return null;
    return new EventRename(this.#keys, this.#from, this.#to, this.#inside);
  }
}
