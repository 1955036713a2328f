import { describeExpected } from './expected.ts';
import { fitsSchema } from './fits-schema.ts';
import { type ProblemSink, joinPath, showFound } from './problem.ts';
import {
  type SchemaNode,
  bestBranch,
  compilePattern,
  entrySchema,
  enumValues,
  isMapValue,
  mayHoldSecret,
  takesKindOf,
} from './schema-node.ts';
import { didYouMean, suggest } from './suggest.ts';

const MOST_KEYS_LISTED = 16;

/**
 * Says why `value` is not what the schema takes, each defect once and in words for people. It finds nothing exactly when
 * the value is valid (`fits-schema.ts`); `validate.ts` asks it only when a value is not.
 */
export function explainSchema(schema: SchemaNode, value: unknown, path: string, sink: ProblemSink): void {
  if (schema.anyOf !== undefined) return explainUnion(schema, value, path, sink);
  if ('const' in schema) {
    if (value !== schema.const) refuse(schema, value, path, sink, 'not the value that is allowed');
    return undefined;
  }
  if (!takesKindOf(schema, value)) return refuse(schema, value, path, sink, nameWrongKind(schema, value));
  if (isMapValue(value)) return explainMap(schema, value, path, sink);
  if (Array.isArray(value)) return explainList(schema, value, path, sink);
  if (typeof value === 'string') return explainText(schema, value, path, sink);
  if (typeof value === 'number') return explainNumber(schema, value, path, sink);
  return undefined;
}

function explainUnion(union: SchemaNode, value: unknown, path: string, sink: ProblemSink): void {
  if (union.anyOf?.some((branch) => fitsSchema(branch, value)) === true) return;
  const constants = enumValues(union);
  if (constants !== null) {
    const meant = typeof value === 'string' ? didYouMean(value, constants.map(String)) : '';
    refuse(union, value, path, sink, `not one of the allowed values${meant}`);
    return;
  }
  const key = union.discriminator?.propertyName;
  if (key !== undefined && isMapValue(value)) {
    const kinds: SchemaNode = { anyOf: union.anyOf?.map((branch) => entrySchema(branch, key) ?? {}) ?? [] };
    if (!Object.hasOwn(value, key)) {
      sink.error(path, `missing key \`${key}\``, { expected: describeExpected(kinds) });
      return;
    }
    if (!fitsSchema(kinds, value[key])) return explainUnion(kinds, value[key], joinPath(path, key), sink);
  }
  const branch = union['x-kind'] === undefined ? bestBranch(union, value) : undefined;
  if (branch !== undefined) explainSchema(branch, value, path, sink);
  else if (isMapValue(value) && takesKindOf(union, value)) explainNoForm(union, value, path, sink);
  else refuse(union, value, path, sink, nameWrongKind(union, value));
}

/** A map that is like none of the forms that are allowed. */
function explainNoForm(union: SchemaNode, value: Record<string, unknown>, path: string, sink: ProblemSink): void {
  const known = (union.anyOf ?? []).flatMap((branch) => Object.keys(branch.properties ?? {}));
  for (const key of Object.keys(value)) {
    sink.error(joinPath(path, key), `unknown key \`${key}\`${didYouMean(key, known)}`, {
      expected: describeExpected(union),
    });
  }
  if (Object.keys(value).length === 0) refuse(union, value, path, sink, 'is empty');
}

function explainMap(schema: SchemaNode, value: Record<string, unknown>, path: string, sink: ProblemSink): void {
  const known = Object.keys(schema.properties ?? {});
  const meant = new Set<string | null>();
  for (const [key, child] of Object.entries(value)) {
    const entry = entrySchema(schema, key);
    if (entry !== undefined) explainSchema(entry, child, joinPath(path, key), sink);
    else if (schema.additionalProperties === false) {
      meant.add(suggest(key, known));
      refuseKey(schema, key, known, path, sink);
    }
  }
  for (const key of schema.required ?? []) {
    const entry = schema.properties?.[key] ?? {};
    if (Object.hasOwn(value, key) || meant.has(key)) continue;
    sink.error(path, `missing key \`${key}\``, { expected: describeExpected(entry) });
  }
  const count = Object.keys(value).length;
  if (count < (schema.minProperties ?? 0)) refuse(schema, value, path, sink, 'is empty');
  if (count > (schema.maxProperties ?? Infinity))
    sink.error(path, 'too many entries', { expected: describeExpected(schema), found: `${count}` });
}

