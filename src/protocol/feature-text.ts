import { type CodecFailure, fail } from './codec-result.ts';
import type { FeatureColumn, FeatureDatatype } from './feature-column.ts';
import { compileKey } from './json-key.ts';
import { writeValue } from './json-number.ts';
import type { Member } from './member-merge.ts';

/** The features of every row as members, `rows[row][feature]`. */
export type FeatureRows = { readonly ok: true; readonly rows: readonly (readonly Member[])[] } | CodecFailure;

export interface FeatureTextOptions {
  /** Whether the values go into a tensor, which cannot hold null (the caller has applied its defaults before). */
  readonly tensor: boolean;
  /** In place of each column's own datatype. */
  readonly datatype?: FeatureDatatype;
  /** Put before each feature's name to make its key. */
  readonly prefix?: string;
}

/**
 * Writes all values of all columns as JSON text, row by row. Fails for a column that does not have `rows` values, for
 * null in a tensor, and for values that their datatype cannot hold.
 */
export function writeFeatures(
  columns: readonly FeatureColumn[],
  rows: number,
  { tensor, datatype, prefix = '' }: FeatureTextOptions,
): FeatureRows {
  const written: Member[][] = [];
  for (let row = 0; row < rows; row++) written.push([]);
  for (const column of columns) {
    const { name, values } = column;
    if (values.length !== rows) {
      return fail(
        'BAD_BODY',
        'ROW_COUNT',
        `There are ${values.length} values of the feature ${name} for ${rows} rows.`,
      );
    }
    const key = compileKey(prefix + name);
    for (const [row, value] of values.entries()) {
      if (value === null && tensor) {
        return fail('FEATURE_MISSING', 'NULL_VALUE', `The feature ${name} has no value, and a tensor needs one.`);
      }
      const json = writeValue(value, datatype ?? column.datatype, name);
      if (!json.ok) return json;
      written[row]?.push({ key, text: json.text });
    }
  }
  return { ok: true, rows: written };
}
