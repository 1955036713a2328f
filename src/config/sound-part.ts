import { type ConfigProblem, splitPath } from './problem.ts';
import { isMapValue } from './schema-node.ts';
import type { ConfigFile } from './schema/root.ts';
import { isConfig } from './validate.ts';

/**
 * What is left of a configuration when everything that the schema refuses is taken out, so that the later steps can tell
 * what else is wrong; null when what is left is no configuration either.
 */
export function soundPartOf(value: unknown, problems: readonly ConfigProblem[]): ConfigFile | null {
  const rest: unknown = structuredClone(value);
  for (const { path, severity } of problems) if (severity === 'error') takeOut(rest, splitPath(path));
  return isConfig(rest) ? rest : null;
}

function takeOut(root: unknown, steps: readonly (string | number)[]): void {
  const last = steps.at(-1);
  let place: unknown = root;
  for (const step of steps.slice(0, -1))
    place = isMapValue(place) || Array.isArray(place) ? Reflect.get(place, step) : undefined;
  // Items of lists stay: to take one out would rename those behind it.
  if (typeof last === 'string' && isMapValue(place)) Reflect.deleteProperty(place, last);
}

/** Drops what may only be wrong because something was taken out: problems of the same object, or of one around it. */
export function withoutEchoes(found: readonly ConfigProblem[], refused: readonly ConfigProblem[]): ConfigProblem[] {
  const parents = refused.map(({ path }) => splitPath(path).slice(0, -1));
  return found.filter(({ path }) => {
    const steps = splitPath(path);
    return !parents.some((parent) => {
      const isAround = steps.every((step, i) => parent[i] === step);
      const isWithin = parent.length > 0 && parent.every((step, i) => steps[i] === step);
      return isAround || isWithin;
    });
  });
}
