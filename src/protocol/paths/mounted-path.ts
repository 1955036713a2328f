import type { Operation, Protocol } from '../../core/facts.ts';
import type { Mount } from '../../core/snapshot.ts';
import { type InferencePath, parseInferencePath, writeInferencePath } from './inference-path.ts';
import { GET_AND_HEAD, pathMeaning, POST } from './path-meaning.ts';
import { parseRayServePath } from './ray-serve.ts';

/** A path and what it asks for. */
export interface MountedPath {
  /** Without what stands before it at the mount; another than the client's when the model is put into it. */
  readonly path: string;
  readonly meaning: InferencePath;
}

/** Operations that are asked of a model though their path may name none. */
const modelless: ReadonlySet<Operation> = new Set<Operation>([
  'model-list',
  'server-metadata',
  'server-live',
  'server-ready',
]);

/**
 * Reads a whole path (no query) at a mount whose host fits, or null when the prefix does not fit or the protocol has no
 * such path. The model of the mount is left to the caller.
 */
export function readMountedPath(mount: Mount, whole: string): MountedPath | null {
  const path = restOf(whole, mount.prefix);
  const meaning = path === null ? null : meaningAt(mount, path);
  return path === null || meaning === null ? null : { path, meaning };
}

/** Whether a model may be given to a request from without: it is about a model, and its path names none. */
export function needsModel({ protocol, operation, model }: InferencePath): boolean {
  if (model !== '' || modelless.has(operation)) return false;
  return protocol !== 'oip' || operation === 'infer';
}

/**
 * The same request for another model, which is written into the path where the path has a place for it. Null when the
 * name cannot stand there.
 */
export function nameModel({ path, meaning }: MountedPath, model: string): MountedPath | null {
  const written = writeInferencePath(meaning, model, meaning.version);
  if (written === null && meaning.protocol === 'oip') return null;
  return { path: written ?? path, meaning: { ...meaning, model } };
}

/** What follows a prefix, from its slash on, `/` for nothing; null when the path has another prefix. */
export function restOf(whole: string, prefix: string): string | null {
  if (!whole.startsWith(prefix)) return null;
  const rest = whole.slice(prefix.length);
  if (rest === '') return '/';
  return rest.startsWith('/') ? rest : null;
}

/** Servers of these protocols have one model: where a mount says which, how the server is means how the model is. */
const ofOneModel: ReadonlySet<Protocol> = new Set<Protocol>(['mlflow', 'sagemaker', 'vertex', 'ray-serve']);

function meaningAt(mount: Mount, rest: string): InferencePath | null {
  const meaning = protocolMeaningAt(mount, rest);
  if (meaning === null || mount.model === '' || !ofOneModel.has(meaning.protocol)) return meaning;
  if (meaning.operation === 'server-ready') return { ...meaning, operation: 'model-ready' };
  return meaning.operation === 'server-metadata' ? { ...meaning, operation: 'model-metadata' } : meaning;
}

function protocolMeaningAt({ protocol, path, health, methods }: Mount, rest: string): InferencePath | null {
  if (protocol === 'ray-serve') return parseRayServePath(rest, methods);
  if (protocol !== 'vertex') return parseInferencePath(rest, protocol ?? undefined);
  if (rest === path) return pathMeaning('vertex', 'infer', POST);
  return rest === health ? pathMeaning('vertex', 'server-ready', GET_AND_HEAD) : null;
}
