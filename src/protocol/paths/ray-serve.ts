import { decodeName } from '../path-name.ts';
import type { InferencePath } from './inference-path.ts';
import { GET_AND_HEAD, GET_AND_POST, pathMeaning } from './path-meaning.ts';

/** Of Ray's proxy, which has it at the root, beside its apps. */
export const rayProbe = '/-/healthz';

/**
 * Reads a path of an app on Ray Serve: the app decides what its paths mean, so every path is one that has no empty part
 * but perhaps the last, and only parts that `decodeName` takes. Of what Ray's proxy keeps for itself under `/-/` there
 * is the probe alone. `methods` are those that the app takes.
 */
export function parseRayServePath(path: string, methods: readonly string[] = GET_AND_POST): InferencePath | null {
  if (path === rayProbe) return pathMeaning('ray-serve', 'server-ready', GET_AND_HEAD);
  const [empty, ...parts] = path.split('/');
  if (empty !== '' || parts.length === 0) return null;
  if (parts.at(-1) === '') parts.pop();
  const names = parts.map(decodeName);
  return names.includes(null) || names[0] === '-' ? null : pathMeaning('ray-serve', 'call', methods);
}
