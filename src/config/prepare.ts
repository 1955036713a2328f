import type { Snapshot } from '../core/snapshot.ts';
import { checkConfig } from './check/check.ts';
import { compileConfig } from './compile/compile.ts';
import { type FailedLoad, type LoadOptions, type LoadResult, loadConfigFile, loadConfigText } from './load.ts';
import { type ConfigProblem, type Problem, hasErrors, joinPath, splitPath } from './problem.ts';
import type { ConfigFile } from './schema/root.ts';
import { effectiveConfig, makeRedact } from './secrets.ts';
import { withoutEchoes } from './sound-part.ts';
import { configSchema } from './config-schema.ts';

export type PreparedConfig = ReadyConfig | RefusedConfig;

export interface ReadyConfig {
  readonly snapshot: Snapshot;
  /** Secrets filled in. */
  readonly config: ConfigFile;
  /** The configuration for people to look at, secrets as `***`. */
  readonly effective: unknown;
  /** Names the configuration, 16 hex digits; secrets do not change it. */
  readonly hash: string;
  /** Warnings. */
  readonly problems: readonly Problem[];
  readonly secrets: readonly string[];
  /** Blanks the secrets out of a text. */
  readonly redact: (text: string) => string;
}

/** What another thread needs to serve the same configuration: plain data, nothing to be read again. */
export type PortableConfig = Pick<ReadyConfig, 'config' | 'hash' | 'secrets'>;

/** What serves requests of a configuration. */
export type ServingConfig = Pick<ReadyConfig, 'config' | 'hash' | 'snapshot' | 'redact'>;

export interface RefusedConfig {
  readonly snapshot: null;
  /** At least one error, sorted by line, no secrets in them. */
  readonly problems: readonly Problem[];
}

/** The whole way from a file to a snapshot, the same for serve, check, explain and reload. */
export function prepareConfigFile(path: string, options: LoadOptions = {}): PreparedConfig {
  return prepare(loadConfigFile(path, options));
}

/** The whole way from YAML text to a snapshot. */
export function prepareConfigText(text: string, options: LoadOptions = {}): PreparedConfig {
  return prepare(loadConfigText(text, options));
}

/** Compiles again what was checked on another thread: the same snapshot. Throws when it was not. */
export function compilePortable({ config, hash, secrets }: PortableConfig): ServingConfig {
  const { snapshot } = compileConfig(config, hash);
  if (snapshot === null) throw new Error('the configuration cannot be compiled');
  return { config, hash, snapshot, redact: makeRedact(secrets) };
}

function prepare(loaded: LoadResult): PreparedConfig {
  if (loaded.config === null) return { snapshot: null, problems: findMore(loaded) };
  const { config, written, hash, place, secrets, redact } = loaded;
  const { snapshot, problems: told } = checkAndCompile(config, hash);
  const found = place([...loaded.problems, ...told]);
  const problems = found.map((problem) => redactProblem(problem, redact));
  if (snapshot === null || hasErrors(problems)) return { snapshot: null, problems };
  return {
    snapshot,
    config,
    effective: effectiveConfig(configSchema, written),
    hash,
    problems,
    secrets,
    redact,
  };
}

/** What the later steps find in the part that could be read, beside what is wrong already. */
function findMore({ rest, problems, place }: FailedLoad): readonly Problem[] {
  if (rest === null) return problems;
  const errors = withoutEchoes(checkAndCompile(rest, '').problems, problems).filter(
    ({ severity }) => severity === 'error',
  );
  return place(errors, problems);
}

/** Numbers beyond all measure make these steps throw; that is a problem of the file like any other. */
function checkAndCompile(config: ConfigFile, hash: string): { snapshot: Snapshot | null; problems: ConfigProblem[] } {
  try {
    const checked = checkConfig(config);
    const { snapshot, problems } = compileConfig(config, hash);
    return { snapshot, problems: [...checked, ...leaveOutTold(problems, checked)] };
  } catch (error) {
    const message = `the configuration cannot be used: ${error instanceof Error ? error.message : 'unknown reason'}`;
    return { snapshot: null, problems: [{ severity: 'error', path: '', message }] };
  }
}

/** What the check has told already, in better words, about the same thing, its parts or what it is part of. */
function leaveOutTold(problems: readonly ConfigProblem[], told: readonly ConfigProblem[]): ConfigProblem[] {
  const errors = told.filter((problem) => problem.severity === 'error');
  const paths = new Set(errors.map((problem) => problem.path));
  const around = new Set(errors.flatMap((problem) => listAncestors(problem.path)));
  return problems.filter(({ path }) => !around.has(path) && !listAncestors(path).some((outer) => paths.has(outer)));
}

/** A path and all that it is within: `a`, `a.b`, `a.b[0]`. */
function listAncestors(path: string): string[] {
  const ancestors: string[] = [];
  for (const step of splitPath(path)) ancestors.push(joinPath(ancestors.at(-1) ?? '', step));
  return ancestors;
}

/** These steps see secrets filled in, and what they quote may be one. */
function redactProblem(problem: Problem, redact: (text: string) => string): Problem {
  return {
    ...problem,
    message: redact(problem.message),
    ...(problem.found === undefined ? {} : { found: redact(problem.found) }),
    ...(problem.hint === undefined ? {} : { hint: redact(problem.hint) }),
  };
}
