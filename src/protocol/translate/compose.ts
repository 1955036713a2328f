import { Buffer } from 'node:buffer';

import { findHeader } from '../header-block.ts';
import { inferenceHeader } from '../oip-binary.ts';
import type { TranslatableAnswer, TranslatedAnswer, TranslatedRequest, Translator } from './translation.ts';

const noBody = Buffer.alloc(0);

/** Translates by way of a third protocol: with `first` into it, with `second` out of it; answers come back in reverse. */
export function compose(first: Translator, second: Translator): Translator {
  return (request, settings) => {
    const between = first(request, { ...settings, binary: true, isBetween: true });
    if (!between.ok) return between;
    const operation = between.operation ?? request.operation;
    const last = second({ ...request, ...readWritten(between), operation }, settings);
    if (!last.ok) return last;
    return {
      ...last,
      operation: last.operation ?? operation,
      answer: (answer) => {
        const back = last.answer(answer);
        return back.ok ? between.answer(readWritten(back)) : back;
      },
    };
  };
}

/** What was written, as it would have been received. */
function readWritten({ headers, body }: TranslatedRequest | TranslatedAnswer): TranslatableAnswer {
  const length = findHeader(headers, inferenceHeader);
  return {
    contentType: findHeader(headers, 'content-type') ?? '',
    body: body ?? noBody,
    inferenceHeaderLength: length === undefined ? null : Number(length),
  };
}
