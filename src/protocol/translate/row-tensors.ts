import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import { skipValue, type Span } from '../json-scan.ts';
import { failNotJson, failType, readElements, readMembers } from './json-reader.ts';
import { RowTensor } from './row-tensor.ts';
import { shown } from './wording.ts';

/** Gets each tensor; its data are good during the call only. The name is `''` for rows without names. */
export type UseTensor = (name: string, tensor: RowTensor) => CodecFailure | null;

/** Named columns of rows: where the value of each row begins, in the order of the rows. */
export interface Columns {
  readonly names: readonly string[];
  readonly cells: readonly (readonly number[])[];
}

/**
 * Makes tensors of an array of rows: of rows that are objects one for each key, with the name of the key; of others one.
 * `field` names the rows in messages.
 */
export function eachRowTensor(json: Buffer, rows: Span, field: string, use: UseTensor): CodecFailure | null {
  if (rows.kind !== 'array') return failType(field, 'an array with one element for each row');
  const columns = readColumns(json, rows, field);
  if (columns !== null)
    return 'ok' in columns ? columns : eachColumn(json, columns, (row, name) => `${field}[${row}].${name}`, use);
  const tensor = new RowTensor(json, (row) => `${field}[${row}]`);
  const end = readElements(json, rows.start, (at) => tensor.addRow(at));
  if (typeof end !== 'number') return end;
  return end === -1 ? failNotJson(json) : use('', tensor);
}

/** Makes one tensor of each column. */
export function eachColumn(
  json: Buffer,
  { names, cells }: Columns,
  where: (row: number, name: string) => string,
  use: UseTensor,
): CodecFailure | null {
  for (const [column, name] of names.entries()) {
    const tensor = new RowTensor(json, (row) => where(row, name.slice(0, 64)));
    for (const at of cells[column]!) {
      const end = tensor.addCell(at);
      if (typeof end !== 'number') return end;
      if (end === -1) return failNotJson(json);
    }
    const problem = use(name, tensor);
    if (problem !== null) return problem;
  }
  return null;
}

/** The columns of an array of objects with the same keys; null when its first element is none. */
export function readColumns(json: Buffer, rows: Span, field: string): Columns | CodecFailure | null {
  const names: string[] = [];
  const cells: number[][] = [];
  const positions = new Map<string, number>();
  let isPlain = true;
  const end = readElements(json, rows.start, (at, row) => {
    if (row === 0) isPlain = json[at] !== 0x7b;
    if (isPlain) return -1;
    if (json[at] !== 0x7b) return failType(`${field}[${row}]`, 'an object like the first row');
    let found = 0;
    const end = readMembers(json, at, (key, valueAt) => {
      // Most rows have their keys in the order of the first one.
      const position = names[found] === key ? found : positions.get(key);
      if (position === undefined && row > 0)
        return failKey(`${field}[${row}]`, key, 'which the first row does not have');
      if (position !== undefined && cells[position]!.length > row) return failKey(`${field}[${row}]`, key, 'twice');
      if (position === undefined) {
        positions.set(key, names.length);
        names.push(key);
        cells.push([valueAt]);
      } else cells[position]!.push(valueAt);
      found++;
      return skipValue(json, valueAt);
    });
    if (typeof end !== 'number' || end === -1) return end;
    if (found === names.length) return end;
    const missing = names.find((_, i) => cells[i]!.length === row) ?? '';
    return fail(
      'BAD_BODY',
      'ROW_COUNT',
      `${field}[${row}] lacks ${shown(missing)}; every row needs the keys of the first.`,
    );
  });
  if (isPlain) return null;
  if (typeof end !== 'number') return end;
  if (end === -1) return failNotJson(json);
  return names.length > 0 ? { names, cells } : fail('BAD_BODY', 'MISSING', `The rows of "${field}" have no keys.`);
}

function failKey(row: string, key: string, how: string): CodecFailure {
  return fail(
    'BAD_BODY',
    'UNSUPPORTED_FIELD',
    `${row} has ${shown(key)} ${how}; every row needs the keys of the first.`,
  );
}
