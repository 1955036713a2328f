import type { Buffer } from 'node:buffer';

import type { CodecFailure } from '../codec-result.ts';
import type { JsonWriter } from '../json-writer.ts';
import { type InferDocument, rawTensor } from './infer-document.ts';
import { inferParameters, unwritableParameter } from './infer-parameters.ts';
import { failBeyondJson, whyBeyondJson } from './json-form.ts';
import { writeRawTensor } from './oip-writer.ts';
import { failUnsupported } from './wording.ts';

/**
 * Writes the tensors of a message as JSON, with commas between. The elements of those that `isBinary` names, and of those
 * that JSON cannot carry, go to `tail`; null where the reader takes no binary form. Fails when elements do not fit datatype
 * or shape, or cannot be carried.
 */
export function writeJsonTensors(
  out: JsonWriter,
  read: InferDocument,
  kind: 'input' | 'output',
  isBinary: (name: string) => boolean,
  tail: Buffer[] | null,
): CodecFailure | null {
  for (const [i, { parameters }] of read.tensors.entries()) {
    const tensor = rawTensor(read, i, kind);
    if ('ok' in tensor) return tensor;
    if (i > 0) out.byte(0x2c);
    const own = inferParameters(read.message, parameters, 'binary_data_size');
    const why = whyBeyondJson(tensor.raw, tensor.datatype);
    if (why !== null && tail === null) return failBeyondJson(tensor.label, why);
    const into = why !== null || isBinary(tensor.name) ? tail : null;
    const problem = writeRawTensor(out, tensor, own, into);
    if (problem !== null) return problem;
  }
  return null;
}

/** Writes the member `parameters` with a comma before it; nothing for none. */
export function writeJsonParameters(out: JsonWriter, message: Buffer, places: readonly number[]): void {
  const members = inferParameters(message, places);
  if (members !== '') out.text(`,"parameters":{${members}}`);
}

/** The failure for a request with a parameter that JSON cannot carry, which an answer leaves out; null for none. */
export function checkJsonParameters({ message, parameters, tensors, requested }: InferDocument): CodecFailure | null {
  for (const { parameters: places } of [{ parameters }, ...tensors, ...requested]) {
    const key = unwritableParameter(message, places);
    if (key !== null) return failUnsupported(`parameters.${key}`, 'is not finite, and JSON cannot carry it');
  }
  return null;
}
