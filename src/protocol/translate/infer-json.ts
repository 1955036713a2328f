import type { Buffer } from 'node:buffer';

import type { CodecFailure } from '../codec-result.ts';
import type { JsonWriter } from '../json-writer.ts';
import { isBinaryOnly } from './datatypes.ts';
import { type InferDocument, rawTensor } from './infer-document.ts';
import { inferParameters } from './infer-parameters.ts';
import { writeRawTensor } from './oip-writer.ts';

/**
 * Writes the tensors of a message as JSON, with commas between. The elements of those that `isBinary` names, and of those
 * without a JSON form, go to `tail`. Fails when elements do not fit datatype or shape, or JSON cannot carry them.
 */
export function writeJsonTensors(
  out: JsonWriter,
  read: InferDocument,
  kind: 'input' | 'output',
  isBinary: (name: string) => boolean,
  tail: Buffer[],
): CodecFailure | null {
  for (const [i, { parameters }] of read.tensors.entries()) {
    const tensor = rawTensor(read, i, kind);
    if ('ok' in tensor) return tensor;
    if (i > 0) out.byte(0x2c);
    const own = inferParameters(read.message, parameters, 'binary_data_size');
    const into = isBinary(tensor.name) || isBinaryOnly(tensor.datatype) ? tail : null;
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
