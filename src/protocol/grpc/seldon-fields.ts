import type { Buffer } from 'node:buffer';

import type { FieldPath, Scalar } from '../../core/facts.ts';
import type { BodyFields } from '../body-fields.ts';
import { readFeedbackMessage } from './seldon-message.ts';
import { readSeldonMeta } from './seldon-read.ts';

/**
 * What can be looked up in a SeldonMessage: `meta`; in a Feedback: `reward` and `response.meta`. Of `meta` there are puid,
 * routing and those tags that are texts. Read when it is first asked for.
 */
export class SeldonFields implements BodyFields {
  readonly #message: Buffer;
  readonly #isFeedback: boolean;
  #parsed: { readonly value: object | undefined } | null = null;

  constructor(message: Buffer, isFeedback: boolean) {
    this.#message = message;
    this.#isFeedback = isFeedback;
  }

  /** Undefined also for an empty text, which protobuf does not tell from an absent one. */
  field(path: FieldPath): Scalar | undefined {
    let at: unknown = this.parsed();
    for (const key of path) {
      if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
      at = (at as Readonly<Record<string, unknown>>)[key];
    }
    return typeof at === 'number' || (typeof at === 'string' && at !== '') ? at : undefined;
  }

  /** Undefined for malformed messages. */
  parsed(): object | undefined {
    this.#parsed ??= { value: this.#read() };
    return this.#parsed.value;
  }

  isDoubtful(): boolean {
    return this.#parsed !== null && this.#parsed.value === undefined;
  }

  #read(): object | undefined {
    if (this.#isFeedback) return readFeedbackMessage(this.#message) ?? undefined;
    const meta = readSeldonMeta(this.#message, [0, this.#message.length]);
    return meta === null ? undefined : { meta };
  }
}
