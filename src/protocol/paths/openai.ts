import type { Operation } from '../../core/facts.ts';
import { decodeName } from '../path-name.ts';
import type { InferencePath } from './inference-path.ts';
import { GET, GET_AND_HEAD, pathMeaning, POST } from './path-meaning.ts';

const operations: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ['chat/completions', 'chat'],
  ['completions', 'completions'],
  ['responses', 'responses'],
  ['embeddings', 'embeddings'],
  ['rerank', 'rerank'],
]);

const SLASHED = /^models\/[^/:]+\/[^:]+$/;

/** KServe serves the same paths under `/openai`. */
const PREFIX = /^(\/openai)?\/v1\//;

/**
 * Reads a path of OpenAI's REST API, also under `/openai`: the model of a request is in its body. `/v1/models` and
 * `/v1/models/{m}` are read under `/openai`, and elsewhere only when `isAlone`: KServe V1 has the same paths. Names of
 * models may hold raw slashes, each part is one that `decodeName` takes; KServe V1 has none such, so that they are read
 * everywhere, but for colons, which stand before its verbs. Null for every other path.
 */
export function parseOpenAiPath(path: string, isAlone: boolean): InferencePath | null {
  if (isAlone && path === '/health') return pathMeaning('openai', 'server-ready', GET_AND_HEAD);
  const prefix = PREFIX.exec(path);
  if (prefix === null) return null;
  const rest = path.slice(prefix[0].length);
  const operation = operations.get(rest);
  if (operation !== undefined) return pathMeaning('openai', operation, POST);
  if (!isAlone && prefix[1] === undefined && !SLASHED.test(rest)) return null;
  if (rest === 'models') return pathMeaning('openai', 'model-list', GET);
  if (!rest.startsWith('models/')) return null;
  const parts = rest.slice('models/'.length).split('/').map(decodeName);
  return parts.includes(null) ? null : pathMeaning('openai', 'model-metadata', GET, { model: parts.join('/') });
}
