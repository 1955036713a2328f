import { createHash } from 'node:crypto';
import { type SchemaNode, bestBranch, entrySchema, isMapValue } from './schema-node.ts';

/**
 * The name of a configuration in logs, metrics and decision records: the first 16 hex digits of SHA-256 over its
 * canonical JSON, secret references not filled in. So a rotated secret does not make another configuration, replicas
 * with secrets of their own agree, and nobody can try guesses of a secret against a hash that is shown to all.
 */
export function hashConfig(schema: SchemaNode, written: unknown): string {
  return createHash('sha256').update(canonicalJson(schema, written)).digest('hex').slice(0, 16);
}

/** JSON with sorted keys, but where their order has a meaning: in a split the first is the baseline. */
function canonicalJson(schema: SchemaNode, value: unknown): string {
  if (schema.anyOf !== undefined && typeof value === 'object' && value !== null) {
    return canonicalJson(bestBranch(schema, value) ?? {}, value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(schema.items ?? {}, item)).join(',')}]`;
  if (!isMapValue(value)) return JSON.stringify(value);
  const keys = schema['x-ordered'] === true ? Object.keys(value) : Object.keys(value).sort();
  const entries = keys.map(
    (key) => `${JSON.stringify(key)}:${canonicalJson(entrySchema(schema, key) ?? {}, value[key])}`,
  );
  return `{${entries.join(',')}}`;
}
