import type { Facts, Operation } from '../core/facts.ts';
import { answerNames, type AnswerNames } from '../protocol/answer-names.ts';
import { findHeader, type HeaderBlock, setHeader } from '../protocol/header-block.ts';
import { inferenceHeader } from '../protocol/oip-binary.ts';
import { renameAnswer, renameInArray, renameInObject } from '../protocol/rename.ts';
import { EventRename } from '../protocol/sse-rename.ts';
import {
  type AnswerMapping,
  answerJsonLength,
  type HeldAnswer,
  isEncodedAnswer,
  isEventStream,
  isJsonDocument,
  type PieceMapping,
} from './answer-mapping.ts';
import { encodedAnswer } from './decoded-answer.ts';

/** Their answers must not be held, whatever they claim to be. */
const streams: ReadonlySet<Operation> = new Set<Operation>(['infer-stream', 'generate-stream']);

/** Maps the name of the model in JSON answers back to the one that the client knows. Errors of a model server pass untouched. */
export class NameMapping implements AnswerMapping {
  readonly #from: string;
  readonly #to: string;
  readonly #names: AnswerNames | null;
  readonly #isStream: boolean;

  constructor({ protocol, operation }: Pick<Facts, 'protocol' | 'operation'>, from: string, to: string) {
    this.#from = from;
    this.#to = to;
    this.#names = answerNames(protocol, operation);
    this.#isStream = streams.has(operation);
  }

  holds(status: number, headers: HeaderBlock): boolean {
    if (status >= 300 || this.#names === null || this.#isStream) return false;
    return findHeader(headers, inferenceHeader) !== undefined || isJsonDocument(headers);
  }

  map(answer: HeldAnswer): HeldAnswer {
    if (this.#names === null) return answer;
    const { keys, inside, list } = this.#names;
    let { body, headers } = answer;
    let inferenceHeaderLength = answerJsonLength(headers);
    for (const key of keys) {
      ({ body, inferenceHeaderLength } = renameAnswer(body, inferenceHeaderLength, key, this.#from, this.#to));
      if (inside !== null) body = renameInObject(body, inside, key, this.#from, this.#to);
      if (list !== null) body = renameInArray(body, list, key, this.#from, this.#to);
    }
    if (body === answer.body) return answer;
    headers = setHeader(headers, 'content-length', String(body.length));
    if (inferenceHeaderLength !== null) headers = setHeader(headers, inferenceHeader, String(inferenceHeaderLength));
    return { ...answer, body, headers };
  }

  /** Throws for events that cannot be read. */
  pieces(status: number, headers: HeaderBlock): PieceMapping | null {
    if (status >= 300 || this.#names === null || !isEventStream(headers)) return null;
    if (isEncodedAnswer(headers)) throw encodedAnswer();
    return new EventRename(this.#names.keys, this.#from, this.#to, this.#names.inside);
  }
}
