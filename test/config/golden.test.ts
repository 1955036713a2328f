import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { prepareConfigFile } from '../../src/config/prepare.ts';
import { formatProblem } from '../../src/config/problem.ts';

const folder = join(import.meta.dirname, '../golden/config');
const env = { MAKAS_EMPTY: '', MAKAS_LINES: 'hunter2-one\nhunter2-two' };

for (const name of readdirSync(folder).filter((file) => file.endsWith('.yaml'))) {
  test(`${name} has the problems that are written beside it`, (t) => {
    const { problems } = prepareConfigFile(join(folder, name), { env });
    const text = `${problems.map((problem) => formatProblem(problem, name)).join('\n')}\n`;
    const goldenFile = join(folder, name.replace('.yaml', '.txt'));
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(goldenFile, text);
    t.equal(text, readFileSync(goldenFile, 'utf8'));
    t.notMatch(text, /hunter2/, 'no secret is shown');
    t.ok(
      problems.every(({ line, column }) => line >= 1 && column >= 1),
      'every problem has a place',
    );
    t.end();
  });
}
