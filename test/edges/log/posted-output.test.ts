import { test } from 'tap';

import { LineRelay } from '../../../src/edges/log/line-relay.ts';
import { PostedOutput } from '../../../src/edges/log/posted-output.ts';
import { until } from '../../support/traffic.ts';

/** An output that takes up to `room` characters at a time. */
class Sink {
  text = '';
  room = Infinity;

  offer(lines: string): boolean {
    if (lines.length > this.room) return false;
    this.room -= lines.length;
    this.text += lines;
    return true;
  }
}

test('lines are posted in batches, in order, and soon also when they are few', async (t) => {
  const posted: string[] = [];
  const output = new PostedOutput((lines) => posted.push(lines));
  const line = `${'x'.repeat(99)}\n`;
  for (let i = 0; i < 100; i++) t.ok(output.write(line));
  t.equal(posted.length, 2);
  await until('the rest is posted', () => posted.length === 3);
  t.equal(posted.join(''), line.repeat(100));
  output.write('last\n');
  output.flush();
  output.flush();
  t.equal(posted.at(-1), 'last\n');
  t.equal(posted.length, 4);
});

test('what the other thread does not take is bounded; lines beyond it are dropped, and said to be', (t) => {
  const posted: string[] = [];
  const output = new PostedOutput((lines) => posted.push(lines), 10_000);
  const line = `${'x'.repeat(99)}\n`;
  const taken = Array.from({ length: 200 }, () => output.write(line)).filter(Boolean).length;
  t.equal(taken, 100);
  output.taken(posted[0]!.length);
  t.ok(output.write(line), 'there is room again');
  t.end();
});

test('lines for which the output has no room wait, in order, and their worker hears when they were taken', async (t) => {
  const sink = new Sink();
  const relay = new LineRelay(sink);
  const taken: string[] = [];
  const send = (lines: string): void => relay.take(lines, () => taken.push(lines));
  send('one\n');
  sink.room = 5;
  send('two\n');
  send('three\n');
  send('four\n');
  t.same(taken, ['one\n', 'two\n']);
  sink.room = Infinity;
  await until('all are taken', () => taken.length === 4);
  t.equal(sink.text, 'one\ntwo\nthree\nfour\n');
  sink.room = 0;
  send('late\n');
  sink.room = Infinity;
  relay.close();
  t.equal(sink.text, 'one\ntwo\nthree\nfour\nlate\n', 'the last ones are offered once more at the end');
});
