import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { test } from 'tap';

import { writeErrorDocs, writeMetricDocs } from '../../src/cli/generate-docs.ts';
import { findOutdated } from '../../src/config/generate.ts';
import { prepareConfigFile, prepareConfigText } from '../../src/config/prepare.ts';
import { Config } from '../../src/config/schema/root.ts';
import { errorCodes } from '../../src/core/errors.ts';
import { metrics } from '../../src/gateway/metric-names.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const pages = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...markdown('docs'),
  ...markdown('config'),
  ...markdown('bench'),
];

/** Secrets that the examples name. */
const env = { MAKAS_ADMIN_TOKEN: 'a', REDIS_PASSWORD: 'b', MAKAS_TOKEN_SECRET: 'c', MODEL_TOKEN: 'd' };

function markdown(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
}

test('the generated pages are up to date', async (t) => {
  t.equal(read('docs/errors.md'), writeErrorDocs());
  t.equal(read('docs/metrics.md'), writeMetricDocs());
  t.strictSame(findOutdated(root), []);
});

test('every error code and metric has its line, and no page names one that does not exist', async (t) => {
  for (const code of errorCodes) t.ok(read('docs/errors.md').includes(`| \`${code}\` |`), code);
  for (const name of Object.keys(metrics)) t.ok(read('docs/metrics.md').includes(`| \`${name}\` |`), name);
  for (const page of pages) {
    for (const [name] of read(page).matchAll(/\bmakas_[a-z_]+[a-z]\b/g)) {
      const base = name.replace(/_(bucket|sum|count)$/, '');
      t.ok(name in metrics || base in metrics, `${page} names the metric ${name}`);
    }
    for (const [, code = ''] of read(page).matchAll(/makas-error: ([A-Z_]+)/g)) {
      t.ok((errorCodes as string[]).includes(code), `${page} names the error ${code}`);
    }
  }
});

/** Names of all fields of the schema, however deep. */
function fieldNames(node: unknown, found: Set<string>): Set<string> {
  if (typeof node !== 'object' || node === null) return found;
  for (const [key, value] of Object.entries(node)) {
    if (key === 'properties') for (const name of Object.keys(value as object)) found.add(name);
    fieldNames(value, found);
  }
  return found;
}

test('every field of the configuration is described', async (t) => {
  const page = read('docs/config.md');
  for (const name of fieldNames(Config, new Set())) t.match(page, new RegExp(`\\b${name}\\b`), name);
});

test('every example checks without a warning, and is listed', async (t) => {
  const folder = 'config/examples';
  const files = readdirSync(join(root, folder)).filter((name) => name.endsWith('.yaml'));
  const list = read(join(folder, 'README.md'));
  for (const file of files) {
    const prepared = prepareConfigFile(join(root, folder, file), { env });
    t.strictSame(prepared.problems, [], file);
    t.ok(list.includes(`(${file})`), `${file} is listed`);
  }
  for (const [, file = ''] of list.matchAll(/\]\(([^)]+\.yaml)\)/g)) t.ok(files.includes(file), `${file} exists`);
  t.strictSame(prepareConfigFile(join(root, 'config/makas.yaml')).problems, []);
});

test('every whole configuration in the pages checks', async (t) => {
  let count = 0;
  for (const page of pages) {
    for (const [, yaml = ''] of read(page).matchAll(/```yaml\n([\s\S]*?)```/g)) {
      if (!/^version: 1$/m.test(yaml)) continue;
      count++;
      const errors = prepareConfigText(yaml, { env }).problems.filter(({ severity }) => severity === 'error');
      t.strictSame(errors, [], page);
    }
  }
  t.ok(count > 0, 'there is at least one');
});

test('every link of a page to a file of the project leads somewhere', async (t) => {
  for (const page of pages) {
    for (const [, target = ''] of read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)) {
      t.doesNotThrow(() => readdirOrRead(join(root, page, '..', target)), `${page} -> ${target}`);
    }
  }
});

function readdirOrRead(path: string): void {
  try {
    readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EISDIR') throw error;
  }
}
