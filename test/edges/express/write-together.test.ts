import { Buffer } from 'node:buffer';

import { test } from 'tap';

import { writeCopied } from '../../../src/edges/express/write-together.ts';
import { openPairs } from '../../support/pairs.ts';
import { until } from '../../support/traffic.ts';

/** A message of this length that is like no other. */
function message(mark: string, length: number): [string, Buffer, string] {
  const body = Buffer.alloc(length, `${mark}.`);
  return [`<${mark}:`, body, `:${mark}>`];
}

test('what the kernel does not take at once stays as it was written, whatever is written elsewhere', async (t) => {
  const open = await openPairs(t);
  const [slow, fast] = [await open(), await open()];
  let sent = '';
  const write = (mark: string, length: number): void => {
    const [before, body, after] = message(mark, length);
    writeCopied(slow.socket, before, body, after);
    sent += before + body.toString('latin1') + after;
    body.fill('#');
  };
  for (let i = 0; slow.socket.writableLength === 0; i++) write(`a${i}`, 100_000);
  for (let i = 0; i < 3; i++) writeCopied(fast.socket, ...message(`b${i}`, 100_000));
  write('queued', 50_000);
  write('long', 300_000);
  slow.far.resume();
  await until('all of it came', () => slow.received().length >= sent.length);
  t.equal(slow.received().length, sent.length);
  t.ok(slow.received() === sent, 'byte for byte');
});

test('short, long and bare messages come as they are', async (t) => {
  const open = await openPairs(t);
  const { socket, far, received } = await open();
  far.resume();
  let sent = '';
  for (const [before, length, after] of [
    ['h\xe9ad\r\n', 10, ''],
    ['', 5000, '\r\n'],
    ['x', 128 * 1024 - 2, 'y'],
    ['x', 128 * 1024 - 1, 'y'],
    ['', 0, ''],
  ] as const) {
    const body = Buffer.alloc(length, 'z');
    writeCopied(socket, before, body, after);
    sent += before + body.toString('latin1') + after;
  }
  await until('all of it came', () => received().length >= sent.length);
  t.ok(received() === sent);
});
