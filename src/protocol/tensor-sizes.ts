import { type CodecFailure, fail } from './codec-result.ts';
import { elementSizes } from './element-sizes.ts';
import { readScalar } from './json-scalar.ts';
import type { Span } from './json-scan.ts';
import { eachElement } from './json-walk.ts';
import type { TensorEntry } from './oip-tensor.ts';

/** The number of elements of a shape; null when it is no array of whole numbers. Beyond 2^53 the nearest double. */
export function countElements(json: Uint8Array, shape: Span | null): number | null {
  if (shape?.kind !== 'array') return null;
  let count: number | null = 1;
  eachElement(json, shape, (dimension) => {
    const size = readScalar(json, dimension);
    const isSize = typeof size === 'number' && Number.isSafeInteger(size) && size >= 0;
    count = isSize && count !== null ? count * size : null;
    return isSize;
  });
  return count;
}

/**
 * The failure for a binary tensor whose `binary_data_size` is not what its datatype and shape make, or that has JSON data
 * as well: then nobody could tell which bytes are whose. Null when all is well. No element is decoded; of BYTES, which have
 * no size of their own, only the least size is known.
 */
export function checkBinaryTensor(json: Uint8Array, tensor: TensorEntry): CodecFailure | null {
  const { binary, data, shape } = tensor;
  if (binary === null) return null;
  const { datatype } = tensor;
  const label = `input ${JSON.stringify(tensor.name)}`;
  if (data !== null) {
    return fail('BAD_BODY', 'MIXED_CONTENTS', `The ${label} has data and a binary_data_size; send one of them.`);
  }
  const elementSize = elementSizes.get(datatype);
  if (elementSize === undefined) {
    return fail('BAD_BODY', 'DATATYPE', `The ${label} has no datatype of the Open Inference Protocol.`);
  }
  const count = countElements(json, shape);
  if (count === null) return fail('BAD_BODY', 'SHAPE', `The shape of the ${label} must be an array of whole numbers.`);
  const isBytes = datatype === 'BYTES';
  const size = count * (isBytes ? 4 : elementSize);
  if (isBytes ? binary.size >= size && (count > 0 || binary.size === 0) : binary.size === size) return null;
  const text = `The binary_data_size of the ${label} is ${binary.size}, but its datatype and shape make ${isBytes ? 'at least ' : ''}${size} bytes.`;
  return fail('BAD_BODY', 'BINARY_LENGTH', text);
}

/** The failure for a tensor that has another number of elements than its shape says. */
export function failElementCount(name: string, elements: number, count: number): CodecFailure {
  const text = `The input ${JSON.stringify(name)} has ${elements} elements, but its shape says ${count}.`;
  return fail('BAD_BODY', 'ELEMENT_COUNT', text);
}
