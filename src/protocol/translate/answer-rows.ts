import { type CodecFailure, fail } from '../codec-result.ts';
import { finishBody, startBody } from './json-body.ts';
import { type RowSource, writeRows } from './nested-rows.ts';
import { readOipAnswer } from './oip-document.ts';
import { openElements } from './oip-tensors.ts';
import { answerWith } from './requests.ts';
import type { TranslatableAnswer, TranslatedAnswer } from './translation.ts';

/**
 * An answer of the Open Inference Protocol as `{"predictions": rows}`: of one output its rows, nested by its shape, of
 * several objects with the row of each. `isTable`: a second dimension of one element counts as none, because MLServer
 * gives every column one.
 */
export function answerInRows(answer: TranslatableAnswer, isTable = false): TranslatedAnswer | CodecFailure {
  const read = readOipAnswer(answer.body, answer.inferenceHeaderLength);
  if (!read.ok) return read;
  if (read.tensors.length === 0) return fail('BAD_BODY', 'MISSING', 'The answer has no outputs.');
  const sources: RowSource[] = [];
  for (const tensor of read.tensors) {
    const elements = openElements(read.json, tensor);
    if ('ok' in elements) return elements;
    const { name, label, shape } = tensor;
    const isColumn = isTable && shape.length === 2 && shape[1] === 1;
    sources.push({ name, label, shape: isColumn ? shape.slice(0, 1) : shape, elements });
  }
  const out = startBody();
  out.ascii('{"predictions":');
  const problem = writeRows(out, sources);
  if (problem !== null) return problem;
  out.byte(0x7d);
  return answerWith(finishBody(out));
}
