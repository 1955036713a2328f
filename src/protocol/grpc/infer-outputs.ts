import type { Buffer } from 'node:buffer';

import type { Output } from '../outputs.ts';
import { decodeTensor } from '../tensor-bytes.ts';
import { responseFields } from './infer-message.ts';
import { eachTensorElement, type InferTensor, readTensor } from './infer-tensor.ts';
import { contentsField, readElement } from './typed-contents.ts';
import { BYTES, FieldReader } from './wire.ts';

/** Answers with more outputs are not read, so that no answer makes the table large. */
const maxOutputs = 1024;

/**
 * Reads the outputs of a ModelInferResponse for comparison, as `readOutputs` reads those of a JSON answer: typed or raw
 * contents, at most `maxElements` elements in all. Null when the answer is malformed, has raw contents for another
 * number of outputs than it has, or more than 1024 outputs; data of unknown datatypes, or that do not fit theirs, are
 * left out.
 */
export function readInferOutputs(message: Buffer, maxElements: number): Output[] | null {
  const tensors: InferTensor[] = [];
  const raws: number[] = [];
  const field = new FieldReader(message);
  while (field.next()) {
    if (field.type !== BYTES) continue;
    if (field.number === responseFields.outputs) {
      const tensor = readTensor(message, field.from, field.to);
      if (tensor === null || tensors.length === maxOutputs) return null;
      tensors.push(tensor);
    } else if (field.number === responseFields.rawContents) {
      if (raws.push(field.from, field.to) > 2 * maxOutputs) return null;
    }
  }
  if (!field.isWell || (raws.length > 0 && raws.length !== 2 * tensors.length)) return null;
  const outputs: Output[] = [];
  let left = maxElements;
  for (const [i, tensor] of tensors.entries()) {
    const values =
      raws.length === 0
        ? readTyped(message, tensor, left + 1)
        : readRaw(message.subarray(raws[2 * i], raws[2 * i + 1]), tensor, left + 1);
    if (values === 'malformed') return null;
    if (values === 'unknown') continue;
    const isTruncated = values.length > left;
    if (isTruncated) values.length = left;
    left -= values.length;
    outputs.push(makeOutput(tensor, values, isTruncated));
  }
  return outputs;
}

type Values = (number | string)[] | 'unknown' | 'malformed';

/** Up to `max` elements. */
function readRaw(bytes: Buffer, { datatype }: InferTensor, max: number): Values {
  const decoded = decodeTensor(bytes, datatype, max);
  if (decoded === null) return 'unknown';
  return decoded.map((value) => (typeof value === 'bigint' ? Number(value) : value));
}

/** Up to `max` elements. */
function readTyped(message: Buffer, tensor: InferTensor, max: number): Values {
  const { datatype } = tensor;
  const number = contentsField(datatype);
  if (number === 0) return tensor.contents.length === 0 ? [] : 'unknown';
  const values: (number | string)[] = [];
  const isWell = eachTensorElement(message, tensor, (from, to) => {
    const value = readElement(message, number, from, to);
    values.push(datatype === 'BYTES' ? String(value) : Number(value));
    return values.length < max;
  });
  return isWell ? values : 'malformed';
}

function makeOutput({ name, shape }: InferTensor, values: (number | string)[], isTruncated: boolean): Output {
  // Elements of one tensor are all numbers or all text.
  return { name, shape: shape.length === 0 ? null : shape, values: values as number[] | string[], isTruncated };
}
