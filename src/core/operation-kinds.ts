import type { Operation } from './facts.ts';

/** Whether an operation is about an input: then it gets the features and the arm that a prediction for it gets. */
export function asksModel(operation: Operation): boolean {
  return operation === 'infer' || operation === 'explain' || isPrediction(operation);
}

/** Whether the answer to an operation is a prediction: it is mirrored, and what becomes of it can be learned from. */
export function isPrediction(operation: Operation): boolean {
  return predictions.has(operation);
}

const predictions: ReadonlySet<Operation> = new Set<Operation>([
  'infer',
  'infer-stream',
  'generate',
  'generate-stream',
  'classify',
  'regress',
  'chat',
  'completions',
  'responses',
  'embeddings',
  'rerank',
  'call',
]);

/** Whether an operation changes a model server, or reveals its inside: a route must allow it by name. */
export function isRestricted(operation: Operation): boolean {
  return restricted.has(operation);
}

/** What the client of a restricted operation hears when its route does not allow it. */
export const restrictedText =
  'This route does not serve that; the operator can allow it with the key `allow` of the route.';

const restricted: ReadonlySet<Operation> = new Set<Operation>([
  'repository-index',
  'model-load',
  'model-unload',
  'trace-setting',
  'log-settings',
  'shared-memory',
]);
