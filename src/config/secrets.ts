import { type ProblemSink, joinPath, showFound, splitPath } from './problem.ts';
import { type SchemaNode, bestBranch, entrySchema, isMapValue, isSecretText, mayHoldSecret } from './schema-node.ts';

/** Where secrets come from. */
export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file; throws when it cannot be read. */
  readonly readFile: (path: string) => string;
}

export interface Resolved<T> {
  readonly config: T;
  /** What was filled in, and passwords that stand in addresses. */
  readonly secrets: readonly string[];
}

const HIDDEN = '***';

/** Shorter texts stand in too many other words to be blanked out of a log. */
const SHORTEST_REDACTED = 4;

const REFERENCE = /\$\{([^}]*)(\}?)/g;
const ADDRESS_PASSWORD = /(\/\/[^/@\s:]*:)[^/\s]*(?=@)/g;
const SENSITIVE_NAME = /auth|cookie|token|secret|passw|key/i;

/** Fills in every `${env:NAME}` and `${file:PATH}` where the schema takes secrets; elsewhere a reference is a problem. */
export function resolveSecrets<T>(
  schema: SchemaNode,
  config: T,
  sources: SecretSources,
  sink: ProblemSink,
): Resolved<T> {
  const secrets = new Set<string>();
  const resolved = mapSecretTexts(schema, config, '', (text, path) => {
    const filled = text.replace(REFERENCE, (_whole, reference: string, end: string) => {
      const secret = end === '' ? null : lookUp(reference, sources, path, sink);
      if (end === '') sink.error(path, '`${` without `}`', { expected: '${env:NAME} or ${file:PATH}' });
      if (secret !== null) secrets.add(secret);
      return secret ?? '';
    });
    const password = addressPassword(filled);
    for (const form of password) secrets.add(form);
    if (['\0', '\r', '\n'].some((end) => filled.includes(end)))
      sink.error(path, 'the secret has a line break within', { expected: 'one line' });
    return filled;
  });
  refuseStrayReferences(schema, config, config, '', sink);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- texts became other texts, the shape is the same.
  return { config: resolved as T, secrets: [...secrets] };
}

/** Blanks every secret out of a text, as it is and as JSON or a URL would write it. */
export function makeRedact(secrets: readonly string[]): (text: string) => string {
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < SHORTEST_REDACTED) continue;
    forms.add(secret).add(JSON.stringify(secret).slice(1, -1)).add(encodeURIComponent(secret.toWellFormed()));
  }
  if (forms.size === 0) return (text) => text;
  const longestFirst = [...forms].sort((a, b) => b.length - a.length).map(escapePattern);
  const pattern = new RegExp(longestFirst.join('|'), 'g');
  return (text) => text.replace(pattern, HIDDEN);
}

/**
 * The configuration for people to look at: secrets, passwords in addresses and headers with telling names are `***`.
 * It takes the configuration as written, so that what a reference stands for cannot slip through.
 */
export function effectiveConfig(schema: SchemaNode, written: unknown): unknown {
  const hidden = mapSecretTexts(schema, written, '', (text, path, kind) => {
    const name = splitPath(path).at(-1);
    if (kind['x-kind'] === 'secret' || SENSITIVE_NAME.test(String(name))) return HIDDEN;
    return text.replace(REFERENCE, HIDDEN);
  });
  return mapTexts(hidden, (text) => text.replace(ADDRESS_PASSWORD, `$1${HIDDEN}`));
}

function lookUp(reference: string, { env, readFile }: SecretSources, path: string, sink: ProblemSink): string | null {
  const [, source, name] = /^(env|file):(.+)$/s.exec(reference) ?? [];
  if (source === undefined || name === undefined) {
    sink.error(path, 'a reference that is not understood', {
      found: showFound(`\${${reference}}`),
      expected: '${env:NAME} or ${file:PATH}',
    });
    return null;
  }
  const what = source === 'env' ? `the environment variable \`${name}\`` : `the file \`${name}\``;
  try {
    const text = source === 'env' ? env[name] : readFile(name).replace(/\r?\n$/, '');
    if (text === undefined) sink.error(path, `${what} is not set`);
    else if (text === '') sink.error(path, `${what} is empty`);
    else return text;
  } catch (error) {
    sink.error(path, `${what} cannot be read${errorCode(error)}`);
  }
  return null;
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
}

function addressPassword(text: string): string[] {
  const password = URL.parse(text)?.password ?? '';
  if (password === '') return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}

/** A copy of `value` with the texts changed that may hold secrets; what holds none is not copied. */
function mapSecretTexts(
  schema: SchemaNode,
  value: unknown,
  path: string,
  change: (text: string, path: string, schema: SchemaNode) => string,
): unknown {
  if (!mayHoldSecret(schema)) return value;
  if (typeof value === 'string' && isSecretText(schema)) return change(value, path, schema);
  if (schema.anyOf !== undefined) {
    const branch = bestBranch(schema, value);
    return branch === undefined ? value : mapSecretTexts(branch, value, path, change);
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => mapSecretTexts(schema.items ?? {}, item, joinPath(path, index), change));
  }
  if (!isMapValue(value)) return value;
  const copy: Record<string, unknown> = Object.create(null);
  for (const [key, child] of Object.entries(value)) {
    copy[key] = mapSecretTexts(entrySchema(schema, key) ?? {}, child, joinPath(path, key), change);
  }
  return copy;
}

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (!isMapValue(value)) return value;
  const copy: Record<string, unknown> = Object.create(null);
  for (const [key, child] of Object.entries(value)) copy[key] = mapTexts(child, change);
  return copy;
}

/** A reference that nobody fills in would be taken for a host name or a model, and fail far from its cause. */
function refuseStrayReferences(
  schema: SchemaNode,
  config: unknown,
  value: unknown,
  path: string,
  sink: ProblemSink,
): void {
  if (typeof value === 'string') {
    if (!/\$\{(env|file):/.test(value) || isSecretText(schemaAt(schema, config, path))) return;
    sink.error(path, 'secrets are not filled in here', { found: showFound(value), expected: 'the value itself' });
  } else if (Array.isArray(value)) {
    value.forEach((item, index) => refuseStrayReferences(schema, config, item, joinPath(path, index), sink));
  } else if (isMapValue(value)) {
    for (const [key, child] of Object.entries(value))
      refuseStrayReferences(schema, config, child, joinPath(path, key), sink);
  }
}

/** The schema of what stands at `path` in `value`. */
export function schemaAt(schema: SchemaNode, value: unknown, path: string): SchemaNode {
  let here = schema;
  let at = value;
  for (const step of splitPath(path)) {
    while (here.anyOf !== undefined) here = bestBranch(here, at) ?? {};
    here = (typeof step === 'number' ? here.items : entrySchema(here, step)) ?? {};
    at = typeof step === 'number' ? (Array.isArray(at) ? at[step] : undefined) : isMapValue(at) ? at[step] : undefined;
  }
  while (here.anyOf !== undefined && bestBranch(here, at) !== undefined) here = bestBranch(here, at) ?? {};
  return here;
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
