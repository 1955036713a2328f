import type { CodecFailure } from './codec-result.ts';
import { type FeatureTable, writeMember } from './feature-table.ts';
import { writeValue } from './json-number.ts';
import { isKey, type Key } from './json-key.ts';
import type { Span } from './json-scan.ts';
import type { Splice } from './json-splice.ts';
import { eachMember } from './json-walk.ts';

/** Whose value stays when the request already has one of that name. */
export type Existing = 'store' | 'request';

/**
 * The edits that put the features of a row into an object span that the scanner accepted. Absent keys are appended in
 * their order. A key that is there (even with null) keeps its value under `request`, and gets the new one under `store`,
 * at every repetition, so that readers who take the first and readers who take the last agree.
 */
export function mergeMembers(
  splice: Splice,
  body: Uint8Array,
  object: Span,
  table: FeatureTable,
  row: number,
): CodecFailure | null {
  const { columns } = table.layout;
  let isPresent: boolean[] | null = null;
  let problem: CodecFailure | null = null;
  eachMember(body, object, (keyStart, keyEnd, start, end) => {
    const position = findKey(body, keyStart, keyEnd, columns);
    if (position === -1) return;
    isPresent ??= columns.map(() => false);
    isPresent[position] = true;
    if (table.existing === 'request') return;
    const { datatype, name } = columns[position]!;
    splice.replace(start, end);
    problem ??= writeValue(splice.out, table.values[row * columns.length + position] ?? null, datatype, name);
  });
  return problem ?? appendAbsent(splice, body, object, table, row, isPresent);
}

function appendAbsent(
  splice: Splice,
  body: Uint8Array,
  object: Span,
  table: FeatureTable,
  row: number,
  isPresent: readonly boolean[] | null,
): CodecFailure | null {
  let isFirst = true;
  for (let c = 0; c < table.layout.columns.length; c++) {
    if (isPresent?.[c] === true) continue;
    if (isFirst) splice.append(body, object);
    else splice.out.byte(0x2c);
    isFirst = false;
    const problem = writeMember(splice.out, table, row, c);
    if (problem !== null) return problem;
  }
  return null;
}

/** The first of the keys that the string token at [start, end) is; -1 for none. */
export function findKey(body: Uint8Array, start: number, end: number, keys: readonly { readonly key: Key }[]): number {
  for (let i = 0; i < keys.length; i++) if (isKey(body, start, end, keys[i]!.key)) return i;
  return -1;
}
