import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import { readScalar } from '../json-scalar.ts';
import { skipValue, type Span } from '../json-scan.ts';
import { failNotJson, failType, readElements, readMembers, spanAt } from './json-reader.ts';
import { eachColumn, eachRowTensor, type UseTensor } from './row-tensors.ts';
import { RowTensor } from './row-tensor.ts';
import { failUnsupported, shown } from './wording.ts';

const dataFields: readonly string[] = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'];

/** Whether a field of a request for MLflow has its data. */
export function isDataField(key: string): boolean {
  return dataFields.includes(key);
}

/** Makes tensors of the data in one of the forms of MLflow (docs, "Accepted Input Formats"); `''` names an unnamed one. */
export function eachMlflowTensor(json: Buffer, field: string, data: Span, use: UseTensor): CodecFailure | null {
  if (field === 'dataframe_split') return eachSplitColumn(json, data, use);
  if (field === 'inputs' && data.kind === 'object') return eachInput(json, data, use);
  if (field === 'dataframe_records' && data.kind === 'array') {
    return eachRowTensor(json, data, field, (name, tensor) =>
      name === '' ? failType(field, 'an array of objects, at least one') : use(name, tensor),
    );
  }
  return eachRowTensor(json, data, field, use);
}

/** `inputs` as an object: a tensor under each name. */
function eachInput(json: Buffer, inputs: Span, use: UseTensor): CodecFailure | null {
  const names = new Set<string>();
  const end = readMembers(json, inputs.start, (name, at) => {
    const field = `inputs.${name.slice(0, 64)}`;
    if (name === '' || names.has(name)) return failUnsupported(field, 'needs a name of its own');
    names.add(name);
    if (json[at] !== 0x5b) return failType(field, 'an array');
    const tensor = new RowTensor(json, (row) => `${field}[${row}]`);
    const end = readElements(json, at, (start) => tensor.addRow(start));
    return typeof end !== 'number' || end === -1 ? end : (use(name, tensor) ?? end);
  });
  if (typeof end !== 'number') return end;
  if (end === -1) return failNotJson(json);
  return names.size > 0 ? null : fail('BAD_BODY', 'MISSING', 'The object "inputs" has no input.');
}

/** `{"columns": [...], "data": [[...], ...], "index": [...]}`; the index has no meaning for a model. */
function eachSplitColumn(json: Buffer, split: Span, use: UseTensor): CodecFailure | null {
  if (split.kind !== 'object') return failType('dataframe_split', 'an object with "columns" and "data"');
  const found: { columns: Span | null; data: Span | null } = { columns: null, data: null };
  const problem = readMembers(json, split.start, (key, at) => {
    const span = spanAt(json, at);
    if (key === 'columns' || key === 'data') found[key] = span;
    else if (key !== 'index') return failUnsupported(`dataframe_split.${key}`);
    return span === null ? -1 : span.end;
  });
  if (typeof problem !== 'number') return problem;
  const { columns, data } = found;
  if (columns?.kind !== 'array') return failType('dataframe_split.columns', 'an array of names');
  if (data?.kind !== 'array') return failType('dataframe_split.data', 'an array of rows');
  const names = readNames(json, columns);
  if (!Array.isArray(names)) return names;
  const cells: number[][] = names.map(() => []);
  const end = readElements(json, data.start, (at, row) => {
    const field = `dataframe_split.data[${row}]`;
    if (json[at] !== 0x5b) return failType(field, 'an array');
    let found = 0;
    const rowEnd = readElements(json, at, (start, column) => {
      found++;
      cells[column]?.push(start);
      return skipValue(json, start);
    });
    if (found === names.length || typeof rowEnd !== 'number' || rowEnd === -1) return rowEnd;
    return fail('BAD_BODY', 'ROW_COUNT', `${field} has ${found} elements, and there are ${names.length} columns.`);
  });
  if (typeof end !== 'number') return end;
  return eachColumn(json, { names, cells }, (row, name) => `dataframe_split.data[${row}], column ${shown(name)},`, use);
}

/** Names of columns, which may be numbers. */
function readNames(json: Buffer, columns: Span): string[] | CodecFailure {
  const names = new Set<string>();
  const end = readElements(json, columns.start, (at, column) => {
    const field = `dataframe_split.columns[${column}]`;
    const span = spanAt(json, at);
    const name = span === null ? null : readScalar(json, span);
    if (span === null) return -1;
    if (typeof name !== 'string' && typeof name !== 'number') return failType(field, 'a name');
    const text = String(name);
    if (text === '' || names.has(text)) return failUnsupported(field, 'needs a name of its own');
    names.add(text);
    return span.end;
  });
  if (typeof end !== 'number') return end;
  return names.size > 0 ? [...names] : fail('BAD_BODY', 'MISSING', 'The table in "dataframe_split" has no columns.');
}
