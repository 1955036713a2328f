import { decodeName } from '../path-name.ts';
import type { InferencePath } from './inference-path.ts';
import { GET, GET_AND_HEAD, pathMeaning, POST } from './path-meaning.ts';

const API = /^\/api\/v(?:1\.0|0\.1)\/(predictions|feedback|metadata|status|health\/status)(?:\/([^/]+))?$/;

const ready = pathMeaning('seldon-v1', 'server-ready', GET_AND_HEAD);

const apiMeanings: ReadonlyMap<string, InferencePath> = new Map<string, InferencePath>([
  ['predictions', pathMeaning('seldon-v1', 'infer', POST)],
  ['feedback', pathMeaning('seldon-v1', 'feedback', POST)],
  ['metadata', pathMeaning('seldon-v1', 'model-metadata', GET)],
  ['status', pathMeaning('seldon-v1', 'model-status', GET)],
  ['health/status', ready],
]);

const probes: ReadonlyMap<string, InferencePath> = new Map<string, InferencePath>([
  ['/ready', ready],
  ['/health/status', ready],
  ['/live', pathMeaning('seldon-v1', 'server-live', GET_AND_HEAD)],
]);

/**
 * Reads a path of Seldon Core 1 (executor/api/rest): predictions, feedback, metadata and status under `/api/v1.0` or
 * `/api/v0.1`, and the probes. They name no deployment: the name that may follow metadata and status is of a node in
 * its graph, and belongs to the path alone. Null for every other path, and for names that `decodeName` refuses.
 */
export function parseSeldonV1Path(path: string): InferencePath | null {
  const found = API.exec(path);
  if (found === null) return probes.get(path) ?? null;
  const [, kind = '', node] = found;
  if (node !== undefined && ((kind !== 'metadata' && kind !== 'status') || decodeName(node) === null)) return null;
  return apiMeanings.get(kind) ?? null;
}
