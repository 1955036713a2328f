import { Buffer } from 'node:buffer';

import type { Operation } from '../core/facts.ts';
import { frameMessage, onlyMessage } from '../protocol/grpc/frame.ts';
import { editMessages } from '../protocol/grpc/edit-messages.ts';
import { renameStringField } from '../protocol/grpc/string-field.ts';
import { FrameRename } from '../protocol/grpc/frame-rename.ts';
import { findHeader, type HeaderBlock } from '../protocol/header-block.ts';
import type { AnswerMapping, HeldAnswer, PieceMapping } from './answer-mapping.ts';

const NAME_FIELD = 1;
/** Of ModelStatisticsResponse: messages with a name each. */
const STATISTICS_FIELD = 1;

/** Maps the name of the model in messages of `inference.GRPCInferenceService` back; it is in field 1 of all that have it. */
export class GrpcNameMapping implements AnswerMapping {
  readonly #operation: Operation;
  readonly #from: string;
  readonly #to: string;

  constructor(operation: Operation, from: string, to: string) {
    this.#operation = operation;
    this.#from = from;
    this.#to = to;
  }

  holds(_status: number, headers: HeaderBlock): boolean {
    return this.#operation !== 'infer-stream' && findHeader(headers, 'grpc-status') === undefined;
  }

  map(answer: HeldAnswer): HeldAnswer {
    const message = onlyMessage(answer.body);
    if (message === null) return answer;
    const renamed = this.#rename(message);
    return renamed === message ? answer : { ...answer, body: Buffer.from(frameMessage(renamed)) };
  }

  #rename(message: Buffer): Buffer {
    const rename = (named: Buffer): Buffer => renameStringField(named, NAME_FIELD, this.#from, this.#to);
    return this.#operation === 'model-stats' ? editMessages(message, STATISTICS_FIELD, rename) : rename(message);
  }

  pieces(): PieceMapping | null {
    return this.#operation === 'infer-stream' ? new FrameRename(this.#from, this.#to) : null;
  }
}
