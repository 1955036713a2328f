import { type CodecFailure, fail, failNotObject } from './codec-result.ts';
import type { EnrichedBody } from './enrich-body.ts';
import { type FeatureTable, writeObject } from './feature-table.ts';
import { findField, type Path, pathOf } from './json-path.ts';
import type { Span } from './json-scan.ts';
import { type Splice, startSplice } from './json-splice.ts';
import type { JsonWriter } from './json-writer.ts';
import { eachElement } from './json-walk.ts';
import { mergeMembers } from './member-merge.ts';
import type { RequestBody } from './request-body.ts';
import { checkRowCount } from './row-count.ts';

export const parametersPath = pathOf(['parameters']);

/**
 * Puts features into the object at a path. The object is created when only its last key is missing or its value is null.
 * With one row it is an object, or an array of one object; with several, an array with one object per row. `isFlat`
 * allows one row only (OIP parameters take no arrays).
 */
export function enrichObject(
  body: RequestBody,
  table: FeatureTable,
  { path, isFlat }: { readonly path: Path; readonly isFlat: boolean },
): EnrichedBody | CodecFailure {
  if (isFlat && table.rows > 1) {
    const text = 'Features go into the parameters of this request, so it may name one entity only.';
    return fail('BAD_BODY', 'ROW_COUNT', text);
  }
  const { json } = body;
  const splice = startSplice();
  const place = body.find(path);
  let problem: CodecFailure | null;
  if (place === null) {
    problem = openPlace(splice, body, path) ?? writeWhole(splice.out, table);
  } else if (place.kind === 'null') {
    splice.replace(place.start, place.end);
    problem = writeWhole(splice.out, table);
  } else if (place.kind === 'object' && table.rows === 1) {
    problem = mergeMembers(splice, json, place, table, 0);
  } else if (place.kind === 'array' && !isFlat) {
    problem = checkRowCount(json, place, table.rows) ?? mergeRows(splice, body, place, table);
  } else {
    problem = fail('BAD_BODY', 'WRONG_TYPE', 'The request has something else than an object where features belong.');
  }
  return problem ?? { json: splice.apply(json), tail: null };
}

function writeWhole(out: JsonWriter, table: FeatureTable): CodecFailure | null {
  if (table.rows === 1) return writeObject(out, table, 0);
  let problem: CodecFailure | null = null;
  out.byte(0x5b);
  for (let row = 0; row < table.rows && problem === null; row++) {
    if (row > 0) out.byte(0x2c);
    problem = writeObject(out, table, row);
  }
  out.byte(0x5d);
  return problem;
}

/** Opens an edit that adds the last key of a path to its object, and writes the key. */
function openPlace(splice: Splice, body: RequestBody, path: Path): CodecFailure | null {
  if (!body.isObject()) return failNotObject();
  const last = path.steps.at(-1);
  const parent = findField(body.json, pathOf(path.steps.slice(0, -1).map((step) => step.key.text)));
  if (last === undefined || parent?.kind !== 'object') {
    return fail('BAD_BODY', 'MISSING', 'The request has no object where features belong.');
  }
  splice.append(body.json, parent);
  splice.out.text(`${JSON.stringify(last.key.text)}:`);
  return null;
}

function mergeRows(splice: Splice, { json }: RequestBody, array: Span, table: FeatureTable): CodecFailure | null {
  let problem: CodecFailure | null = null;
  eachElement(json, array, (object, row) => {
    problem =
      object.kind === 'object'
        ? mergeMembers(splice, json, object, table, row)
        : fail('BAD_BODY', 'WRONG_TYPE', 'Every row where features belong must be an object.');
    return problem === null;
  });
  return problem;
}
