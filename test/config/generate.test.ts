import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'tap';
import Schema from 'typebox/schema';
import { writeJsonSchema } from '../../src/config/document/json-schema.ts';
import { listDocumentedPaths } from '../../src/config/document/markdown.ts';
import { findOutdated, generatedFiles } from '../../src/config/generate.ts';

test('the schema and the reference in the repository are up to date', (t) => {
  t.same(findOutdated(join(import.meta.dirname, '../..')), []);
  t.end();
});

test('a generated file that is missing or changed is found', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'makas-generate-'));
  t.same(findOutdated(folder), [...generatedFiles.keys()]);
  for (const [name, write] of generatedFiles) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), write());
  }
  t.same(findOutdated(folder), []);
  writeFileSync(join(folder, 'docs/config.md'), 'old');
  t.same(findOutdated(folder), ['docs/config.md']);
  t.end();
});

test('the JSON Schema stands by itself and refuses what the loader refuses', (t) => {
  const schema: Record<string, unknown> = JSON.parse(writeJsonSchema());
  t.equal(schema['$schema'], 'https://json-schema.org/draft/2020-12/schema');
  const check = (value: unknown) => Schema.Check(schema, value);
  const backends = { a: { protocol: 'oip', endpoints: ['http://127.0.0.1:9001'] } };
  t.ok(check({ version: 1, backends, routes: [] }));
  t.notOk(check({ version: 1, backends, routes: [], more: 1 }));
  t.notOk(check({ version: 1, backends: { '-': backends.a }, routes: [] }));
  t.end();
});

test('the reference has every field, and each once', (t) => {
  const paths = listDocumentedPaths();
  t.equal(new Set(paths).size, paths.length);
  for (const path of [
    'version',
    'listen.http.port',
    'state.kind',
    'state.sentinel.nodes',
    'backends.NAME.tls.ca',
    'features.NAME.into.pointer',
    'routes[].rules[].split',
    'bandit.arms.NAME.prior.alpha',
    'shadow[].compare.tolerance',
    'CONDITION.regex',
  ]) {
    t.ok(paths.includes(path), path);
  }
  t.end();
});
