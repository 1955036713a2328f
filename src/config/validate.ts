import { configSchema } from './config-schema.ts';
import { explainSchema } from './explain-schema.ts';
import { fitsSchema } from './fits-schema.ts';
import { type ConfigProblem, ProblemList } from './problem.ts';
import type { ConfigFile } from './schema/root.ts';

/** Whether `value` is a configuration, secrets not yet filled in. */
export function isConfig(value: unknown): value is ConfigFile {
  return fitsSchema(configSchema, value);
}

/**
 * Why `value` is not a configuration; nothing when it is. The explanation is made only when there is something to
 * explain: it is slow with thousands of routes.
 */
export function validateConfig(value: unknown): readonly ConfigProblem[] {
  if (isConfig(value)) return [];
  const list = new ProblemList();
  explainSchema(configSchema, value, '', list);
  return list.problems;
}
