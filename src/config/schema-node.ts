/** The schema read as data: what the loader and the documentation need of JSON Schema, and Makas' own annotations. */
export interface SchemaNode {
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean' | 'null';
  readonly const?: unknown;
  readonly anyOf?: readonly SchemaNode[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: boolean | SchemaNode;
  readonly items?: SchemaNode;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly discriminator?: { readonly propertyName: string };
  /** A text form with a meaning of its own. */
  readonly 'x-kind'?: 'duration' | 'share' | 'size' | 'secret';
  /** A text that may hold references to secrets. */
  readonly 'x-secrets'?: boolean;
  /** What is expected, in words for people, where the rest of the schema does not tell. */
  readonly 'x-expected'?: string;
  /** What a key of a map is, in words for people. */
  readonly 'x-key'?: string;
  /** A map whose order of keys has a meaning. */
  readonly 'x-ordered'?: boolean;
}

/** A schema as data: its TypeScript type says more than JSON Schema does, and none of it is needed here. */
export function readSchema(schema: object): SchemaNode {
  return schema;
}

const patterns = new Map<string, RegExp>();

/** The pattern of a schema, compiled once. */
export function compilePattern(pattern: string): RegExp {
  let compiled = patterns.get(pattern);
  if (compiled === undefined) {
    compiled = new RegExp(pattern, 'u');
    patterns.set(pattern, compiled);
  }
  return compiled;
}

/** The schema of the entry `key` of an object schema, or undefined when it takes no such key. */
export function entrySchema(schema: SchemaNode, key: string): SchemaNode | undefined {
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  for (const [pattern, entry] of Object.entries(schema.patternProperties ?? {})) {
    if (compilePattern(pattern).test(key)) return entry;
  }
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

const secretHolders = new WeakMap<SchemaNode, boolean>();

/** Whether a value of this schema may be, or have in it, a text with secrets. */
export function mayHoldSecret(schema: SchemaNode): boolean {
  const known = secretHolders.get(schema);
  if (known !== undefined) return known;
  const within = [
    ...(schema.anyOf ?? []),
    ...Object.values(schema.properties ?? {}),
    ...Object.values(schema.patternProperties ?? {}),
    ...(schema.items === undefined ? [] : [schema.items]),
  ];
  const holds = isSecretText(schema) || within.some(mayHoldSecret);
  secretHolders.set(schema, holds);
  return holds;
}

export function isSecretText(schema: SchemaNode): boolean {
  return schema['x-kind'] === 'secret' || schema['x-secrets'] === true;
}

/** The constants of a union of constants, else null. */
export function enumValues(schema: SchemaNode): readonly unknown[] | null {
  if (schema.anyOf === undefined || !schema.anyOf.every((branch) => 'const' in branch)) return null;
  return schema.anyOf.map((branch) => branch.const);
}

export function isMapValue(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether `value` is of the kind (text, map, list ...) that the schema takes, whatever is in it. */
export function takesKindOf(schema: SchemaNode, value: unknown): boolean {
  switch (schema.type) {
    case 'object':
      return isMapValue(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
    case 'number':
      return typeof value === 'number';
    case 'string':
      return typeof value === 'string';
    case 'boolean':
      return typeof value === 'boolean';
    case 'null':
      return value === null;
    default:
      return schema.anyOf === undefined || schema.anyOf.some((branch) => takesKindOf(branch, value));
  }
}

/**
 * The branch of a union that fits `value` best: of its kind, with the constants that it names and the most keys in
 * common. Undefined when none has anything in common with it.
 */
export function bestBranch(union: SchemaNode, value: unknown): SchemaNode | undefined {
  const branches = (union.anyOf ?? []).filter((branch) => !('const' in branch) && takesKindOf(branch, value));
  if (!isMapValue(value)) return branches.length === 1 ? branches[0] : undefined;
  let best: SchemaNode | undefined;
  let bestScore = 0;
  for (const branch of branches) {
    const score = likeness(branch, value);
    if (best === undefined || score > bestScore) {
      best = branch;
      bestScore = score;
    }
  }
  return branches.length === 1 || bestScore > 0 ? best : undefined;
}

/** A constant that agrees outweighs all keys, one that differs rules the branch out, a known key outweighs strange ones. */
function likeness(branch: SchemaNode, value: Record<string, unknown>): number {
  let score = 0;
  for (const [key, child] of Object.entries(value)) {
    const schema = entrySchema(branch, key);
    if (schema === undefined) score -= 0.01;
    else if (!('const' in schema)) score += 1;
    else score += schema.const === child ? 100 : -1000;
  }
  return score;
}
