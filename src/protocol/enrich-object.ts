import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail, failNotObject } from './codec-result.ts';
import type { EnrichedBody, EnrichRequest } from './enrich-body.ts';
import { checkRowCount } from './row-count.ts';
import { writeFeatures } from './feature-text.ts';
import { findField, type Path, pathOf } from './json-path.ts';
import { findRoot, type Span } from './json-scan.ts';
import { appendItems, applyEdits, type Edit } from './json-splice.ts';
import { eachElement } from './json-walk.ts';
import { memberText, mergeMembers } from './member-merge.ts';

export const parametersPath = pathOf(['parameters']);

/**
 * Puts features into the object at a path, each under `prefix` and its name. The object is created when only its last
 * key is missing or its value is null. With one row it is an object, or an array of one object; with several, an array
 * with one object per row. `flat` allows one row only (OIP parameters take no arrays).
 */
export function enrichObject(
  request: EnrichRequest,
  body: Buffer,
  { path, prefix, isFlat }: { readonly path: Path; readonly prefix: string; readonly isFlat: boolean },
): EnrichedBody | CodecFailure {
  const { columns, rows } = request;
  if (isFlat && rows > 1) {
    return fail(
      'BAD_BODY',
      'ROW_COUNT',
      'Features go into the parameters of this request, so it may name one entity only.',
    );
  }
  const written = writeFeatures(columns, rows, { tensor: false, prefix });
  if (!written.ok) return written;
  const membersOf = (row: number) => written.rows[row] ?? [];
  const objectText = (row: number) => `{${membersOf(row).map(memberText).join(',')}}`;
  const wholeText = () => (rows === 1 ? objectText(0) : `[${written.rows.map((_, row) => objectText(row)).join(',')}]`);

  const edits: Edit[] = [];
  const merge = (object: Span, row: number) => mergeMembers(body, object, membersOf(row), request.existing, edits);

  const place = findField(body, path);
  if (place === null) {
    const created = createPlace(body, path, wholeText);
    if ('ok' in created) return created;
    edits.push(created);
  } else if (place.kind === 'null') {
    edits.push({ start: place.start, end: place.end, text: wholeText() });
  } else if (place.kind === 'object' && rows === 1) {
    merge(place, 0);
  } else if (place.kind === 'array' && !isFlat) {
    const problem = checkRowCount(body, place, rows) ?? checkObjects(body, place);
    if (problem !== null) return problem;
    eachElement(body, place, merge);
  } else {
    return fail('BAD_BODY', 'WRONG_TYPE', 'The request has something else than an object where features belong.');
  }
  return { json: applyEdits(body, edits), tail: null };
}

function createPlace(body: Buffer, path: Path, text: () => string): Edit | CodecFailure {
  const root = findRoot(body);
  if (root?.kind !== 'object') return failNotObject();
  const last = path.steps.at(-1);
  const parentPath = pathOf(path.steps.slice(0, -1).map((step) => step.key.text));
  const parent = findField(body, parentPath);
  if (last === undefined || parent?.kind !== 'object') {
    return fail('BAD_BODY', 'MISSING', 'The request has no object where features belong.');
  }
  return appendItems(body, parent, memberText({ key: last.key, text: text() }));
}

function checkObjects(body: Buffer, array: Span): CodecFailure | null {
  let isGood = true;
  eachElement(body, array, (element) => (isGood = element.kind === 'object'));
  return isGood ? null : fail('BAD_BODY', 'WRONG_TYPE', 'Every row where features belong must be an object.');
}
