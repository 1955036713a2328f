import { Buffer } from 'node:buffer';

import type { CodecFailure } from '../../src/protocol/codec-result.ts';
import { enrichBody } from '../../src/protocol/enrich-body.ts';
import type { Into } from '../../src/protocol/feature-into.ts';
import { type FeatureDatatype, type FeatureValue, layOutFeatures } from '../../src/protocol/feature-layout.ts';
import type { Existing } from '../../src/protocol/member-merge.ts';
import { openBody, RequestBody } from '../../src/protocol/request-body.ts';

export interface Column {
  readonly name: string;
  readonly datatype: FeatureDatatype;
  /** One for each row. */
  readonly values: readonly FeatureValue[];
}

export interface EnrichOptions {
  readonly into: Into;
  readonly columns: readonly Column[];
  readonly rows?: number;
  readonly existing?: Existing;
  /** In place of the text. */
  readonly body?: Buffer;
  readonly inferenceHeaderLength?: number;
}

export interface Enriched {
  readonly ok: true;
  readonly body: Buffer;
  readonly inferenceHeaderLength: number | null;
}

/** A column of one datatype. */
export function column(name: string, values: readonly FeatureValue[], datatype: FeatureDatatype = 'FP64'): Column {
  return { name, datatype, values };
}

/** Enriches a body given as text. */
export function enrich(text: string, options: EnrichOptions): Enriched | CodecFailure {
  const { into, columns, existing = 'request', inferenceHeaderLength = null } = options;
  const body = openBody(options.body ?? Buffer.from(text), inferenceHeaderLength);
  if (!(body instanceof RequestBody)) return body;
  const columnRows = columns[0]?.values.length ?? 1;
  const values: FeatureValue[] = [];
  for (let row = 0; row < columnRows; row++) for (const each of columns) values.push(each.values[row] ?? null);
  const layout = layOutFeatures(into, columns);
  const result = enrichBody(body, { layout, rows: options.rows ?? columnRows, values, existing });
  if (!(result instanceof RequestBody)) return result;
  return { ok: true, body: result.bytes, inferenceHeaderLength: result.inferenceHeaderLength };
}

/** The new body as text, or the reason of the failure. */
export function enrichText(text: string, options: EnrichOptions): string {
  const result = enrich(text, options);
  return result.ok ? result.body.toString() : result.reason;
}
