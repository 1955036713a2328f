import type { Key } from './json-key.ts';
import { readScalar } from './json-scalar.ts';
import { eachElement } from './json-walk.ts';
import type { RequestBody } from './request-body.ts';

/**
 * The first dimension of the first input of an Open Inference Protocol request with at least `minDimensions`, but for the
 * input `own`. 1 when there is none.
 */
export function batchSize(body: RequestBody, own: Key | null, minDimensions: 1 | 2): number {
  const { json } = body;
  for (const tensor of body.inputs().tensors) {
    if (tensor.shape === null || (own !== null && tensor.isNamed(own))) continue;
    let first: unknown;
    let dimensions = 0;
    eachElement(json, tensor.shape, (dimension) => {
      if (dimensions === 0) first = readScalar(json, dimension);
      return ++dimensions < minDimensions;
    });
    if (dimensions === minDimensions && typeof first === 'number' && Number.isSafeInteger(first) && first >= 1) {
      return first;
    }
  }
  return 1;
}