function refuseKey(schema: SchemaNode, key: string, known: readonly string[], path: string, sink: ProblemSink): void {
  const at = joinPath(path, key);
  if (known.length === 0) {
    const expected =
      schema['x-key'] ?? 'a name of letters, digits, `.`, `_` and `-`, at most 63, a letter or digit first';
    sink.error(at, 'not allowed as a name', { found: showFound(key), expected });
    return;
  }
  const message = `unknown key \`${key}\`${didYouMean(key, known)}`;
  if (key === '<<') sink.error(at, message, { hint: 'YAML 1.2 has no merge keys; use an alias for a whole value' });
  else if (suggest(key, known) !== null || known.length > MOST_KEYS_LISTED) sink.error(at, message);
  else sink.error(at, message, { expected: `one of ${known.map((name) => `\`${name}\``).join(', ')}` });
}

function explainList(schema: SchemaNode, value: readonly unknown[], path: string, sink: ProblemSink): void {
  const { items } = schema;
  if (items !== undefined) value.forEach((item, index) => explainSchema(items, item, joinPath(path, index), sink));
  if (value.length < (schema.minItems ?? 0)) refuse(schema, value, path, sink, 'too few items');
  if (value.length > (schema.maxItems ?? Infinity))
    sink.error(path, 'too many items', { found: `${value.length}`, expected: describeExpected(schema) });
  if (schema.uniqueItems !== true) return;
  const seen = new Set<unknown>();
  value.forEach((item, index) => {
    if (seen.has(item)) refuse(items ?? {}, item, joinPath(path, index), sink, 'listed twice');
    seen.add(item);
  });
}

function explainText(schema: SchemaNode, value: string, path: string, sink: ProblemSink): void {
  const { length } = Array.from(value);
  if (length < (schema.minLength ?? 0)) return refuse(schema, value, path, sink, 'is empty');
  if (length > (schema.maxLength ?? Infinity)) {
    sink.error(path, 'too long', { found: `${length} characters`, expected: `at most ${schema.maxLength}` });
  } else if (schema.pattern !== undefined && !compilePattern(schema.pattern).test(value)) {
    refuse(schema, value, path, sink, nameWrongText(schema));
  }
  return undefined;
}

function explainNumber(schema: SchemaNode, value: number, path: string, sink: ProblemSink): void {
  if (schema.type === 'integer' && !Number.isInteger(value))
    return refuse(schema, value, path, sink, 'not a whole number');
  if (value < (schema.minimum ?? -Infinity) || value <= (schema.exclusiveMinimum ?? -Infinity)) {
    return refuse(schema, value, path, sink, 'too small');
  }
  if (value > (schema.maximum ?? Infinity)) refuse(schema, value, path, sink, 'too large');
  return undefined;
}

function nameWrongKind(schema: SchemaNode, value: unknown): string {
  if (value === null) return 'nothing is given';
  return schema['x-kind'] === undefined ? 'wrong type' : nameWrongText(schema);
}

function nameWrongText(schema: SchemaNode): string {
  if (schema['x-kind'] === 'secret') return 'a secret must not be written in the file itself';
  return schema['x-kind'] === undefined ? 'not written as it must be' : `not a ${schema['x-kind']}`;
}

/** Reports a value as a whole. What stands where a secret may stand is not shown, since it may be one. */
function refuse(schema: SchemaNode, value: unknown, path: string, sink: ProblemSink, message: string): void {
  const hidden = mayHoldSecret(schema) && (typeof value === 'string' || typeof value === 'number') && value !== '';
  const hint = hintFor(schema, value);
  sink.error(path, message, {
    found: hidden ? 'a text that is not shown' : showFound(value),
    expected: describeExpected(schema),
    ...(hint === undefined ? {} : { hint }),
  });
}

function hintFor(schema: SchemaNode, value: unknown): string | undefined {
  const kind = schema['x-kind'];
  if (typeof value === 'number') {
    if (kind === 'duration') return `add a unit: ${value}ms or ${value}s`;
    if (kind === 'share' && value > 1 && value <= 100) return `write ${value}%`;
    if (schema.type === 'string' && !mayHoldSecret(schema)) return 'put it in quotes';
  }
  if (typeof value === 'boolean' && schema.type === 'string') return 'put it in quotes';
  if (typeof value === 'string' && value !== '') {
    const takesNumber = schema.type === 'number' || schema.type === 'integer' || typeof schema.const === 'number';
    if (takesNumber && Number.isFinite(Number(value))) return 'write it without quotes';
    if (schema.type === 'boolean') return 'YAML 1.2 knows no other words for them';
    if (schema.type === 'array') return 'write a list: [a, b]';
  }
  return undefined;
}
