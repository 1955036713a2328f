import { type SchemaNode, compilePattern, entrySchema, isMapValue } from './schema-node.ts';

/** Whether `value` is what the schema takes. The same as finding nothing to explain, without the words. */
export function fitsSchema(schema: SchemaNode, value: unknown): boolean {
  if (schema.anyOf !== undefined) return schema.anyOf.some((branch) => fitsSchema(branch, value));
  if ('const' in schema) return value === schema.const;
  switch (schema.type) {
    case 'object':
      return isMapValue(value) && fitsMap(schema, value);
    case 'array':
      return Array.isArray(value) && fitsList(schema, value);
    case 'string':
      return typeof value === 'string' && fitsText(schema, value);
    case 'integer':
      return typeof value === 'number' && Number.isInteger(value) && fitsNumber(schema, value);
    case 'number':
      return typeof value === 'number' && fitsNumber(schema, value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'null':
      return value === null;
    default:
      return true;
  }
}

function fitsMap(schema: SchemaNode, value: Record<string, unknown>): boolean {
  const keys = Object.keys(value);
  if (keys.length < (schema.minProperties ?? 0) || keys.length > (schema.maxProperties ?? Infinity)) return false;
  for (const key of schema.required ?? []) if (!Object.hasOwn(value, key)) return false;
  for (const key of keys) {
    const entry = entrySchema(schema, key);
    if (entry === undefined ? schema.additionalProperties === false : !fitsSchema(entry, value[key])) return false;
  }
  return true;
}

function fitsList(schema: SchemaNode, value: readonly unknown[]): boolean {
  const { items } = schema;
  if (value.length < (schema.minItems ?? 0) || value.length > (schema.maxItems ?? Infinity)) return false;
  if (schema.uniqueItems === true && new Set(value).size < value.length) return false;
  return items === undefined || value.every((item) => fitsSchema(items, item));
}

function fitsText({ minLength = 0, maxLength = Infinity, pattern }: SchemaNode, value: string): boolean {
  // Code points, of which a text has no more than units: counted only where that could matter.
  if (minLength > 0 || value.length > maxLength) {
    const length = Array.from(value).length;
    if (length < minLength || length > maxLength) return false;
  }
  return pattern === undefined || compilePattern(pattern).test(value);
}

function fitsNumber({ minimum, maximum, exclusiveMinimum }: SchemaNode, value: number): boolean {
  return (
    value >= (minimum ?? -Infinity) && value <= (maximum ?? Infinity) && !(value <= (exclusiveMinimum ?? -Infinity))
  );
}
