import { type CodecFailure, fail } from './codec-result.ts';
import type { Span } from './json-scan.ts';
import { eachElement } from './json-walk.ts';

/** Null when an array span that the scanner accepted has exactly `rows` elements, else the failure to answer with. */
export function checkRowCount(body: Uint8Array, array: Span, rows: number): CodecFailure | null {
  let count = 0;
  eachElement(body, array, () => ++count <= rows);
  if (count === rows) return null;
  const has = count > rows ? 'more' : String(count);
  return fail(
    'BAD_BODY',
    'ROW_COUNT',
    `The request names ${rows} entities but has ${has} rows; send one row for each.`,
  );
}
