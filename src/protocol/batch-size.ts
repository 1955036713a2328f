import type { Key } from './json-key.ts';
import { readScalar } from './json-scalar.ts';
import { eachElement } from './json-walk.ts';
import type { RequestBody } from './request-body.ts';

/** The rows of a KServe V1 request; 1 when they cannot be counted. */
export function countInstances(body: RequestBody): number {
  const found = body.rows();
  let count = 0;
  if (found.ok) eachElement(body.json, found.rows, () => void count++);
  return found.ok ? count : 1;
}

/**
 * The first dimension of the first input of an Open Inference Protocol request with at least two, but for the input
 * `own`; one dimension may as well be a single row. 1 when there is none.
 */
export function batchSize(body: RequestBody, own: Key | null): number {
  const { json } = body;
  for (const tensor of body.inputs().tensors) {
    if (tensor.shape === null || (own !== null && tensor.isNamed(own))) continue;
    let first: unknown;
    let dimensions = 0;
    eachElement(json, tensor.shape, (dimension) => {
      if (dimensions === 0) first = readScalar(json, dimension);
      return ++dimensions < 2;
    });
    if (dimensions === 2 && typeof first === 'number' && Number.isSafeInteger(first) && first >= 1) return first;
  }
  return 1;
}
