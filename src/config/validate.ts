import { Compile } from 'typebox/compile';
import { explainSchema } from './explain-schema.ts';
import { type ConfigProblem, ProblemList, joinPath } from './problem.ts';
import { type SchemaNode, readSchema } from './schema-node.ts';
import { Config, type ConfigFile } from './schema/root.ts';

const validator = Compile(Config);

/** The definition of the language, read as data. */
export const configSchema: SchemaNode = readSchema(Config);

/** Whether `value` is a configuration, secrets not yet filled in. */
export function isConfig(value: unknown): value is ConfigFile {
  return validator.Check(value);
}

/**
 * Why `value` is not a configuration; nothing when it is. The compiled validator decides, since it is fast with
 * thousands of routes; the explanation is made only when there is something to explain.
 */
export function validateConfig(value: unknown): readonly ConfigProblem[] {
  if (isConfig(value)) return [];
  const list = new ProblemList();
  explainSchema(configSchema, value, '', list);
  if (list.problems.length === 0) {
    for (const error of validator.Errors(value)) {
      const path = error.instancePath
        .split('/')
        .slice(1)
        .reduce((at, step) => joinPath(at, step), '');
      list.error(path, error.message);
    }
  }
  return list.problems;
}
