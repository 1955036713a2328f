import { decodeName, encodeName } from './path-name.ts';

export type V1Operation = 'predict' | 'explain' | 'model-ready' | 'model-list';

/** What a KServe V1 path asks for; `model` is null for the list. */
export interface V1Path {
  readonly operation: V1Operation;
  readonly model: string | null;
}

/**
 * Reads a request path (no query, any prefix already removed) of KServe's V1 protocol: `/v1/models`, `/v1/models/{m}`,
 * `/v1/models/{m}:predict`, `/v1/models/{m}:explain`. The verb is what follows the last colon before decoding, so an
 * encoded colon belongs to the name. Null for every other path and verb, and for names that `decodeName` refuses.
 */
export function parseV1Path(path: string): V1Path | null {
  if (path === '/v1/models') return { operation: 'model-list', model: null };
  const prefix = '/v1/models/';
  if (!path.startsWith(prefix)) return null;
  const segment = path.slice(prefix.length);
  const colon = segment.lastIndexOf(':');
  if (colon === -1) return modelPath('model-ready', segment);
  const verb = segment.slice(colon + 1);
  return verb === 'predict' || verb === 'explain' ? modelPath(verb, segment.slice(0, colon)) : null;
}

function modelPath(operation: V1Operation, segment: string): V1Path | null {
  const model = decodeName(segment);
  return model === null ? null : { operation, model };
}

/** Writes the path of an operation, the name percent-encoded. Null when a model is needed and cannot stand in a path. */
export function v1Path(operation: V1Operation, model: string | null): string | null {
  if (operation === 'model-list') return '/v1/models';
  const name = encodeName(model ?? '');
  if (name === null) return null;
  return operation === 'model-ready' ? `/v1/models/${name}` : `/v1/models/${name}:${operation}`;
}
