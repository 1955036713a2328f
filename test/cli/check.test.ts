import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type Test } from 'tap';
import { checkCommand } from '../../src/cli/check.ts';
import { schemaCommand } from '../../src/cli/schema.ts';

const folder = mkdtempSync(join(tmpdir(), 'makas-check-'));
const good = join(folder, 'good.yaml');
const bad = join(folder, 'bad.yaml');
writeFileSync(
  good,
  `version: 1
workers: 2
backends:
  a: { protocol: oip, endpoints: [http://127.0.0.1:9001] }
routes:
  - { name: r, rules: [{ backend: a }] }
`,
);
writeFileSync(bad, 'version: 1\nbackends: {}\nroutes:\n  - { name: r, rules: [{ backnd: a }] }\n');

/** Runs a command with standard output caught. */
async function run(t: Test, command: () => Promise<number>) {
  const written = t.capture(process.stdout, 'write', (_text: string) => true);
  const code = await command();
  return {
    code,
    text: written()
      .map(({ args }) => args[0])
      .join(''),
  };
}

test('a configuration that may go live gives 0, its warnings and one line', async (t) => {
  const { code, text } = await run(t, () => checkCommand([good]));
  t.equal(code, 0);
  t.equal(
    text,
    `${good}:2:1 warning: workers: more than one worker is not built yet; one runs (found 2, expected 1)\nok: 1 route, 1 backend; 1 warning\n`,
  );
});

test('a configuration that may not gives 1 and every problem', async (t) => {
  const { code, text } = await run(t, () => checkCommand([bad]));
  t.equal(code, 1);
  t.equal(
    text,
    `${bad}:4:25 routes[0].rules[0].backnd: unknown key \`backnd\`; did you mean \`backend\`?\nnot ok: 1 error\n`,
  );
});

test('with --json the problems are data', async (t) => {
  const { code, text } = await run(t, () => checkCommand([bad, '--json']));
  t.equal(code, 1);
  t.match(JSON.parse(text), {
    ok: false,
    file: bad,
    problems: [{ severity: 'error', path: 'routes[0].rules[0].backnd', line: 4, column: 25 }],
  });
  t.match(JSON.parse((await run(t, () => checkCommand(['--json', good]))).text), { ok: true, hash: /^[0-9a-f]{16}$/ });
});

test('without a file it says how it is used', async (t) => {
  t.capture(process.stderr, 'write', () => true);
  t.equal(await checkCommand([]), 2);
  t.equal(await checkCommand(['--wrong']), 2);
});

test('the schema is printed as JSON', async (t) => {
  const { code, text } = await run(t, () => schemaCommand());
  t.equal(code, 0);
  t.match(JSON.parse(text), { title: 'Makas configuration' });
});
