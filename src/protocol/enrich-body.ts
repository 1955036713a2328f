import type { Buffer } from 'node:buffer';

import type { CodecFailure } from './codec-result.ts';
import { fail } from './codec-result.ts';
import { enrichColumns } from './enrich-columns.ts';
import { enrichObject, parametersPath } from './enrich-object.ts';
import { enrichTensors } from './enrich-tensor.ts';
import type { FeatureTable } from './feature-table.ts';
import type { RequestBody } from './request-body.ts';

/** What the placements return: the two parts of the new body; tail null means: as it was. */
export interface EnrichedBody {
  readonly json: Buffer;
  readonly tail: Buffer | null;
}

/**
 * Puts feature values into a request body. Bytes that no feature replaces stay as they are, whatever they hold: white
 * space, integers beyond 2^53, NaN tokens. With nothing to add the same body comes back. A body that is not one JSON
 * object (before the binary tail), or does not have the places and rows that the features need, is a failure; so is a
 * value that its datatype cannot hold.
 */
export function enrichBody(body: RequestBody, table: FeatureTable): RequestBody | CodecFailure {
  const { layout, rows, values } = table;
  const { length } = layout.columns;
  if (length === 0) return body;
  if (values.length !== rows * length) {
    const text = `There are ${values.length} values of ${length} features for ${rows} rows.`;
    return fail('BAD_BODY', 'ROW_COUNT', text);
  }
  // Bytes that nobody can tell whose they are must not go on beside new tensors.
  const doubt = body.form === 'tensors' && body.isDivided ? body.inputs().problem : null;
  const enriched = doubt ?? place(body, table);
  if ('ok' in enriched) return enriched;
  const { json, tail } = enriched;
  return json === body.json ? body : body.with(json, tail ?? body.tail);
}

function place(body: RequestBody, table: FeatureTable): EnrichedBody | CodecFailure {
  const { into } = table.layout;
  switch (into.kind) {
    case 'tensor':
    case 'tensors':
      return enrichTensors(body, table);
    case 'columns':
      return enrichColumns(body, table, into.position);
    case 'parameters':
      return enrichObject(body, table, { path: parametersPath, isFlat: true });
    default:
      return enrichObject(body, table, { path: into.path, isFlat: false });
  }
}
