import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from './codec-result.ts';
import { compilePath, compileSteps, findField, findFieldsIn, type Path } from './json-path.ts';
import { readScalar } from './json-scalar.ts';
import type { Span } from './json-scan.ts';
import { eachElement, eachScalar } from './json-walk.ts';
import { eachTensor, inputsPath, type TensorEntry } from './oip-tensor.ts';
import { decodeTensor } from './tensor-bytes.ts';
import { findRows } from './v1-rows.ts';

/** Where a request carries the values of an entity key. */
export type EntitySource =
  /** A scalar, or an array of scalars with one per row. */
  | { readonly kind: 'field'; readonly path: Path }
  /** An Open Inference Protocol input by name; its flattened elements are the rows. */
  | { readonly kind: 'tensor'; readonly name: string }
  /** A key or column in each row of V1 `instances` (or `inputs`). */
  | { readonly kind: 'rows'; readonly path: Path };

/** One key value per row. Integers beyond 2^53 are their digits, booleans are `true` and `false`, as text. */
export type EntityValues = { readonly ok: true; readonly values: (string | number)[] } | CodecFailure;

/** No store keeps longer keys for good reasons, and each is copied into a store command. */
const maxKeyBytes = 4096;

/** Datatypes whose elements can be keys; a floating-point key has no one spelling. */
const keyDatatypes = /^(?:BYTES|BOOL|U?INT(?:8|16|32|64))$/;

/**
 * Compiles the text of a body source: `instances[*].key` or `instances[*][2]` for one value per row, else a dot path as
 * in `compilePath`. Null when the text is neither.
 */
export function compileEntitySource(text: string): EntitySource | null {
  const rows = /^(?:instances|inputs)\[\*\](?:\.(.+)|\[([0-9]{1,9})\])$/.exec(text);
  if (rows === null) {
    const path = text.includes('[*]') ? null : compilePath(text);
    return path === null ? null : { kind: 'field', path };
  }
  const column = rows[2];
  const path = column === undefined ? compilePath(rows[1] ?? '') : compileSteps([String(Number(column))]);
  return path === null ? null : { kind: 'rows', path };
}

/**
 * Reads the entity key of every row of a request. `json` and `tail` are the parts of the body as `splitBinary` gives
 * them. Fails with ENTITY_MISSING when in some row the source is absent, empty, null, no scalar or longer than 4096
 * bytes, and with BAD_BODY when there are more than `maxRows` rows or the tensor cannot be read.
 */
export function readEntityValues(json: Buffer, tail: Buffer, source: EntitySource, maxRows = 1024): EntityValues {
  switch (source.kind) {
    case 'field': {
      const span = findField(json, source.path);
      return span === null ? missing() : readFlat(json, span, maxRows);
    }
    case 'tensor':
      return readTensorKeys(json, tail, source.name, maxRows);
    default:
      return readRowKeys(json, source.path, maxRows);
  }
}

function readRowKeys(json: Buffer, path: Path, maxRows: number): EntityValues {
  const found = findRows(json);
  if (!found.ok) return found;
  const values: (string | number)[] = [];
  let problem: CodecFailure | null = null;
  eachElement(json, found.rows, (row, index) => {
    if (index >= maxRows) problem = tooManyRows(maxRows);
    else {
      const span = findFieldsIn(json, row, path.set)[0] ?? null;
      const value = span === null ? null : readKey(json, span);
      if (value === null) problem = missing(index);
      else values.push(value);
    }
    return problem === null;
  });
  return problem ?? (values.length === 0 ? missing() : { ok: true, values });
}

function readTensorKeys(json: Buffer, tail: Buffer, name: string, maxRows: number): EntityValues {
  const inputs = findField(json, inputsPath);
  if (inputs === null) return missing();
  const found: TensorEntry[] = [];
  const problem = eachTensor(json, inputs, tail.length, (tensor) => {
    if (tensor.name === name) found.push(tensor);
    return found.length < 2;
  });
  if (problem !== null) return problem;
  const [tensor, other] = found;
  if (tensor === undefined) return missing();
  if (other !== undefined) {
    return fail('BAD_BODY', 'DUPLICATE_TENSOR', `Two inputs are named ${JSON.stringify(name)}; send one.`);
  }
  if (!keyDatatypes.test(tensor.datatype)) {
    return fail('BAD_BODY', 'DATATYPE', 'The tensor with the entity key must hold integers, booleans or BYTES.');
  }
  if (tensor.binary === null) return tensor.data === null ? missing() : readFlat(json, tensor.data, maxRows);

  const { start, size } = tensor.binary;
  const decoded = decodeTensor(tail.subarray(start, start + size), tensor.datatype, maxRows + 1);
  if (decoded === null) {
    return fail(
      'BAD_BODY',
      'BINARY_DATA',
      'The binary data of the tensor with the entity key do not fit its datatype.',
    );
  }
  const tooLong = decoded.findIndex((value) => typeof value === 'string' && value.length > maxKeyBytes);
  if (tooLong !== -1) return missing(tooLong);
  if (decoded.length === 0) return missing();
  if (decoded.length > maxRows) return tooManyRows(maxRows);
  return { ok: true, values: decoded.map((value) => keyOf(value, tensor.datatype === 'BOOL')) };
}

function readFlat(json: Buffer, span: Span, maxRows: number): EntityValues {
  const values: (string | number)[] = [];
  let problem: CodecFailure | null = null;
  const isFlat = eachScalar(json, span, (scalar) => {
    const value = readKey(json, scalar);
    if (values.length >= maxRows) problem = tooManyRows(maxRows);
    else if (value === null) problem = missing(values.length);
    else values.push(value);
    return problem === null;
  });
  return problem ?? (isFlat && values.length > 0 ? { ok: true, values } : missing());
}

/** A scalar as a key; null for what cannot be one. */
function readKey(json: Buffer, span: Span): string | number | null {
  if (span.end - span.start > maxKeyBytes) return null;
  const value = readScalar(json, span);
  if (value === undefined || value === null || (typeof value === 'number' && !Number.isFinite(value))) return null;
  return typeof value === 'boolean' ? String(value) : value;
}

function keyOf(value: string | number | bigint, isBoolean: boolean): string | number {
  if (isBoolean) return String(value === 1);
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function missing(row?: number): CodecFailure {
  const where = row === undefined ? 'The request' : `Row ${row} of the request`;
  return fail('ENTITY_MISSING', 'MISSING', `${where} does not carry a usable entity key, which this route needs.`);
}

function tooManyRows(maxRows: number): CodecFailure {
  return fail(
    'BAD_BODY',
    'TOO_MANY_ROWS',
    `The request names more than ${maxRows} entities; send fewer rows at a time.`,
  );
}
