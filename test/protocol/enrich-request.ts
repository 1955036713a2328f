import { Buffer } from 'node:buffer';

import { enrichBody, type Enriched, type EnrichRequest } from '../../src/protocol/enrich-body.ts';
import type { CodecFailure } from '../../src/protocol/codec-result.ts';
import type { FeatureColumn, FeatureDatatype, FeatureValue } from '../../src/protocol/feature-column.ts';

/** A column of one datatype. */
export function column(name: string, values: FeatureValue[], datatype: FeatureDatatype = 'FP64'): FeatureColumn {
  return { name, datatype, values };
}

/** Enriches a body given as text, with the defaults that most tests want. */
export function enrich(
  text: string,
  options: Partial<EnrichRequest> & Pick<EnrichRequest, 'into' | 'columns'>,
): Enriched | CodecFailure {
  return enrichBody({
    body: Buffer.from(text),
    inferenceHeaderLength: null,
    rows: options.columns[0]?.values.length ?? 1,
    existing: 'request',
    ...options,
  });
}

/** The new body as text, or the reason of the failure. */
export function enrichText(
  text: string,
  options: Partial<EnrichRequest> & Pick<EnrichRequest, 'into' | 'columns'>,
): string {
  const result = enrich(text, options);
  return result.ok ? result.body.toString() : result.reason;
}
