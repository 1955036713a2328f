import type { Buffer } from 'node:buffer';

import type { Scalar } from '../core/facts.ts';
import type { CodecFailure } from './codec-result.ts';
import type { FeatureLayout } from './feature-layout.ts';
import type { FeatureTable } from './feature-table.ts';
import type { Key } from './json-key.ts';
import type { Path } from './json-path.ts';

/** One value per row, null for an element that names no entity; no values at all without the tensor or its elements. */
export type EntityValues = { readonly ok: true; readonly values: readonly Scalar[] } | CodecFailure;

/** A scalar, or one for each row; undefined stands for what is no scalar. */
export type FieldValue = Scalar | undefined | readonly (Scalar | undefined)[];

/**
 * The body of a request as enrichment sees it: where entities are named, how many rows there are, and where features go.
 * Integers beyond 2^53 - 1 are their digits, as text. Nothing here throws on bytes that a client sent.
 */
export interface FeatureBody {
  readonly bytes: Buffer;
  /** Length of the JSON in a body with binary tensors; null when there is none. */
  readonly inferenceHeaderLength: number | null;
  /** Why nothing can be found in the body; null when it can be read. */
  problem(): CodecFailure | null;
  /** What is at a path: null when it is absent; of an array its scalars, up to one more than `maxRows`. */
  readField(path: Path, maxRows: number): FieldValue;
  /** The value at a path in each row, up to one more than `maxRows`; null where a row has none, and for a null path. */
  readColumn(path: Path | null, maxRows: number): readonly (Scalar | undefined)[] | CodecFailure;
  /** The elements of the input of this name, flattened. */
  readTensor(name: Key, maxRows: number): EntityValues;
  /**
   * The number of rows of the request, as far as it can be told, else 1: placing the values says why. Of tensors it is the
   * first dimension of the first input with at least `minDimensions`, but for the input `own`.
   */
  countRows(own: Key | null, minDimensions: 1 | 2): number;
  /** Which features the request brings itself: 1 at row * columns + column; null for none at all. */
  supplied(layout: FeatureLayout, rows: number): Uint8Array | null;
  /** The body with the features in their places; the same body when nothing changes. */
  place(table: FeatureTable): FeatureBody | CodecFailure;
}
