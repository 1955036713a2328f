import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { loadConfigFile, loadConfigText } from '../../src/config/load.ts';
import { prepareConfigText } from '../../src/config/prepare.ts';

const folder = mkdtempSync(join(tmpdir(), 'makas-load-'));

function messages(text: string): string[] {
  return loadConfigText(text).problems.map((problem) => problem.message);
}

test('a file that cannot be read as text is a problem, not a crash', (t) => {
  const bytes = join(folder, 'bytes.yaml');
  writeFileSync(bytes, Buffer.from([0xff, 0xfe, 0x41, 0x00]));
  t.match(loadConfigFile(bytes).problems, [{ message: 'the file is not UTF-8 text', line: 1 }]);
  t.match(loadConfigFile(join(folder, 'absent.yaml')).problems, [{ message: 'the file cannot be read (ENOENT)' }]);
  t.match(loadConfigFile(folder).problems, [{ message: 'the file cannot be read (EISDIR)' }]);
  const large = join(folder, 'large.yaml');
  writeFileSync(large, Buffer.alloc(16 * 1024 * 1024 + 1, '#'));
  t.match(loadConfigFile(large).problems, [{ message: 'the file is larger than 16 MiB' }]);
  t.end();
});

test('a file that unfolds without end is refused quickly', (t) => {
  const bomb = ['a0: &a0 [x, x]'];
  for (let i = 1; i < 40; i++) bomb.push(`a${i}: &a${i} [*a${i - 1}, *a${i - 1}]`);
  t.ok(messages(bomb.join('\n')).includes('the aliases unfold to too many values'));
  t.same(messages('['.repeat(100_000)), ['YAML: nested too deeply']);
  t.ok(messages(`version: ${'['.repeat(100)}${']'.repeat(100)}`).includes('nested too deeply'));
  t.end();
});

test('an alias stands for its value, and what is wrong in it is told once', (t) => {
  const text = (timeout: string) => `
version: 1
backends:
  a: &a { protocol: oip, endpoints: [http://127.0.0.1:9001], timeout: ${timeout} }
  b: *a
routes: []
`;
  const loaded = loadConfigText(text('1s'));
  t.equal(loaded.config?.backends['b']?.timeout, '1s');
  t.match(loadConfigText(text('1')).problems, [{ path: 'backends.a.timeout', line: 4 }]);
  t.equal(loadConfigText(text('1')).problems.length, 1);
  t.end();
});

test('a bare null of onMissing is the word', (t) => {
  const { config } = loadConfigText(`
version: 1
backends: {}
features:
  f: { provider: embedded, path: f.csv, entity: { id: { from: header:x } }, fields: { a: float }, into: { parameters: "" }, onMissing: null }
routes: []
`);
  t.equal(config?.features?.['f']?.onMissing, 'null');
  t.end();
});

test('names that objects have by birth are names like others', (t) => {
  const route = (backend: string) =>
    prepareConfigText(
      `{ version: 1, backends: { constructor: { protocol: oip, endpoints: [http://127.0.0.1:1] } }, routes: [{ name: r, rules: [{ backend: ${backend} }] }] }`,
    );
  t.ok(route('constructor').snapshot);
  t.match(route('toString').problems, [{ message: 'no backend has the name `toString`' }]);
  t.end();
});

test('ten thousand routes are ready in a few seconds', (t) => {
  const lines = ['version: 1', 'backends:', '  a: { protocol: oip, endpoints: [http://127.0.0.1:9001] }', 'routes:'];
  for (let i = 0; i < 10_000; i++) {
    lines.push(`  - name: r${i}`, `    match: { model: m${i} }`, '    rules:', '      - backend: a');
  }
  const before = process.cpuUsage();
  const prepared = prepareConfigText(lines.join('\n'));
  const { user, system } = process.cpuUsage(before);
  t.equal(prepared.snapshot?.routes.length, 10_000);
  // CPU time, since other tests run beside this one.
  t.ok((user + system) / 1000 < 6000, `took ${Math.round((user + system) / 1000)} ms`);

  const broken = loadConfigText(lines.join('\n').replaceAll('backend: a', 'backnd: a'));
  t.equal(broken.problems.length, 10_000, 'every problem is told');
  t.equal(prepareConfigText(lines.join('\n').replaceAll('backend: a', 'backend: x')).problems.length, 10_000);
  t.match(broken.problems.at(-1), { line: 40_004, path: 'routes[9999].rules[0].backnd' });
  t.end();
});
