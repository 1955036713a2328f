import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';

const folder = mkdtempSync(join(tmpdir(), 'makas-check-'));
const good = join(folder, 'good.yaml');
const bad = join(folder, 'bad.yaml');
writeFileSync(
  good,
  `version: 1
workers: 2
listen: { admin: { host: 0.0.0.0 } }
backends:
  a: { protocol: oip, endpoints: [http://127.0.0.1:9001] }
routes:
  - { name: r, rules: [{ backend: a }] }
`,
);
writeFileSync(bad, 'version: 1\nbackends: {}\nroutes:\n  - { name: r, rules: [{ backnd: a }] }\n');

const source = (file: string) => JSON.stringify(fileURLToPath(new URL(`../../src/cli/${file}`, import.meta.url)));
const script = `
import { checkCommand } from ${source('check.ts')};
import { schemaCommand } from ${source('schema.ts')};
const [name, ...args] = process.argv.slice(1);
process.exitCode = await (name === 'check' ? checkCommand(args) : schemaCommand(args));`;

/** Runs a command in a process of its own. */
async function run(...args: string[]) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script, '--', ...args]);
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: Number(code), out, err };
}

test('a configuration that may go live gives 0, its warnings and one line', async (t) => {
  const { code, out } = await run('check', good);
  t.equal(code, 0);
  t.equal(
    out,
    `${good}:3:11 warning: listen.admin: the admin API is open to whoever reaches this address; set a token, or listen on 127.0.0.1\nok: 1 route, 1 backend; 1 warning\n`,
  );
});

test('a configuration that may not gives 1 and every problem', async (t) => {
  const { code, out } = await run('check', bad);
  t.equal(code, 1);
  t.equal(
    out,
    `${bad}:4:26 routes[0].rules[0].backnd: unknown key \`backnd\`; did you mean \`backend\`?\nnot ok: 1 error\n`,
  );
});

test('with --json the problems are data', async (t) => {
  const { code, out } = await run('check', bad, '--json');
  t.equal(code, 1);
  t.match(JSON.parse(out), {
    ok: false,
    file: bad,
    problems: [{ severity: 'error', path: 'routes[0].rules[0].backnd', line: 4, column: 26 }],
  });
  t.match(JSON.parse((await run('check', '--json', good)).out), { ok: true, hash: /^[0-9a-f]{16}$/ });
});

test('without a file it says how it is used', async (t) => {
  t.match(await run('check'), { code: 2, out: '', err: /^usage: makas check FILE/ });
  t.match(await run('check', '--wrong'), { code: 2, out: '' });
  t.match(await run('schema', 'x'), { code: 2, out: '' });
});

test('the schema is printed as JSON', async (t) => {
  const { code, out } = await run('schema');
  t.equal(code, 0);
  t.match(JSON.parse(out), { title: 'Makas configuration' });
});
