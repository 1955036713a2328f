import { type CodecFailure, fail, failNotObject } from './codec-result.ts';
import { compilePaths, findFields, pathOf } from './json-path.ts';
import { findRoot, type Span } from './json-scan.ts';

const rowFields = compilePaths([['instances'], ['inputs']].map(pathOf));

/** The rows of a KServe V1 request: the array `instances`, or `inputs` when there are no instances. */
export function findRows(body: Uint8Array): { readonly ok: true; readonly rows: Span } | CodecFailure {
  const [instances, inputs] = findFields(body, rowFields);
  const rows = instances ?? inputs;
  if (rows?.kind === 'array') return { ok: true, rows };
  if (rows) return fail('BAD_BODY', 'WRONG_TYPE', 'The rows of the request ("instances") must be an array.');
  if (findRoot(body)?.kind !== 'object') return failNotObject();
  return fail('BAD_BODY', 'MISSING', 'The request needs an array "instances" with one element per row.');
}
