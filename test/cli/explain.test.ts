import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { test, type Test } from 'tap';

const command = fileURLToPath(new URL('../../src/cli/explain.ts', import.meta.url));
const script = `import { explainCommand } from ${JSON.stringify(command)};
process.exitCode = await explainCommand(process.argv.slice(1));`;

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command in a process of its own, as `makas explain` does. */
async function run(args: readonly string[], input = ''): Promise<Run> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script, '--', ...args]);
  child.stdin.end(input);
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: Number(code), out, err };
}

function files(t: Test, config: string): { readonly config: string; readonly request: string } {
  const folder = t.testdir({
    'makas.yaml': config,
    'request.json': '{"path": "/v2/models/iris/infer", "headers": {"x-user-id": "u-1"}, "body": {"inputs": []}}',
  });
  return { config: join(folder, 'makas.yaml'), request: join(folder, 'request.json') };
}

const good = `version: 1
backends: { a: { protocol: oip, endpoints: ["http://127.0.0.1:1"] }, b: { protocol: oip, endpoints: ["http://127.0.0.1:2"] } }
routes: [{ name: iris, unit: "header:x-user-id", rules: [{ split: { a: 1, b: 1 } }] }]
`;

test('explain prints the decision for people, or as JSON', async (t) => {
  const { config, request } = files(t, good);
  const plain = await run([config, '--request', request]);
  t.match(plain, { code: 0, err: '', out: /^backend +[ab], propensity 0\.5$/m });
  const json = await run([config, '--request', request, '--json']);
  t.match(JSON.parse(json.out), { route: { name: 'iris' }, choice: { kind: 'split', propensity: 0.5 } });
});

test('explain reads the request from standard input', async (t) => {
  const { config } = files(t, good);
  t.match(await run([config, '--request', '-'], '{"path": "/v2/models/x/infer"}'), { code: 0, out: /^route +iris/m });
});

test('explain tells what is wrong with the request', async (t) => {
  const { config, request } = files(t, good);
  t.match(await run([config, '--request', '-'], '{"pathh": 1}'), {
    code: 2,
    out: '',
    err: /unknown key "pathh".*\n.*path is missing/,
  });
  t.match(await run([config, '--request', '-'], '{'), { code: 2, err: /not JSON/ });
  t.match(await run([config, '--request', `${request}.none`]), { code: 2, err: /cannot be read \(ENOENT\)/ });
});

test('explain tells what is wrong with the configuration and exits 1', async (t) => {
  const { config, request } = files(t, good.replace('a: 1, b: 1', 'a: 1, c: 1'));
  t.match(await run([config, '--request', request]), { code: 1, out: '', err: /makas\.yaml:3:\d+ .*split\.c/ });
  writeFileSync(config, good.replace('split', 'when: "1 +", split'));
  t.match(await run([config, '--request', request]), { code: 1, err: /the expression is not valid/ });
});

test('explain tells how it is called', async (t) => {
  for (const args of [[], ['a'], ['a', 'b', '--request', 'c'], ['a', '--what'], ['a', '--request']]) {
    t.match(await run(args), { code: 2, err: /usage: makas explain/ });
  }
});
