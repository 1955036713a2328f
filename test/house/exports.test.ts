import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What only tests call although it does nothing that they could not do otherwise, and why it stays. */
const forTests: ReadonlySet<string> = new Set([
  // The same way from text as from a file, without a file for each case.
  'prepareConfigText',
  'listDocumentedPaths',
]);

const folders = ['src', 'plugins', 'bench', 'test'] as const;
const texts = new Map(
  folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|js)$/.test(name))
      .map((name) => [join(folder, name), readFileSync(join(root, folder, name), 'utf8')] as const),
  ),
);
const words = new Map(Array.from(texts, ([file, text]) => [file, new Set(text.match(/\w+/g))]));

/** Values that a file exports; types may describe what a caller never names. */
function exportsOf(text: string): string[] {
  return Array.from(
    text.matchAll(/^export (?:abstract )?(?:async )?(?:const|function\*?|class|let) (\w+)/gm),
    ([, name = '']) => name,
  );
}

function isUsed(name: string, file: string): boolean {
  const users = [...words].filter(([other, found]) => other !== file && found.has(name)).map(([other]) => other);
  if (users.some((user) => !user.startsWith('test/'))) return true;
  // What tests look at must at least be part of what runs.
  const isUsedHere = (texts.get(file)!.match(new RegExp(`\\b${name}\\b`, 'g')) ?? []).length > 1;
  return users.length > 0 && (isUsedHere || forTests.has(name));
}

test('nothing is exported that no other file uses, and nothing is there for tests alone', async (t) => {
  const unused: string[] = [];
  for (const [file, text] of texts) {
    if (!/^(src|plugins)\//.test(file)) continue;
    for (const name of exportsOf(text)) if (!isUsed(name, file)) unused.push(`${file}: ${name}`);
  }
  t.strictSame(unused, []);
});

test('the search for unused exports can fail', async (t) => {
  t.strictSame(exportsOf('export const a = 1;\nexport function b() {}\nconst c = 2;'), ['a', 'b']);
  t.notOk(isUsed('nobodyKnowsThisName', 'src/main.ts'));
  t.ok(isUsed('murmur3', 'src/core/hash.ts'));
});
