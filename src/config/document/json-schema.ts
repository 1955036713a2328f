import { Config } from '../schema/root.ts';

const SCHEMA_ID = 'urn:makas:schema:config:1';

/** The JSON Schema of the configuration (draft 2020-12), as the text of `config/makas.schema.json`. */
export function writeJsonSchema(): string {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: SCHEMA_ID,
    title: 'Makas configuration',
    ...Config,
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}
