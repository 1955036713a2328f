import { findHeader, type HeaderBlock, headerList } from '../../protocol/header-block.ts';
import {
  answerFields,
  crossingOf,
  DROP_ALWAYS,
  DROP_DOWNSTREAM,
  NAMES_OTHERS,
} from '../../protocol/header-crossing.ts';

/** What a call wants to know of the head or the trailers of an answer. */
export interface AnswerFields {
  /** The fields that cross to the client. */
  readonly crossing: HeaderBlock;
  /** Value of `grpc-status`; null when there is none. */
  readonly status: string | null;
  /** Whether the content type is one of gRPC. */
  readonly isGrpc: boolean;
}

/** Reads the fields of answers. Those of an endpoint are mostly the same, so that the last ones are remembered. */
export class AnswerFieldReader {
  #block: HeaderBlock = '';
  #fields: AnswerFields = readFields('');

  read(block: HeaderBlock): AnswerFields {
    if (block !== this.#block) {
      this.#fields = readFields(block);
      this.#block = block;
    }
    return this.#fields;
  }
}

function readFields(block: HeaderBlock): AnswerFields {
  return {
    crossing: crossingFields(block),
    status: findHeader(block, 'grpc-status') ?? null,
    isGrpc: findHeader(block, 'content-type')?.startsWith('application/grpc') === true,
  };
}

/** What `answerFields` makes of the fields; mostly all of them cross. */
function crossingFields(block: HeaderBlock): HeaderBlock {
  let crossing = '';
  // Fields that cross and follow each other are cut out at once.
  let run = 0;
  for (let start = 0; start < block.length;) {
    const flags = crossingOf(block.slice(start, block.indexOf(':', start)));
    if ((flags & NAMES_OTHERS) !== 0) return answerFields(headerList(block));
    const end = block.indexOf('\n', start) + 1;
    if ((flags & (DROP_ALWAYS | DROP_DOWNSTREAM)) !== 0) {
      crossing += block.slice(run, start);
      run = end;
    }
    start = end;
  }
  return run === 0 ? block : crossing + block.slice(run);
}
