import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import { skipValue, type Span } from '../json-scan.ts';
import { checkFinite } from './json-form.ts';
import { failType, readRoot, spanAt } from './json-reader.ts';
import { failUnsupported } from './wording.ts';

/** A request of KServe V1. */
export interface V1Request {
  readonly ok: true;
  /** The name of the field that has the rows. */
  readonly field: 'instances' | 'inputs';
  /** Of `instances` an array; `inputs` may also be an object of columns, as TF Serving has it. */
  readonly rows: Span;
  readonly parameters: Span | null;
}

/**
 * Reads `{"instances": [...], "parameters": {...}}`, perhaps with `inputs` in place of `instances`. Every other field is
 * shown to `visit`, which says what is wrong with it; by default, that it is there.
 */
export function readV1Request(
  json: Buffer,
  visit: (key: string, span: Span) => CodecFailure | null = (key) => failUnsupported(key),
): V1Request | CodecFailure {
  const found: { instances: Span | null; inputs: Span | null; parameters: Span | null } = {
    instances: null,
    inputs: null,
    parameters: null,
  };
  const problem = readRoot(json, (key, at) => {
    const span = spanAt(json, at);
    if (span === null) return -1;
    if (key === 'parameters') {
      if (span.kind !== 'object' && span.kind !== 'null') return failType(key, 'an object');
      found.parameters = span.kind === 'object' ? span : null;
    } else if (key === 'instances' || key === 'inputs') found[key] = span;
    else return visit(key, span) ?? span.end;
    return span.end;
  });
  if (problem !== null) return problem;
  const { instances, inputs, parameters } = found;
  if (instances !== null && inputs !== null) {
    return failUnsupported('inputs', 'stands beside "instances"; send one of them');
  }
  if (instances !== null) {
    if (instances.kind !== 'array') return failType('instances', 'an array with one element for each row');
    return { ok: true, field: 'instances', rows: instances, parameters };
  }
  if (inputs !== null) return { ok: true, field: 'inputs', rows: inputs, parameters };
  return fail('BAD_BODY', 'MISSING', 'The request needs an array "instances" with one element for each row.');
}

/** The failure for rows or parameters with NaN or Infinity, which servers but TF Serving do not read; null for none. */
export function checkFiniteRows(json: Buffer, { field, rows, parameters }: V1Request): CodecFailure | null {
  return checkFinite(json, rows, `field "${field}"`) ?? checkFinite(json, parameters, 'field "parameters"');
}

/** The `predictions` of an answer; other fields are passed over. */
export function readPredictions(json: Buffer): Span | CodecFailure {
  const found: { predictions: Span | null } = { predictions: null };
  const problem = readRoot(json, (key, at) => {
    if (key !== 'predictions') return skipValue(json, at);
    found.predictions = spanAt(json, at);
    return found.predictions === null ? -1 : found.predictions.end;
  });
  if (problem !== null) return problem;
  return found.predictions ?? fail('BAD_BODY', 'MISSING', 'The answer has no "predictions".');
}
