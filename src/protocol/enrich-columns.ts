import { type CodecFailure, fail } from './codec-result.ts';
import type { EnrichedBody } from './enrich-body.ts';
import { type FeatureTable, writeElements } from './feature-table.ts';
import { startSplice } from './json-splice.ts';
import { eachElement } from './json-walk.ts';
import { mergeMembers } from './member-merge.ts';
import type { RequestBody } from './request-body.ts';
import { checkRowCount } from './row-count.ts';

/**
 * Puts features into the rows of a KServe V1 request: array rows get the row's values behind or before their elements,
 * object rows get them as keys (position does not matter there). Fails when the request does not have as many rows as
 * the features, or a row is neither array nor object.
 */
export function enrichColumns(
  body: RequestBody,
  table: FeatureTable,
  position: 'append' | 'prepend',
): EnrichedBody | CodecFailure {
  const { json } = body;
  const found = body.rows();
  if (!found.ok) return found;
  let problem = checkRowCount(json, found.rows, table.rows);
  if (problem !== null) return problem;
  const splice = startSplice();
  eachElement(json, found.rows, (row, index) => {
    if (row.kind === 'object') {
      problem = mergeMembers(splice, json, row, table, index);
    } else if (row.kind === 'array') {
      const isCommaNeeded = position === 'prepend' && splice.prepend(json, row);
      if (position === 'append') splice.append(json, row);
      problem = writeElements(splice.out, table, index);
      if (isCommaNeeded) splice.out.byte(0x2c);
    } else {
      problem = fail('BAD_BODY', 'WRONG_TYPE', `Row ${index} of the request must be an array or an object.`);
    }
    return problem === null;
  });
  return problem ?? { json: splice.apply(json), tail: null };
}
