import { findField, pathOf } from './json-path.ts';
import { kindAt, type Span } from './json-scan.ts';
import { eachElement, eachMember } from './json-walk.ts';
import type { RequestBody } from './request-body.ts';

/**
 * The rows of JSON requests that have no tensors: `instances` and `inputs` of KServe V1, TF Serving and MLflow, which are
 * rows, or an object of columns; `dataframe_split` and `dataframe_records` of MLflow.
 */
const dataPaths = [['dataframe_records'], ['dataframe_split', 'data']].map(pathOf);
const namesPath = pathOf(['dataframe_split', 'columns']);

/** The number of rows; 1 when they cannot be counted. */
export function countDataRows(body: RequestBody): number {
  let data = findData(body);
  if (data?.kind === 'object') data = firstMember(body.json, data);
  if (data?.kind !== 'array') return 1;
  let count = 0;
  eachElement(body.json, data, () => void count++);
  return count;
}

/** Visits the names that the columns have, as the string tokens [start, end) of keys or names; none for rows without names. */
export function eachDataName(body: RequestBody, visit: (start: number, end: number) => void): void {
  const { json } = body;
  const names = findField(json, namesPath);
  if (names !== null) {
    eachElement(json, names, ({ kind, start, end }) => {
      if (kind === 'string') visit(start, end);
    });
    return;
  }
  let columns = findData(body);
  if (columns?.kind === 'array') columns = firstElement(json, columns);
  if (columns !== null) eachMember(json, columns, (start, end) => visit(start, end));
}

function findData(body: RequestBody): Span | null {
  const data = body.findRows();
  if (data !== null) return data;
  for (const path of dataPaths) {
    const found = body.find(path);
    if (found !== null) return found;
  }
  return null;
}

function firstElement(json: Uint8Array, array: Span): Span | null {
  let first: Span | null = null;
  eachElement(json, array, (element) => {
    first = element;
    return false;
  });
  return first;
}

function firstMember(json: Uint8Array, object: Span): Span | null {
  let first: Span | null = null;
  eachMember(json, object, (_keyStart, _keyEnd, start, end) => {
    first = { start, end, kind: kindAt(json, start) };
    return false;
  });
  return first;
}
