import { configSchemaText } from '../config/config-schema.ts';

/** `makas schema`: prints the JSON Schema of the configuration, for editors. */
export function schemaCommand(args: readonly string[] = []): Promise<number> {
  if (args.length > 0) {
    process.stderr.write('usage: makas schema\n');
    return Promise.resolve(2);
  }
  process.stdout.write(configSchemaText);
  return Promise.resolve(0);
}
