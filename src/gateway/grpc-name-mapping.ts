import type { Buffer } from 'node:buffer';

import { type NamePath, renameAt } from '../protocol/grpc/answer-name.ts';
import { frameMessage, onlyMessage } from '../protocol/grpc/frame.ts';
import { FrameRename } from '../protocol/grpc/frame-rename.ts';
import { findHeader, type HeaderBlock } from '../protocol/header-block.ts';
import type { AnswerMapping, HeldAnswer, PieceMapping } from './answer-mapping.ts';
import { encodedAnswer } from './decoded-answer.ts';
import type { BodyDecoder } from './ports.ts';

/** Maps the name of the model in the one message of an answer back to the one that the client knows. */
export class GrpcNameMapping implements AnswerMapping {
  readonly #path: NamePath;
  readonly #from: string;
  readonly #to: string;

  constructor(path: NamePath, from: string, to: string) {
    this.#path = path;
    this.#from = from;
    this.#to = to;
  }

  holds(_status: number, headers: HeaderBlock): boolean {
    return findHeader(headers, 'grpc-status') === undefined;
  }

  map(answer: HeldAnswer): HeldAnswer {
    const message = onlyMessage(answer.body);
    if (message === null) return answer;
    const renamed = renameAt(message, this.#path, this.#from, this.#to);
    return renamed === message ? answer : { ...answer, body: frameMessage(renamed) };
  }

  pieces(): null {
    return null;
  }
}

/** The same for the messages of ModelStreamInfer, while they pass. */
export class GrpcStreamMapping implements AnswerMapping {
  readonly #from: string;
  readonly #to: string;

  constructor(from: string, to: string) {
    this.#from = from;
    this.#to = to;
  }

  holds(): boolean {
    return false;
  }

  map(answer: HeldAnswer): HeldAnswer {
    return answer;
  }

  /** What it gives throws for messages that cannot be decompressed. */
  pieces(_status: number, headers: HeaderBlock, decode: BodyDecoder): PieceMapping {
    const encoding = findHeader(headers, 'grpc-encoding') ?? '';
    return new FrameRename(this.#from, this.#to, (message: Buffer) => {
      const plain = decode(encoding, message);
      if (plain === null || plain === 'too-large') throw encodedAnswer();
      return plain;
    });
  }
}
