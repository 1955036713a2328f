import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from './codec-result.ts';
import type { Key } from './json-key.ts';
import { readScalar, type Scalar } from './json-scalar.ts';
import type { Span } from './json-scan.ts';
import { eachLeaf } from './json-walk.ts';
import type { TensorEntry } from './oip-tensor.ts';
import type { RequestBody } from './request-body.ts';
import { decodeTensor } from './tensor-bytes.ts';

/** One value per row, null for an element that names no entity; no values at all without the tensor or its elements. */
export type EntityValues = { readonly ok: true; readonly values: readonly Scalar[] } | CodecFailure;

/** Datatypes whose elements can be keys; a floating-point key has no one spelling. */
const keyDatatypes = /^(?:BYTES|BOOL|U?INT(?:8|16|32|64))$/;

/**
 * Reads what an Open Inference Protocol input says about the entity of every row: its flattened elements.
 * An element that is null, an object or not finite is null;
 * integers beyond 2^53 are their digits, as text. Fails with BAD_BODY when there are more than `maxRows` rows, or the
 * tensor is there twice, has a datatype that cannot be a key, or cannot be read.
 */
export function readEntityValues(body: RequestBody, name: Key, maxRows: number): EntityValues {
  const { tensors, problem } = body.inputs();
  const [tensor, other] = tensors.filter((input) => input.isNamed(name));
  if (other !== undefined) {
    return fail('BAD_BODY', 'DUPLICATE_TENSOR', `Two inputs are named ${JSON.stringify(name.text)}; send one.`);
  }
  if (problem !== null) return problem;
  if (tensor === undefined) return nothing;
  if (!keyDatatypes.test(tensor.datatype)) {
    return fail('BAD_BODY', 'DATATYPE', 'The tensor with the entity key must hold integers, booleans or BYTES.');
  }
  const values =
    tensor.binary === null ? readData(body.json, tensor.data, maxRows) : readBinary(body.tail, tensor, maxRows);
  if (values === null) {
    return fail(
      'BAD_BODY',
      'BINARY_DATA',
      'The binary data of the tensor with the entity key do not fit its datatype.',
    );
  }
  if (values.length <= maxRows) return { ok: true, values };
  return fail(
    'BAD_BODY',
    'TOO_MANY_ROWS',
    `The request names more than ${maxRows} entities; send fewer rows at a time.`,
  );
}

const nothing: EntityValues = { ok: true, values: [] };

/** Up to one more than `maxRows` values. */
function readData(json: Buffer, data: Span | null, maxRows: number): Scalar[] {
  const values: Scalar[] = [];
  if (data === null || data.kind === 'null') return values;
  eachLeaf(json, data, (leaf) => {
    const value = readScalar(json, leaf) ?? null;
    values.push(typeof value === 'number' && !Number.isFinite(value) ? null : value);
    return values.length <= maxRows;
  });
  return values;
}

/** Up to one more than `maxRows` values; null when the bytes do not fit the datatype. */
function readBinary(tail: Buffer, { binary, datatype }: TensorEntry, maxRows: number): Scalar[] | null {
  const { start, size } = binary ?? { start: 0, size: 0 };
  const decoded = decodeTensor(tail.subarray(start, start + size), datatype, maxRows + 1);
  return decoded?.map((value) => scalarOf(value, datatype === 'BOOL')) ?? null;
}

function scalarOf(value: string | number | bigint, isBoolean: boolean): Scalar {
  if (isBoolean) return value === 1;
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
