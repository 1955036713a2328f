/** The datatypes of the Open Inference Protocol in which features are kept. */
export type FeatureDatatype = 'BOOL' | 'INT32' | 'INT64' | 'FP32' | 'FP64' | 'BYTES';

/** One value; an INT64 may also be the text of its digits. */
export type FeatureValue = number | bigint | string | boolean | null;

/** One feature for all rows of a request: `values[i]` belongs to row i. */
export interface FeatureColumn {
  readonly name: string;
  readonly datatype: FeatureDatatype;
  readonly values: readonly FeatureValue[];
}
