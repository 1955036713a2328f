import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { test } from 'tap';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Who may import whom: the table of docs/architecture.md. Each entry: the folder, and patterns of what it may import. */
const table: ReadonlyArray<{ folder: RegExp; may: readonly RegExp[] }> = [
  { folder: /^src\/core\//, may: [/^src\/(core|stats)\//, /^node:buffer$/, /^@marcbachmann\/cel-js$/, /^re2js$/] },
  { folder: /^src\/stats\//, may: [/^src\/stats\//, /^@stdlib\//] },
  { folder: /^src\/protocol\//, may: [/^src\/protocol\//, /^type:src\/core\//, /^node:buffer$/] },
  {
    folder: /^src\/config\/schema\//,
    may: [/^src\/config\/(schema\/|defaults\.ts$|units\.ts$)/, /^src\/core\/facts\.ts$/, /^typebox/],
  },
  {
    folder: /^src\/config\/(check|compile)/,
    may: [
      /^src\/config\/(schema|check|compile|defaults\.ts|units\.ts|problem\.ts|suggest\.ts|expected\.ts)/,
      /^src\/core\//,
      /^src\/protocol\/(feature-places|json-path|path-name|protocols|translate\/table)\.ts$/,
      /^type:typebox$/,
    ],
  },
  { folder: /^src\/config\//, may: [/^src\/config\//, /^src\/core\//, /^typebox/, /^yaml$/, /^node:/] },
  {
    folder: /^src\/gateway\//,
    may: [/^src\/(core|stats|protocol|gateway)\//, /^node:(buffer|crypto)$/, /^lru-cache$/],
  },
  {
    folder: /^src\/edges\//,
    may: [
      /^src\/gateway\//,
      /^src\/core\//,
      /^src\/protocol\//,
      /^src\/version\.ts$/,
      /^SAME_FAMILY$/,
      /^src\/edges\/(redis|sockets|http2)\//,
      /^node:/,
      /^npm:/,
    ],
  },
  { folder: /^src\/cli\//, may: [/^src\//, /^node:/] },
  { folder: /^src\/(app|app\/.*|main|version|bin)\b/, may: [/./] },
  {
    folder: /^plugins\//,
    may: [/^src\/(gateway|core|protocol)\//, /^src\/version\.ts$/, /^plugins\//, /^fastify$/, /^node:/],
  },
];

/** npm packages that a folder must never import, whatever else is allowed. */
const never: ReadonlyArray<{ folder: RegExp; packages: RegExp }> = [
  { folder: /^src\/edges\//, packages: /^fastify$/ },
  { folder: /^plugins\//, packages: /^(undici|ioredis|pino|prom-client|@opentelemetry\/.*)$/ },
  { folder: /^src\/gateway\//, packages: /^(fastify|undici|ioredis|prom-client|@opentelemetry\/.*)$/ },
];

interface Import {
  readonly file: string;
  readonly line: number;
  /** Path from the root, or the name of a package or builtin; with `type:` before it when only types are imported. */
  readonly from: string;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') || name.endsWith('.js'))
    .map((name) => join(folder, name));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found: Import[] = [];
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'|(?:^|\n)\s*import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/g;
  for (const match of text.matchAll(pattern)) {
    const name = match[2] ?? match[3] ?? match[4] ?? '';
    const line = text.slice(0, (match.index ?? 0) + 1).split('\n').length;
    const path = name.startsWith('.') ? relative(root, normalize(join(root, dirname(file), name))) : name;
    // `import('./x.ts').T` in a type position is only a type as well; it never appears outside types in these folders.
    found.push({ file, line, from: match[1] !== undefined ? `type:${path}` : path });
  }
  return found;
}

function isAllowed({ file, from }: Import): boolean {
  const rule = table.find(({ folder }) => folder.test(file));
  if (rule === undefined) return false;
  const plain = from.replace(/^type:/, '');
  if (never.some(({ folder, packages }) => folder.test(file) && packages.test(plain))) return false;
  const family = /^src\/edges\/[^/]+\//.exec(file)?.[0];
  const names = [from, plain];
  if (family !== undefined && plain.startsWith(family)) names.push('SAME_FAMILY');
  if (!plain.startsWith('src/') && !plain.startsWith('plugins/') && !plain.startsWith('node:'))
    names.push(`npm:${plain}`);
  // A pattern that demands types is not met by an import of values.
  return rule.may.some((pattern) => names.some((name) => pattern.test(name)));
}

const files = [...sourceFiles('src'), ...sourceFiles('plugins')];

test('every import is allowed by the table of folders', async (t) => {
  const forbidden = files.flatMap(importsOf).filter((found) => !isAllowed(found));
  t.strictSame(
    forbidden.map(({ file, line, from }) => `${file}:${line} imports ${from}`),
    [],
  );
});

/** What a process of the gateway loads in the end: files and packages that can be reached by imports of values. */
function reachable(entries: readonly string[]): { files: Set<string>; packages: Set<string> } {
  const reached = { files: new Set(entries), packages: new Set<string>() };
  for (const file of reached.files) {
    for (const { from } of importsOf(file)) {
      if (/^(src|plugins)\//.test(from)) reached.files.add(from);
      else if (!from.startsWith('type:')) reached.packages.add(from);
    }
  }
  return reached;
}

test('a gateway runs on the dependencies of production alone, and loads nothing that is large for nothing', async (t) => {
  const { files: loaded, packages } = reachable([
    'src/main.ts',
    'src/app/worker-thread.ts',
    'src/edges/embedded/state-worker.ts',
  ]);
  t.ok(loaded.has('src/app.ts') && packages.has('fastify'), 'the search finds what is loaded');
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const isDependency = (name: string) => Object.keys(dependencies).some((known) => `${name}/`.startsWith(`${known}/`));
  const strange = [...packages].filter((name) => !/^(node:|package\.json$)/.test(name) && !isDependency(name));
  t.strictSame(strange, [], 'every package is a dependency of production');
  t.notOk(packages.has('node:http'), 'an import of node:http loads its own undici: use process.getBuiltinModule');
  t.notOk(packages.has('ioredis'), 'ioredis is loaded where it is used');
  t.strictSame(
    [...loaded].filter((file) => file.startsWith('src/config/schema/')),
    [],
    'the language is read from the generated file',
  );
});

test('the check of imports can fail', async (t) => {
  const bad = (file: string, from: string): Import => ({ file, line: 1, from });
  t.notOk(isAllowed(bad('src/core/x.ts', 'node:fs')));
  t.notOk(isAllowed(bad('src/core/x.ts', 'src/gateway/ports.ts')));
  t.notOk(isAllowed(bad('src/protocol/x.ts', 'src/core/hash.ts')), 'protocol takes only types of core');
  t.ok(isAllowed(bad('src/protocol/x.ts', 'type:src/core/facts.ts')));
  t.notOk(isAllowed(bad('src/gateway/x.ts', 'undici')));
  t.notOk(isAllowed(bad('src/edges/redis/x.ts', 'src/edges/upstream/pool.ts')));
  t.notOk(isAllowed(bad('plugins/x.ts', 'src/edges/redis/connection.ts')));
  t.notOk(isAllowed(bad('plugins/x.ts', 'ioredis')));
});

test('the pure folders use no clock, no randomness and no process', async (t) => {
  const impure = /\bMath\.random\b|\bDate\.now\b|\bperformance\.now\b|\bprocess\.|\bnew Date\(\)/;
  const found = files
    .filter((file) => /^src\/(core|stats|protocol)\//.test(file))
    .filter((file) => impure.test(readFileSync(join(root, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')));
  t.strictSame(found, []);
});

test('the three files that explain the product stay under 500 lines together', async (t) => {
  const lines = ['src/app.ts', 'src/gateway/predict.ts', 'src/core/decide.ts'].map(
    (file) => readFileSync(join(root, file), 'utf8').split('\n').length,
  );
  t.ok(lines.reduce((sum, count) => sum + count, 0) < 500, `they have ${lines.join(' + ')} lines`);
});

test('no source file is longer than 400 lines', async (t) => {
  const long = [...files, ...sourceFiles('bench')].filter(
    (file) => readFileSync(join(root, file), 'utf8').split('\n').length > 401,
  );
  t.strictSame(long, []);
});
