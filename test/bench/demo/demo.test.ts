import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Test, test } from 'tap';

const script = fileURLToPath(new URL('../../../bench/demo/run.ts', import.meta.url));

function startDemo(t: Test, args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  return child;
}

async function runDemo(t: Test, args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = startDemo(t, args);
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code]: (number | null)[] = await once(child, 'close');
  return { code: code ?? null, out, err };
}

/** The first number that a pattern finds. */
function numberIn(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? Number.NaN : Number(found.replaceAll(',', ''));
}

test('the demo runs to its end and reports what it measured', async (t) => {
  const { code, out, err } = await runDemo(t, ['--seconds', '4']);
  t.equal(err, '');
  t.equal(code, 0);
  t.notMatch(out, '\x1b', 'no control characters without a terminal');
  t.ok(
    out.split('\n').every((line) => line.length <= 100),
    'no line is wider than 100 columns',
  );
  t.notMatch(out, /NaN|undefined|Infinity/);

  const routes: [name: string, least: number][] = [
    ['diagnosis: bandit', 100],
    ['diagnosis-canary: 90/10 by user', 100],
    ['diagnosis-even: 50/50', 100],
    ['diagnosis, rule "testers" by header', 4],
  ];
  for (const [name, least] of routes) {
    const row = out.split('\n').find((line) => line.trim().startsWith(name)) ?? '';
    t.ok(numberIn(row.slice(row.indexOf(name) + name.length), /([\d,]+)/) >= least, `${name}: ${row}`);
  }
  t.match(out, /rule "testers" by header +\d+ +0\.0 % +0\.0 % +100\.0 %/);
  t.ok(numberIn(out, /strong +now gets ([\d.]+) %/) > 50, 'the bandit ends with most of the traffic on strong');

  const [all, good] = [numberIn(out, /the gateway counted ([\d,]+)/), numberIn(out, /with status 200 ([\d,]+)/)];
  const sent = numberIn(out, /([\d,]+) requests and/) + numberIn(out, /requests and ([\d,]+) for latency/);
  t.equal(all, sent, 'the gateway counted every request');
  t.equal(good, sent, 'and none failed');
  const rewards = numberIn(out, /rewards counted: ([\d,]+)/);
  t.ok(rewards > 100);
  t.equal(rewards, numberIn(out, /rewards counted: [\d,]+ of ([\d,]+) sent/));
  t.equal(rewards, numberIn(out, /copies: ([\d,]+) ok/), 'each request of the bandit was mirrored');
  t.match(out, /copies: [\d,]+ ok, 0 error, 0 timeout, 0 dropped/);
  t.match(out, /candidate agrees on 9\d\.\d % of the labels/);
  t.match(out, /even split +\d\d\.\d % +[+-]\d+\.\d \([+-]\d+\.\d to [+-]\d+\.\d\)/);
  t.match(out, /\([\d.]+ % to [\d.]+ %\) of [\d,]+ users; configured 10\.0 %/);
  t.match(out, /0 of them saw both models/);
  t.match(out, /values: 9[67]\.\d % found, [234]\.\d % filled with a default/);
  t.match(out, /diagnosis-even +\d+ +[\d.]+ +[\d.]+ +[+-][\d.]+ +[+-][\d.]+/);
  t.match(out, /shadow +candidate gets a copy/, 'and one request is explained');
});

test('with --keep everything stays up until Ctrl-C, and nothing is left then', async (t) => {
  const child = startDemo(t, ['--seconds', '2', '--keep']);
  const exited = once(child, 'exit');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout! })) {
    lines.push(line);
    if (line.endsWith('# candidate')) break;
  }
  const text = lines.join('\n');
  const admin = /curl (\S+)\/metrics/.exec(text)?.[1] ?? '';
  const config = /makas -- check (\S+)/.exec(text)?.[1] ?? '';
  t.equal((await fetch(`${admin}/readyz`)).status, 200);
  t.ok(existsSync(config));
  child.kill('SIGINT');
  t.same(await exited, [0, null]);
  await t.rejects(fetch(`${admin}/readyz`), 'the gateway is gone');
  t.notOk(existsSync(config), 'its folder too');
});

test('a wrong option is refused with what is allowed', async (t) => {
  const { code, err } = await runDemo(t, ['--seconds', '500']);
  t.equal(code, 1);
  t.match(err, /^the demo failed: --seconds is from 2 to 45, found 500\n$/);
});
