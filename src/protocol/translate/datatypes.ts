import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import { elementSizes } from '../element-sizes.ts';

/** Dimensions that a tensor may have; as many as NumPy had for long. */
export const maxRank = 32;

/** Bytes of an element of a datatype in the binary form, 0 for BYTES; or the failure. `label` such as `input "x"`. */
export function elementSize(datatype: string, label: string): number | CodecFailure {
  const size = elementSizes.get(datatype);
  if (size !== undefined) return size;
  const text = `The ${label} has the datatype ${JSON.stringify(datatype.slice(0, 32))}; use one of ${[...elementSizes.keys()].join(', ')}.`;
  return fail('BAD_BODY', 'DATATYPE', text);
}

/** Whether a datatype has the binary form alone, in JSON and in protobuf. */
export function isBinaryOnly(datatype: string): boolean {
  return datatype === 'FP16' || datatype === 'BF16';
}

/** How many elements a shape has: 1 for no dimensions; a product beyond 2^53 is inexact, or Infinity. */
export function countElements(shape: readonly number[]): number {
  if (shape.includes(0)) return 0;
  let count = 1;
  for (const size of shape) count *= size;
  return count;
}

/** The failure for data that do not fill the shape. */
export function failCount(label: string, shape: readonly number[], how: 'fewer' | 'more' | 'other'): CodecFailure {
  const has = how === 'other' ? 'another number of elements' : `${how} elements`;
  return fail(
    'BAD_BODY',
    'ELEMENT_COUNT',
    `The data of the ${label} have ${has} than its shape [${shape.join(',')}] says.`,
  );
}

/** Null when bytes are the binary form of exactly the elements of the shape, else the failure. */
export function checkRaw(raw: Buffer, datatype: string, shape: readonly number[], label: string): CodecFailure | null {
  const size = elementSize(datatype, label);
  if (typeof size !== 'number') return size;
  const count = countElements(shape);
  if (size > 0) return raw.length === count * size ? null : failCount(label, shape, 'other');
  let at = 0;
  let elements = 0;
  for (; at + 4 <= raw.length; elements++) at += 4 + raw.readUInt32LE(at);
  return at === raw.length && elements === count ? null : failCount(label, shape, 'other');
}
