import { type CodecFailure, fail } from './codec-result.ts';
import type { FeatureLayout, FeatureValue } from './feature-layout.ts';
import { writeValue } from './json-number.ts';
import type { JsonWriter } from './json-writer.ts';
import type { Existing } from './member-merge.ts';

/** The features of one view for one request. */
export interface FeatureTable {
  readonly layout: FeatureLayout;
  readonly rows: number;
  /** Row by row: the value of column c in row r is at r * columns + c. */
  readonly values: readonly FeatureValue[];
  /** Whose value stays where the request already carries one. */
  readonly existing: Existing;
}

/** Writes the values of the columns [first, first + width) of a row, with commas between. */
export function writeElements(
  out: JsonWriter,
  { layout, values }: FeatureTable,
  row: number,
  first = 0,
  width = layout.columns.length,
): CodecFailure | null {
  const { columns } = layout;
  const start = row * columns.length;
  for (let c = first; c < first + width; c++) {
    if (c > first) out.byte(0x2c);
    const { datatype, name } = columns[c]!;
    const problem = writeValue(out, values[start + c] ?? null, datatype, name);
    if (problem !== null) return problem;
  }
  return null;
}

/** Writes one feature of a row as a member of an object. */
export function writeMember(
  out: JsonWriter,
  { layout, values }: FeatureTable,
  row: number,
  column: number,
): CodecFailure | null {
  const { datatype, name, member } = layout.columns[column]!;
  out.raw(member);
  return writeValue(out, values[row * layout.columns.length + column] ?? null, datatype, name);
}

/** Writes all features of a row as an object. */
export function writeObject(out: JsonWriter, table: FeatureTable, row: number): CodecFailure | null {
  out.byte(0x7b);
  for (let c = 0; c < table.layout.columns.length; c++) {
    if (c > 0) out.byte(0x2c);
    const problem = writeMember(out, table, row, c);
    if (problem !== null) return problem;
  }
  out.byte(0x7d);
  return null;
}

/** The failure for a tensor that would hold null (defaults were applied before); null when it would not. */
export function findNull({ layout, values, rows }: FeatureTable, first: number, width: number): CodecFailure | null {
  const { columns } = layout;
  for (let row = 0; row < rows; row++) {
    for (let c = first; c < first + width; c++) {
      if (values[row * columns.length + c] !== null) continue;
      const text = `The feature ${columns[c]!.name} has no value, and a tensor needs one.`;
      return fail('FEATURE_MISSING', 'NULL_VALUE', text);
    }
  }
  return null;
}
