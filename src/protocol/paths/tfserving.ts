import type { Operation } from '../../core/facts.ts';
import { decodeName, encodeName } from '../path-name.ts';
import type { InferencePath } from './inference-path.ts';
import { GET, pathMeaning, POST } from './path-meaning.ts';

const verbs: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ['predict', 'infer'],
  ['classify', 'classify'],
  ['regress', 'regress'],
]);

/** Versions are integers of 64 bits; everything else is a label. */
const VERSION = /^[0-9]{1,19}$/;

/**
 * Reads a path of TF Serving's REST API (tensorflow/serving, docs/api_rest.md): `/v1/models/{m}`, then perhaps
 * `/versions/{digits}` or `/labels/{label}`, then perhaps `:predict`, `:classify`, `:regress` or `/metadata`. The verb is
 * what follows the last colon before decoding. Null for every other path, and for names that `decodeName` refuses.
 */
export function parseTfServingPath(path: string): InferencePath | null {
  const [empty, v1, models, ...rest] = path.split('/');
  if (empty !== '' || v1 !== 'v1' || models !== 'models') return null;
  let operation: Operation = 'model-status';
  const last = rest.at(-1) ?? '';
  const colon = last.lastIndexOf(':');
  if (colon !== -1) {
    const verb = verbs.get(last.slice(colon + 1));
    if (verb === undefined) return null;
    operation = verb;
    rest[rest.length - 1] = last.slice(0, colon);
  } else if (last === 'metadata' && rest.length % 2 === 0) {
    operation = 'model-metadata';
    rest.pop();
  }
  const [rawModel = '', kind, rawVersion = '', ...more] = rest;
  const model = decodeName(rawModel);
  if (model === null || more.length > 0) return null;
  const methods = operation === 'model-status' || operation === 'model-metadata' ? GET : POST;
  if (kind === undefined) return pathMeaning('tfserving', operation, methods, { model });
  const isLabel = kind === 'labels';
  const version = decodeName(rawVersion);
  if (version === null || !(isLabel || (kind === 'versions' && VERSION.test(rawVersion)))) return null;
  return pathMeaning('tfserving', operation, methods, { model, version, isLabel });
}

/**
 * The path of the same operation for other names. What is no integer is written as a label, and so is the label that the
 * path has. Null when the operation has no such path or a name cannot stand in it.
 */
export function writeTfServingPath(path: InferencePath, model: string, version: string): string | null {
  const name = encodeName(model);
  const versionName = version === '' ? '' : encodeName(version);
  const end = endOf(path.operation);
  if (name === null || versionName === null || end === null) return null;
  const isLabel = !VERSION.test(version) || (path.isLabel && version === path.version);
  const kind = isLabel ? 'labels' : 'versions';
  return `/v1/models/${name}${versionName === '' ? '' : `/${kind}/${versionName}`}${end}`;
}

function endOf(operation: Operation): string | null {
  if (operation === 'model-status' || operation === 'model-ready') return '';
  if (operation === 'model-metadata') return '/metadata';
  for (const [verb, known] of verbs) if (known === operation) return `:${verb}`;
  return null;
}
