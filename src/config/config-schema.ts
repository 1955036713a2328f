import { readFileSync } from 'node:fs';
import type { SchemaNode } from './schema-node.ts';

/** The JSON Schema of the configuration as `generate.ts` writes it, for editors and for the loader. */
export const configSchemaText: string = readFileSync(
  new URL('../../config/makas.schema.json', import.meta.url),
  'utf8',
);

/**
 * The definition of the language, read as data from the generated file: the builders of `schema/` are 683 modules and
 * 18 MB, which a gateway has no use for while it serves.
 */
export const configSchema: SchemaNode = JSON.parse(configSchemaText);
