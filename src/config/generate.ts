import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { writeJsonSchema } from './document/json-schema.ts';
import { writeConfigReference } from './document/markdown.ts';

const root = join(import.meta.dirname, '../..');

/** Files made from the schema, by path from the root of the project. */
export const generatedFiles: ReadonlyMap<string, () => string> = new Map([
  ['config/makas.schema.json', writeJsonSchema],
  ['docs/config.md', writeConfigReference],
]);

/** Generated files under `folder` that are missing or differ from what the sources say now. */
export function findOutdated(folder: string): string[] {
  return [...generatedFiles]
    .filter(([name, write]) => readOrNull(join(folder, name)) !== write())
    .map(([name]) => name);
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

function main(args: readonly string[]): number {
  const outdated = findOutdated(root);
  if (args.includes('--check')) {
    for (const name of outdated) console.error(`${name} is not up to date; run npm run generate`);
    return outdated.length === 0 ? 0 : 1;
  }
  for (const name of outdated) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, generatedFiles.get(name)?.() ?? '');
    console.log(`wrote ${relative(process.cwd(), path)}`);
  }
  return 0;
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2));
