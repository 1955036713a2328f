import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from './codec-result.ts';
import type { EnrichedBody, EnrichRequest } from './enrich-body.ts';
import { writeFeatures } from './feature-text.ts';
import { appendItems, applyEdits, type Edit, prependItems } from './json-splice.ts';
import { eachElement } from './json-walk.ts';
import { mergeMembers } from './member-merge.ts';
import { checkRowCount } from './row-count.ts';
import { findRows } from './v1-rows.ts';

/**
 * Puts features into the rows of a KServe V1 request: array rows get the row's values behind or before their elements,
 * object rows get them as keys (position does not matter there). Fails when the request does not have exactly `rows`
 * rows, or a row is neither array nor object.
 */
export function enrichColumns(
  request: EnrichRequest,
  body: Buffer,
  position: 'append' | 'prepend',
): EnrichedBody | CodecFailure {
  const { columns, rows, existing } = request;
  const found = findRows(body);
  if (!found.ok) return found;
  const written = writeFeatures(columns, rows, { tensor: false });
  if (!written.ok) return written;
  const counted = checkRowCount(body, found.rows, rows);
  if (counted !== null) return counted;

  const edits: Edit[] = [];
  let problem: CodecFailure | null = null;
  const insert = position === 'append' ? appendItems : prependItems;
  eachElement(body, found.rows, (row, index) => {
    const members = written.rows[index] ?? [];
    if (row.kind === 'array') {
      edits.push(insert(body, row, members.map((member) => member.text).join(',')));
    } else if (row.kind === 'object') {
      mergeMembers(body, row, members, existing, edits);
    } else {
      problem = fail('BAD_BODY', 'WRONG_TYPE', `Row ${index} of the request must be an array or an object.`);
      return false;
    }
    return true;
  });
  if (problem !== null) return problem;
  return { json: applyEdits(body, edits), tail: null };
}
