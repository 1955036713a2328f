import type { Operation } from '../../core/facts.ts';
import { decodeName, encodeName } from '../path-name.ts';
import type { InferencePath } from './inference-path.ts';
import { GET, GET_AND_HEAD, GET_AND_POST, pathMeaning, POST } from './path-meaning.ts';

/** What may follow the name of a model, or its version. */
const modelOperations: ReadonlyArray<readonly [end: string, Operation, methods: readonly string[]]> = [
  ['', 'model-metadata', GET],
  ['/infer', 'infer', POST],
  ['/ready', 'model-ready', GET],
  ['/generate', 'generate', POST],
  ['/generate_stream', 'generate-stream', POST],
  ['/infer_stream', 'infer-stream', POST],
  ['/config', 'model-config', GET],
  ['/stats', 'model-stats', GET],
  ['/trace/setting', 'trace-setting', GET_AND_POST],
];

/** Paths without a model. Servers read `/v2/models/stats` so as well, though a model could have that name. */
const plainPaths: ReadonlyMap<string, InferencePath> = new Map<string, InferencePath>([
  ['/v2', pathMeaning('oip', 'server-metadata', GET)],
  ['/v2/health/live', pathMeaning('oip', 'server-live', GET_AND_HEAD)],
  ['/v2/health/ready', pathMeaning('oip', 'server-ready', GET_AND_HEAD)],
  ['/v2/models', pathMeaning('oip', 'model-list', GET)],
  ['/v2/models/stats', pathMeaning('oip', 'model-stats', GET)],
  ['/v2/models/infer', pathMeaning('oip', 'infer', POST)],
  ['/v2/trace/setting', pathMeaning('oip', 'trace-setting', GET_AND_POST)],
  ['/v2/logging', pathMeaning('oip', 'log-settings', GET_AND_POST)],
  ['/v2/repository/index', pathMeaning('oip', 'repository-index', POST)],
]);

const REPOSITORY = /^\/v2\/repository\/models\/([^/]+)\/(load|unload)$/;
const SHARED_MEMORY = /^\/v2\/(?:system|cuda)sharedmemory(?:\/region\/([^/]+))?\/(status|register|unregister)$/;

/**
 * Reads a path of the Open Inference Protocol's REST form (specification/protocol/inference_rest.md) with what Triton
 * (docs/protocol/extension_*.md) and MLServer add. Names are percent-decoded once. Null for every other path, with a
 * trailing slash too, and for names that `decodeName` refuses.
 */
export function parseOipPath(path: string): InferencePath | null {
  const plain = plainPaths.get(path);
  if (plain !== undefined) return plain;
  if (!path.startsWith('/v2/')) return null;
  if (path.startsWith('/v2/models/')) return parseModelPath(path);
  const repository = REPOSITORY.exec(path);
  if (repository !== null) {
    const model = decodeName(repository[1] ?? '');
    const operation = repository[2] === 'load' ? 'model-load' : 'model-unload';
    return model === null ? null : pathMeaning('oip', operation, POST, { model });
  }
  const memory = SHARED_MEMORY.exec(path);
  if (memory === null || (memory[1] !== undefined && decodeName(memory[1]) === null)) return null;
  return pathMeaning('oip', 'shared-memory', memory[2] === 'status' ? GET : POST);
}

function parseModelPath(path: string): InferencePath | null {
  const [rawModel = '', ...rest] = path.split('/').slice(3);
  const model = decodeName(rawModel);
  if (model === null) return null;
  let version = '';
  if (rest[0] === 'versions') {
    const decoded = decodeName(rest[1] ?? '');
    if (decoded === null) return null;
    version = decoded;
    rest.splice(0, 2);
  }
  const last = rest.map((part) => `/${part}`).join('');
  for (const [end, operation, methods] of modelOperations) {
    if (last === end) return pathMeaning('oip', operation, methods, { model, version });
  }
  return null;
}

/**
 * The path of the same operation for other names. Without a model where the protocol has such a path. Null for operations
 * that concern no model, for names that cannot stand in a path, and where the path would mean something else.
 */
export function writeOipPath({ operation }: InferencePath, model: string, version: string): string | null {
  if (model === '') return version === '' ? writePlainPath(operation) : null;
  const name = encodeName(model);
  const versionName = version === '' ? '' : encodeName(version);
  if (name === null || versionName === null) return null;
  if (operation === 'model-load') return `/v2/repository/models/${name}/load`;
  if (operation === 'model-unload') return `/v2/repository/models/${name}/unload`;
  const known = modelOperations.find(([, one]) => one === operation);
  if (known === undefined) return null;
  const path = `/v2/models/${name}${versionName === '' ? '' : `/versions/${versionName}`}${known[0]}`;
  return plainPaths.has(path) ? null : path;
}

function writePlainPath(operation: Operation): string | null {
  if (operation === 'infer') return '/v2/models/infer';
  if (operation === 'model-stats') return '/v2/models/stats';
  return operation === 'trace-setting' ? '/v2/trace/setting' : null;
}
