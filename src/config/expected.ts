import { type SchemaNode, enumValues } from './schema-node.ts';

/** What a schema takes, in words for people, to stand after "expected". */
export function describeExpected(schema: SchemaNode): string {
  if (schema['x-expected'] !== undefined) return schema['x-expected'];
  const constants = enumValues(schema);
  if (constants !== null) return listWords(constants.map(showConstant), 'or');
  switch (schema['x-kind']) {
    case 'duration':
      return `a duration such as ${exampleOf(schema, '500ms')}`;
    case 'share':
      return 'a share such as 10% or 0.1';
    case 'size':
      return `a size such as ${exampleOf(schema, '1MiB')}`;
    case 'secret':
      return 'a secret such as ${env:NAME}';
    default:
  }
  if ('const' in schema) return showConstant(schema.const);
  if (schema.anyOf !== undefined) return describeUnion(schema.anyOf);
  switch (schema.type) {
    case 'object':
      return describeMap(schema);
    case 'array':
      return describeCount('a list', 'items', schema.minItems, schema.maxItems);
    case 'string':
      return schema.examples === undefined ? 'a text' : `a text such as ${exampleOf(schema, '')}`;
    case 'integer':
      return `a whole number${describeRange(schema)}`;
    case 'number':
      return `a number${describeRange(schema)}`;
    case 'boolean':
      return 'true or false';
    case 'null':
      return 'null';
    default:
      return 'a value';
  }
}

/** `a`, `a or b`, `a, b or c`. */
export function listWords(words: readonly string[], and: 'and' | 'or'): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} ${and} ${words.at(-1)}`;
}

function showConstant(constant: unknown): string {
  return typeof constant === 'string' ? `\`${constant}\`` : String(constant);
}

function exampleOf(schema: SchemaNode, otherwise: string): string {
  const example = schema.examples?.[0] ?? schema.default ?? otherwise;
  return typeof example === 'string' ? example : JSON.stringify(example);
}

function describeUnion(branches: readonly SchemaNode[]): string {
  const words = branches
    .map(describeExpected)
    .flatMap((text) => (text === 'true or false' ? ['true', 'false'] : [text]));
  return listWords([...new Set(words)], 'or');
}

function describeMap(schema: SchemaNode): string {
  if (schema.properties === undefined) {
    return describeCount('a map', 'entries', schema.minProperties, schema.maxProperties);
  }
  const keys = schema.required ?? [];
  if (keys.length === 0) return 'a map';
  return `a map with ${listWords(
    keys.map((key) => `\`${key}\``),
    'and',
  )}`;
}

function describeCount(what: string, things: string, least = 0, most?: number): string {
  if (most !== undefined) return `${what} of ${least} to ${most} ${things}`;
  return least > 0 ? `${what} of at least ${least}` : what;
}

function describeRange({ minimum, maximum, exclusiveMinimum }: SchemaNode): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return ` of at least ${minimum}`;
  if (exclusiveMinimum !== undefined) return ` above ${exclusiveMinimum}`;
  return maximum === undefined ? '' : ` of at most ${maximum}`;
}
