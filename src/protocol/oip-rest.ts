import { decodeName, encodeName } from './path-name.ts';

export type OipOperation =
  | 'infer'
  | 'model-metadata'
  | 'model-ready'
  | 'server-metadata'
  | 'server-live'
  | 'server-ready'
  | 'model-list';

/** What an Open Inference Protocol path asks for; `model` is null for what concerns the server. */
export interface OipPath {
  readonly operation: OipOperation;
  readonly model: string | null;
  readonly version: string | null;
}

const serverPaths: ReadonlyMap<string, OipPath> = new Map(
  (
    [
      ['/v2', 'server-metadata'],
      ['/v2/health/live', 'server-live'],
      ['/v2/health/ready', 'server-ready'],
      ['/v2/models', 'model-list'],
    ] as const
  ).map(([path, operation]) => [path, { operation, model: null, version: null }]),
);

/**
 * Reads a request path (no query, any prefix already removed) of the Open Inference Protocol's REST form,
 * specification/protocol/inference_rest.md. Names are percent-decoded once. Null for every other path, with a trailing
 * slash too, and for names that `decodeName` refuses.
 */
export function parseOipPath(path: string): OipPath | null {
  const server = serverPaths.get(path);
  if (server !== undefined) return server;
  const [empty, v2, models, rawModel, ...rest] = path.split('/', 8);
  if (empty !== '' || v2 !== 'v2' || models !== 'models' || rawModel === undefined) return null;
  const model = decodeName(rawModel);
  if (model === null) return null;
  let version: string | null = null;
  if (rest[0] === 'versions') {
    version = decodeName(rest[1] ?? '');
    if (version === null) return null;
    rest.splice(0, 2);
  }
  if (rest.length > 1) return null;
  const operation = modelOperation(rest[0]);
  return operation === null ? null : { operation, model, version };
}

function modelOperation(last: string | undefined): OipOperation | null {
  if (last === undefined) return 'model-metadata';
  if (last === 'infer') return 'infer';
  return last === 'ready' ? 'model-ready' : null;
}

/**
 * Writes the path of an operation, names percent-encoded; `model` and `version` count only for operations on models.
 * Null when an operation on a model has no model, or a name cannot stand in a path.
 */
export function oipPath(operation: OipOperation, model: string | null, version: string | null): string | null {
  for (const [path, server] of serverPaths) if (server.operation === operation) return path;
  const modelName = encodeName(model ?? '');
  const versionName = version === null ? '' : encodeName(version);
  if (modelName === null || versionName === null) return null;
  const base = `/v2/models/${modelName}${versionName === '' ? '' : `/versions/${versionName}`}`;
  if (operation === 'infer') return `${base}/infer`;
  return operation === 'model-ready' ? `${base}/ready` : base;
}
