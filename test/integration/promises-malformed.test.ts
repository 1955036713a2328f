import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';

import { prepareConfigText } from '../../src/config/prepare.ts';
import { startBandit } from '../support/bandit-traffic.ts';
import { armOf, forEachOf, range, seededDraws, until } from '../support/traffic.ts';

const EXAMPLES = fileURLToPath(new URL('../../config/examples', import.meta.url));
const env = {
  MAKAS_ADMIN_TOKEN: 'hunter2-admin',
  REDIS_PASSWORD: 'hunter2-redis',
  MAKAS_TOKEN_SECRET: 'x'.repeat(40),
  MODEL_TOKEN: 'hunter2-model',
};
const PIECES = [
  ...':-{}[]"\'\n\t #|>&*!%@`~?,'.split(''),
  '&a',
  '*a',
  '<<: ',
  '!!binary ',
  '---\n',
  '...\n',
  '1e999',
  '-1',
  '0x10',
  'null',
  '${env:NO}',
  '${file:/nowhere}',
  '\u0000',
  '\uFEFF',
  '\uD800',
  '\r\n',
  '😀',
  '__proto__: 1\n',
  'constructor',
  '9'.repeat(400),
  '['.repeat(200),
  '500%',
  '99999999999d',
  '(((((',
  '"{\\"a\\":',
];

/** A text with one to four edits: cut, put in, doubled, swapped lines, another number. */
function mutate(text: string, draw: () => number): string {
  let now = text;
  const nat = (below: number): number => Math.floor(draw() * below);
  for (let edits = 1 + nat(4); edits > 0; edits--) {
    const at = nat(now.length + 1);
    const lines = now.split('\n');
    const line = nat(lines.length);
    switch (nat(6)) {
      case 0:
        now = now.slice(0, at) + now.slice(at + nat(30));
        break;
      case 1:
        now = now.slice(0, at) + PIECES[nat(PIECES.length)]! + now.slice(at);
        break;
      case 2:
        now = lines.toSpliced(line, 0, lines[nat(lines.length)]!).join('\n');
        break;
      case 3:
        now = lines.with(line, `${' '.repeat(nat(5))}${lines[line]!.trimStart()}`).join('\n');
        break;
      case 4:
        now = lines.with(line, lines[line]!.replace(/[\w.%-]+(?=\W*$)/, PIECES[nat(PIECES.length)]!)).join('\n');
        break;
      default:
        now = lines
          .with(
            line,
            lines[line]!.replace(/\w+(?=:)/, (key) => key.slice(0, -1)),
          )
          .join('\n');
    }
  }
  return now;
}

test('10,000 malformed configurations are told with places or are valid, and none throws', (t) => {
  const texts = readdirSync(EXAMPLES)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => readFileSync(join(EXAMPLES, name), 'utf8'));
  t.ok(texts.length >= 8);
  const draw = seededDraws(20);
  let valid = 0;
  for (let i = 0; i < 10_000; i++) {
    const text = mutate(texts[i % texts.length]!, draw);
    const lines = text.split(/\r\n|\r|\n/).length;
    try {
      const { snapshot, problems } = prepareConfigText(text, { env });
      const errors = problems.filter(({ severity }) => severity === 'error');
      if (snapshot === null ? errors.length === 0 : errors.length > 0) throw new Error('neither valid nor told');
      if (snapshot !== null) valid++;
      for (const { line, column, message } of problems) {
        if (!(line >= 1 && line <= lines && column >= 1)) throw new Error(`no place: ${line}:${column} of ${lines}`);
        if (message === '') throw new Error('no message');
      }
      if (JSON.stringify(problems).includes('hunter2')) throw new Error('a secret is shown');
    } catch (error) {
      t.fail(`mutation ${i}: ${String(error)}`, { text });
    }
  }
  t.ok(valid > 100 && valid < 9000, `${valid} were still valid`);
  t.end();
});

