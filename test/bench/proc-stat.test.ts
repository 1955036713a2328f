import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'tap';
import {
  parseCoreTicks,
  parseProcessStat,
  readCoreTicks,
  readTree,
  selectTree,
  ticksBetween,
} from '../../bench/proc-stat.ts';

const LINE =
  '4242 (a) b (c) S 41 4242 4242 0 -1 4194560 900 10 0 0 120 34 7 8 20 0 11 0 5000 700000000 1234 18446744073709551615';

function stat(pid: number, parent: number, cpuTicks = 0) {
  return { pid, parent, cpuTicks, rssPages: 1 };
}

test('a line of /proc/PID/stat is read right even when the command name holds brackets and spaces', (t) => {
  t.same(parseProcessStat(LINE), { pid: 4242, parent: 41, cpuTicks: 154, rssPages: 1234 });
  t.end();
});

test('a cut line of /proc/PID/stat is an error', (t) => {
  t.throws(() => parseProcessStat('4242 (a) S 41 4242'), /not a line/);
  t.end();
});

test('core 1 is not taken for core 10, and steal counts apart from busy', (t) => {
  const text = 'cpu  1 1 1 1 1 1 1 1\ncpu10 9 9 9 9 9 9 9 9 0 0\ncpu1 100 2 30 400 5 6 7 8 0 0\n';
  t.same(parseCoreTicks(text, 1), { busy: 145, idle: 405, steal: 8 });
  t.throws(() => parseCoreTicks(text, 2), /no core 2/);
  t.end();
});

test('a tree holds its roots and all that descend from them, listed in any order', (t) => {
  const all = [stat(5, 4), stat(4, 2), stat(2, 1), stat(3, 1), stat(1, 0), stat(9, 8)];
  t.same(
    selectTree(all, [2, 9]).map((each) => each.pid),
    [5, 4, 2, 9],
  );
  t.end();
});

test('ticks between two readings add up over the tree, and a process that is new counts whole', (t) => {
  t.equal(ticksBetween([stat(1, 0, 10), stat(2, 1, 5)], [stat(1, 0, 30), stat(2, 1, 5), stat(3, 1, 4)]), 24);
  t.end();
});

test('a process that ended during a timing fails it, since its ticks are lost', (t) => {
  t.throws(() => ticksBetween([stat(1, 0, 10), stat(2, 1, 5)], [stat(1, 0, 30)]), /process 2 ended/);
  t.end();
});

test('a child of this very process is found in its tree', async (t) => {
  const child = spawn('cat', [], { stdio: ['pipe', 'ignore', 'ignore'] });
  await once(child, 'spawn');
  const tree = readTree([process.pid]);
  child.stdin.end();
  await once(child, 'exit');
  t.ok(tree.some((each) => each.pid === child.pid && each.parent === process.pid));
  t.ok(tree.some((each) => each.pid === process.pid && each.cpuTicks > 0 && each.rssPages > 0));
  t.ok(readCoreTicks(0).busy > 0);
});
