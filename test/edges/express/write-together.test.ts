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

test('buffers are used again only when nothing of them is still to be written', async (t) => {
  const open = await openPairs(t);
  const pairs: Awaited<ReturnType<typeof open>>[] = [];
  while (pairs.length < 8) pairs.push(await open());
  const sent = pairs.map(() => '');
  const write = (i: number, mark: string): void => {
    const [before, body, after] = message(mark, 120_000);
    writeCopied(pairs[i]!.socket, before, body, after);
    sent[i] += before + body.toString('latin1') + after;
  };
  const fill = (i: number, round: string): void => {
    for (let k = 0; pairs[i]!.socket.writableLength === 0; k++) write(i, `${round}.${i}.${k}`);
  };
  for (const round of ['a', 'b', 'c']) {
    // Those that are read have an empty queue again, and the others still need what is in their buffers.
    for (let i = 0; i < pairs.length; i++) fill(i, round);
    const read = pairs.filter((_, i) => i % 3 === round.charCodeAt(0) % 3);
    for (const { far } of read) far.resume();
    await until('they are read', () => read.every(({ socket }) => socket.writableLength === 0), 20_000);
    for (const { far } of read) far.pause();
  }
  pairs[0]!.socket.destroy();
  for (let i = 1; i < pairs.length; i++) fill(i, 'd');
  for (const { far } of pairs) far.resume();
  await until(
    'all of it came',
    () => pairs.every(({ socket }) => socket.writableLength === 0 || socket.destroyed),
    20_000,
  );
  for (const [i, { received }] of pairs.entries()) {
    if (i === 0) continue;
    await until('it arrives', () => received().length >= sent[i]!.length, 20_000);
    t.ok(received() === sent[i], `byte for byte ${i}`);
  }
});