test('2,000 malformed bodies of rewards each get a clear answer and change nothing', async (t) => {
  const { gateway, serve, reward, client } = await startBandit(
    t,
    '[{ bandit: { name: rank, policy: thompson, arms: [a, b], refresh: 100ms } }]',
  );
  const [first, second] = await serve(2);
  t.equal((await reward({ decision: first!.decision, reward: 1 })).counted, 1);
  const draw = seededDraws(21);
  const nat = (below: number): number => Math.floor(draw() * below);
  const strange: readonly unknown[] = [
    null,
    true,
    0,
    -1,
    1e308,
    2,
    '',
    'x',
    '1',
    [],
    {},
    [[]],
    { reward: 1 },
    '\u0000',
    'x'.repeat(5000),
  ];
  const any = (): unknown => strange[nat(strange.length)];
  const { decision } = second!;
  const makers: readonly (() => string | Uint8Array)[] = [
    () => JSON.stringify({ decision, reward: 1 }).slice(0, nat(60)),
    () => JSON.stringify({ decision: any(), reward: any() }),
    () => JSON.stringify({ decision, reward: ['1', null, 2, -1, [], {}][nat(6)] }),
    () => JSON.stringify({ decision, reward: 1, [`k${nat(9)}`]: any() }),
    () => JSON.stringify({ decision, reward: 1, id: [null, 1, {}, 'x'.repeat(200)][nat(4)] }),
    () => JSON.stringify({ decision, reward: 1, at: ['x', -1, {}, '2026-13-45T99:99:99Z', 'NaN'][nat(5)] }),
    () =>
      JSON.stringify({ decision: decision.slice(0, nat(60)) + decision.slice(nat(7)), reward: 1 }).replace(
        decision,
        'x',
      ),
    () => JSON.stringify(range(nat(20)).map(any)),
    () => JSON.stringify({ rewards: any() }),
    () => JSON.stringify(any()),
    () => `{"decision":"${decision}","reward":1,"__proto__":{"a":1}}`,
    () => `{"decision":"${decision}","reward":1e999}`,
    () => `{"decision":"${decision}","reward":NaN}`,
    () => '['.repeat(1 + nat(20_000)),
    () => Uint8Array.from({ length: nat(200) }, () => nat(256)),
    () => JSON.stringify(range(1001).map(() => ({ decision: 'x', reward: 1 }))),
  ];
  const counts = new Map<number, number>();
  await forEachOf(range(2000), 8, async (i) => {
    const body = makers[i % makers.length]!();
    const { status, text, headers } = await client.post('/rewards', body);
    counts.set(status, (counts.get(status) ?? 0) + 1);
    const answer = JSON.parse(text) as {
      error?: string;
      results?: { result: string; message?: string }[];
      counted?: number;
    };
    const told = `${status} ${text.slice(0, 200)} for ${String(body).slice(0, 100)}`;
    if (status === 200 || status >= 500) t.fail(told);
    if (answer.results === undefined ? !answer.error || headers['makas-error'] === undefined : answer.counted !== 0)
      t.fail(told);
    for (const { result, message } of answer.results ?? [])
      if (!['invalid', 'forged'].includes(result) || !message) t.fail(told);
    if (/node_modules|SyntaxError|\.ts:\d/.test(text)) t.fail(`something leaks: ${told}`);
  });
  t.ok(
    [...counts.keys()].every((status) => [207, 400, 403, 413].includes(status)),
    JSON.stringify([...counts]),
  );

  t.equal((await reward({ decision, reward: 0.5 })).results[0]?.result, 'counted', 'the decision is still open');
  const { arm } = second!;
  const expected = arm === first!.arm ? 2 : 1;
  await until('it is counted', async () => (await armOf(gateway.adminUrl, 'rank', arm)).count >= expected);
  t.equal((await armOf(gateway.adminUrl, 'rank', arm)).count, expected);
});
