import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from './codec-result.ts';
import type { EntityValues, FieldValue } from './feature-body.ts';
import type { Key } from './json-key.ts';
import { findFieldsIn, type Path } from './json-path.ts';
import { readScalar, type Scalar } from './json-scalar.ts';
import type { Span } from './json-scan.ts';
import { eachElement, eachLeaf, eachScalar } from './json-walk.ts';
import type { TensorEntry } from './oip-tensor.ts';
import type { RequestBody } from './request-body.ts';
import { decodeTensor } from './tensor-bytes.ts';
import { countElements, failElementCount } from './tensor-sizes.ts';

/** Datatypes whose elements can be keys; a floating-point key has no one spelling. */
const keyDatatypes = /^(?:BYTES|BOOL|U?INT(?:8|16|32|64))$/;

/**
 * What a JSON body has at a path: null for nothing, a scalar, or the scalars of an array, up to one more than `maxRows`.
 * Undefined stands for an object, and for an array with one in it.
 */
export function readEntityField(body: RequestBody, path: Path, maxRows: number): FieldValue {
  const { json } = body;
  const span = body.find(path);
  if (span === null) return null;
  if (span.kind !== 'array') return readScalar(json, span);
  const values: (Scalar | undefined)[] = [];
  const isFlat = eachScalar(json, span, (scalar) => values.push(readScalar(json, scalar)) <= maxRows);
  return isFlat ? values : undefined;
}

/**
 * The value at a path in each row of a KServe V1 request, up to one more than `maxRows`; null where a row has none, and
 * for a null path. Undefined stands for an object or array.
 */
export function readEntityColumn(
  body: RequestBody,
  path: Path | null,
  maxRows: number,
): readonly (Scalar | undefined)[] | CodecFailure {
  const { json } = body;
  const found = body.rows();
  if (!found.ok) return found;
  const values: (Scalar | undefined)[] = [];
  eachElement(json, found.rows, (row) => {
    const [span] = path === null ? [] : findFieldsIn(json, row, path.set);
    return values.push(span ? readScalar(json, span) : null) <= maxRows;
  });
  return values;
}

/**
 * Reads what an Open Inference Protocol input says about the entity of every row: its flattened elements.
 * An element that is null, an object or not finite is null;
 * integers beyond 2^53 are their digits, as text. Fails with BAD_BODY when there are more than `maxRows` rows, or the
 * tensor is there twice, has a datatype that cannot be a key, cannot be read, or has another shape than elements.
 */
export function readEntityValues(body: RequestBody, name: Key, maxRows: number): EntityValues {
  const { tensors, problem } = body.inputs();
  const [tensor, other] = tensors.filter((input) => input.isNamed(name));
  if (other !== undefined) return failDuplicate(name);
  if (problem !== null) return problem;
  if (tensor === undefined) return nothing;
  if (!isKeyDatatype(tensor.datatype)) return failDatatype();
  const values =
    tensor.binary === null ? readData(body.json, tensor.data, maxRows) : readBinary(body.tail, tensor, maxRows);
  const checked = checkEntityValues(values, maxRows);
  // Without elements they are elsewhere, in shared memory.
  if (!checked.ok || (tensor.binary === null && tensor.data === null) || tensor.shape === null) return checked;
  const count = countElements(body.json, tensor.shape) ?? Number.NaN;
  return count === checked.values.length ? checked : failElementCount(name.text, checked.values.length, count);
}

/** Whether elements of this datatype can be keys. */
export function isKeyDatatype(datatype: string): boolean {
  return keyDatatypes.test(datatype);
}

/** The failure for a tensor of a datatype that cannot be keys. */
export function failDatatype(): CodecFailure {
  return fail('BAD_BODY', 'DATATYPE', 'The tensor with the entity key must hold integers, booleans or BYTES.');
}

/** The values of a tensor as entities: null says that the data do not fit the datatype; too many are a failure. */
export function checkEntityValues(values: readonly Scalar[] | null, maxRows: number): EntityValues {
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

/** The failure for a request in which it is not clear what an input is. */
export function failDuplicate(name: Key): CodecFailure {
  return fail('BAD_BODY', 'DUPLICATE_TENSOR', `Two inputs are named ${JSON.stringify(name.text)}; send one.`);
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
  return decodeKeys(tail.subarray(start, start + size), datatype, maxRows + 1);
}

/** The first `max` elements of a binary tensor as parts of keys; null when the bytes do not fit the datatype. */
export function decodeKeys(bytes: Buffer, datatype: string, max: number): Scalar[] | null {
  const decoded = decodeTensor(bytes, datatype, max);
  return decoded?.map((value) => scalarOf(value, datatype === 'BOOL')) ?? null;
}

function scalarOf(value: string | number | bigint, isBoolean: boolean): Scalar {
  if (isBoolean) return value === 1;
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
