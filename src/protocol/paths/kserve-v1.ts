import { decodeName, encodeName } from '../path-name.ts';
import type { InferencePath } from './inference-path.ts';
import { GET, GET_AND_HEAD, pathMeaning, POST } from './path-meaning.ts';
import { writeTfServingPath } from './tfserving.ts';

const MODELS = '/v1/models';
const alive = pathMeaning('kserve-v1', 'server-live', GET_AND_HEAD);
const list = pathMeaning('kserve-v1', 'model-list', GET);

/**
 * Reads a path of KServe's V1 protocol: `/`, `/v1/models`, `/v1/models/{m}`, `/v1/models/{m}:predict`,
 * `/v1/models/{m}:explain`. The verb is what follows the last colon before decoding, so an encoded colon belongs to the
 * name. Null for every other path and verb, and for names that `decodeName` refuses.
 */
export function parseV1Path(path: string): InferencePath | null {
  if (path === '/') return alive;
  if (path === MODELS) return list;
  if (!path.startsWith(`${MODELS}/`)) return null;
  const segment = path.slice(MODELS.length + 1);
  const colon = segment.lastIndexOf(':');
  const verb = colon === -1 ? null : segment.slice(colon + 1);
  if (verb !== null && verb !== 'predict' && verb !== 'explain') return null;
  const model = decodeName(verb === null ? segment : segment.slice(0, colon));
  if (model === null) return null;
  if (verb === null) return pathMeaning('kserve-v1', 'model-ready', GET, { model });
  return pathMeaning('kserve-v1', verb === 'predict' ? 'infer' : 'explain', POST, { model });
}

/**
 * The path of the same operation for another model. A version makes it TF Serving's path, whose servers take these
 * requests as well. Null when the path names no model or the name cannot stand in it.
 */
export function writeV1Path(path: InferencePath, model: string, version: string): string | null {
  const { operation } = path;
  if (version !== '' && operation !== 'explain') return writeTfServingPath(path, model, version);
  const name = encodeName(model);
  if (name === null) return null;
  if (operation === 'model-ready') return `${MODELS}/${name}`;
  if (operation === 'infer') return `${MODELS}/${name}:predict`;
  return operation === 'explain' ? `${MODELS}/${name}:explain` : null;
}
