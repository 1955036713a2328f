import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from './codec-result.ts';
import { enrichColumns } from './enrich-columns.ts';
import { enrichObject, parametersPath } from './enrich-object.ts';
import { enrichTensors } from './enrich-tensor.ts';
import type { FeatureColumn } from './feature-column.ts';
import type { Into } from './feature-into.ts';
import type { Existing } from './member-merge.ts';
import { joinBinary } from './oip-binary.ts';

/** A request body and the features to put into it. */
export interface EnrichRequest {
  readonly body: Buffer;
  /** The length of the JSON in `body` as `splitBinary` found it: 0 for a raw request, null when all is JSON. */
  readonly inferenceHeaderLength: number | null;
  readonly into: Into;
  readonly columns: readonly FeatureColumn[];
  /** Rows of the request; each column has as many values. */
  readonly rows: number;
  /** Whose value stays where the request already carries one. */
  readonly existing: Existing;
}

/** What the placements return: the two parts of the new body; tail null means: as it was. */
export interface EnrichedBody {
  readonly json: Buffer;
  readonly tail: Buffer | null;
}

export interface Enriched {
  readonly ok: true;
  readonly body: Buffer;
  readonly inferenceHeaderLength: number | null;
}

/**
 * Puts feature values into a request body. Bytes that no feature replaces stay as they are, whatever they hold: white
 * space, integers beyond 2^53, NaN tokens. With nothing to add the same buffer comes back. A body that is not one JSON
 * object (before the binary tail), or does not have the places and rows that `into` needs, is a failure.
 */
export function enrichBody(request: EnrichRequest): Enriched | CodecFailure {
  const { body, inferenceHeaderLength: length, into } = request;
  if (request.columns.length === 0) return { ok: true, body, inferenceHeaderLength: length };
  if (length === 0) {
    return fail('BAD_BODY', 'RAW_REQUEST', 'Features cannot be added to a raw binary request; send the JSON form.');
  }
  if (length !== null && length > body.length) {
    return fail('BAD_REQUEST', 'BINARY_LENGTH', 'Inference-Header-Content-Length is larger than the body.');
  }
  const json = length === null ? body : body.subarray(0, length);
  const tail = body.subarray(json.length);
  const enriched = place(request, into, json, tail);
  if ('ok' in enriched) return enriched;
  if (enriched.json === json) return { ok: true, body, inferenceHeaderLength: length };
  return {
    ok: true,
    body: joinBinary(enriched.json, enriched.tail ?? tail),
    inferenceHeaderLength: length === null ? null : enriched.json.length,
  };
}

function place(request: EnrichRequest, into: Into, json: Buffer, tail: Buffer): EnrichedBody | CodecFailure {
  switch (into.kind) {
    case 'tensor':
    case 'tensors':
      return enrichTensors(request, json, tail);
    case 'columns':
      return enrichColumns(request, json, into.position);
    case 'parameters':
      return enrichObject(request, json, { path: parametersPath, prefix: into.prefix, isFlat: true });
    default:
      return enrichObject(request, json, { path: into.path, prefix: '', isFlat: false });
  }
}
