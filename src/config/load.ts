import { readFileSync } from 'node:fs';
import { hashConfig } from './config-hash.ts';
import { configSchema } from './config-schema.ts';
import { type ConfigProblem, type Problem, ProblemList, hasErrors, joinPath } from './problem.ts';
import type { ConfigFile } from './schema/root.ts';
import { isMapValue } from './schema-node.ts';
import { soundPartOf } from './sound-part.ts';
import { makeRedact, resolveSecrets, schemaAt } from './secrets.ts';
import { isConfig, validateConfig } from './validate.ts';
import { MAX_CONFIG_BYTES, type YamlSource, readYaml } from './yaml-source.ts';

export interface LoadOptions {
  /** Where `${env:NAME}` is looked up. Default: the environment of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** How `${file:PATH}` is read. Relative paths are taken from the working directory. */
  readonly readFile?: (path: string) => string;
}

/** A configuration that fits the schema, or null and the problems why not. */
export type LoadResult = LoadedConfig | FailedLoad;

export interface LoadedConfig {
  /** Secrets filled in. */
  readonly config: ConfigFile;
  /** As written, secrets as references. */
  readonly written: ConfigFile;
  readonly hash: string;
  readonly problems: readonly Problem[];
  readonly secrets: readonly string[];
  /** Blanks the secrets out of a text. */
  readonly redact: (text: string) => string;
  /** Gives problems of later steps their places, sorted by line, each once. */
  readonly place: (problems: readonly ConfigProblem[]) => Problem[];
}

export interface FailedLoad {
  readonly config: null;
  readonly problems: readonly Problem[];
  /** What can still be checked, so that one run tells all that is wrong; null: nothing. */
  readonly rest: ConfigFile | null;
  readonly place: (problems: readonly ConfigProblem[], placed?: readonly Problem[]) => Problem[];
}

/** Reads a configuration from YAML text: syntax, schema, secrets. Reports all problems of the step that fails. */
export function loadConfigText(text: string, options: LoadOptions = {}): LoadResult {
  const source = readYaml(text);
  if (source.value === undefined) return { ...fail(''), problems: source.problems };
  if (source.value === null && source.problems.length === 0) {
    return fail('the file is empty', 'a configuration that begins with `version: 1`');
  }

  const { value } = source;
  nameTheNulls(value);
  // A value that could not be read is null by now: to call it missing too would help nobody.
  const unread = new Set(source.problems.map((problem) => problem.path));
  const invalid = validateConfig(value).filter((problem) => !unread.has(problem.path));
  const problems = placeProblems(source, [...invalid, ...findLostOrder(source)], source.problems);
  const list = new ProblemList();
  const sources = { env: options.env ?? process.env, readFile: options.readFile ?? readSecretFile };
  const place = (found: readonly ConfigProblem[], placed: readonly Problem[] = []) =>
    placeProblems(source, found, placed);
  if (!isConfig(value) || hasErrors(problems)) {
    const part = source.problems.length > 0 ? null : soundPartOf(value, invalid);
    const rest = part === null ? null : resolveSecrets(configSchema, part, sources, list).config;
    return { config: null, problems: placeProblems(source, list.problems, problems), rest, place };
  }
  const { config, secrets } = resolveSecrets(configSchema, value, sources, list);
  if (hasErrors(list.problems)) return { config: null, problems: place(list.problems), rest: config, place };
  return {
    config,
    written: value,
    hash: hashConfig(configSchema, value),
    problems: place(list.problems),
    secrets,
    redact: makeRedact(secrets),
    place,
  };
}

/** Reads a configuration file. A file that cannot be read is a problem like any other. */
export function loadConfigFile(path: string, options: LoadOptions = {}): LoadResult {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    return fail(`the file cannot be read${code}`);
  }
  if (bytes.length > MAX_CONFIG_BYTES) return fail('the file is larger than 16 MiB');
  try {
    return loadConfigText(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), options);
  } catch (error) {
    if (error instanceof TypeError) return fail('the file is not UTF-8 text');
    throw error;
  }
}

function fail(message: string, expected?: string): FailedLoad {
  const problem: Problem = { severity: 'error', path: '', line: 1, column: 1, message };
  const problems = [expected === undefined ? problem : { ...problem, expected }];
  return { config: null, problems, rest: null, place: () => problems };
}

const MAX_SECRET_BYTES = 64 * 1024;

function readSecretFile(path: string): string {
  const bytes = readFileSync(path);
  if (bytes.length > MAX_SECRET_BYTES) throw Object.assign(new Error('too large'), { code: 'larger than 64 KiB' });
  return bytes.toString('utf8');
}

/** `onMissing: null` is nothing to YAML and a word to us. */
function nameTheNulls(value: unknown): void {
  if (!isMapValue(value) || !isMapValue(value.features)) return;
  for (const view of Object.values(value.features)) {
    if (isMapValue(view) && 'onMissing' in view) view.onMissing ??= 'null';
  }
}

/** Objects put whole-number keys first; where the order of keys has a meaning, that would change it silently. */
function findLostOrder(source: YamlSource): ConfigProblem[] {
  const list = new ProblemList();
  for (const { path, key } of source.reordered) {
    if (schemaAt(configSchema, source.value, path)['x-ordered'] !== true) continue;
    list.error(joinPath(path, key), 'a name that is a whole number loses its place in the order', {
      expected: 'names with a letter in them, or whole numbers that ascend before all others',
    });
  }
  return list.problems;
}

function placeProblems(
  source: YamlSource,
  found: readonly ConfigProblem[],
  placed: readonly Problem[] = [],
): Problem[] {
  const all = new Map<string, Problem>();
  for (const problem of [...placed, ...found.map((one) => ({ ...one, ...source.locate(one.path) }))]) {
    // What an alias repeats is wrong in one place only.
    const key = `${problem.line}:${problem.column}:${problem.message}`;
    if (!all.has(key)) all.set(key, problem);
  }
  return [...all.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}
