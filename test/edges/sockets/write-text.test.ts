import { once } from 'node:events';
import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';

import * as fc from 'fast-check';
import { test } from 'tap';

import { writeCopied } from '../../../src/edges/express/write-together.ts';
import { writeText } from '../../../src/edges/sockets/write-text.ts';
import { openPairs } from '../../support/pairs.ts';
import { until } from '../../support/traffic.ts';

/** Text with every byte in it that is like no other. */
function text(mark: number, length: number): string {
  let made = `<${mark}:`;
  for (let i = 0; made.length < length; i++) made += String.fromCharCode((i + mark) % 256);
  return made;
}

test('texts arrive byte for byte, whatever is written between them', async (t) => {
  const open = await openPairs(t);
  const { socket, far, received } = await open();
  far.resume();
  const writes = fc.array(fc.record({ kind: fc.constantFrom('text', 'stream', 'bytes'), length: fc.nat(40_000) }));
  let sent = '';
  let mark = 0;
  await fc.assert(
    fc.asyncProperty(writes, async (all) => {
      for (const { kind, length } of all) {
        const piece = text(mark++, length);
        if (kind === 'text') writeText(socket, piece);
        else if (kind === 'stream') socket.write(piece, 'latin1');
        else writeCopied(socket, piece, new Uint8Array(0), '');
        sent += piece;
      }
      await until('all of it came', () => received().length >= sent.length);
      return received() === sent;
    }),
    { numRuns: 50 },
  );
  t.equal(received().length, sent.length);
});

test('a far end that does not read is waited for, and nothing is lost or mixed up', async (t) => {
  const open = await openPairs(t);
  const pairs = [await open(), await open(), await open()];
  const sent = pairs.map(() => '');
  // Several connections stop in the middle of a text, and others write on meanwhile.
  for (const [i, { socket }] of pairs.entries()) {
    for (let mark = i, isFlowing = true; isFlowing; mark += 3) {
      const piece = text(mark, 16_000);
      isFlowing = writeText(socket, piece);
      sent[i] += piece;
    }
    t.equal(socket.writableNeedDrain, true);
  }
  const drained = pairs.map(({ socket }) => once(socket, 'drain'));
  for (const { far } of pairs) far.resume();
  await Promise.all(drained);
  for (const [i, { socket, received }] of pairs.entries()) {
    writeText(socket, 'and on');
    sent[i] += 'and on';
    await until('all of it came', () => received().length >= sent[i]!.length);
    t.ok(received() === sent[i], 'byte for byte');
    t.equal(socket.writableLength, 0);
  }
});

test('an end waits for the text before it', async (t) => {
  const open = await openPairs(t);
  const { socket, far, received } = await open();
  let sent = '';
  while (socket.writableLength === 0) {
    const piece = text(7, 16_000);
    writeText(socket, piece);
    sent += piece;
  }
  socket.end();
  far.resume();
  await once(far, 'end');
  t.ok(received() === sent, 'byte for byte');
});

test('a connection that was reset says so once, in the middle of a text or after it', async (t) => {
  const open = await openPairs(t);
  for (const isFull of [false, true]) {
    const { socket, far } = await open();
    const errors: string[] = [];
    socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? ''));
    const isEnough = () => !isFull || socket.writableLength > 0;
    do writeText(socket, text(1, 16_000));
    while (!isEnough());
    const closed = new Promise((resolve) => socket.once('close', resolve));
    far.resetAndDestroy();
    // Sooner or later the kernel knows that nobody is there.
    const more = setInterval(() => writeText(socket, 'more'), 1);
    await closed;
    clearInterval(more);
    t.equal(errors.length, 1, errors.join());
    t.match(errors[0], /^(ECONNRESET|EPIPE)$/);
    t.equal(writeText(socket, 'too late'), false);
  }
});

test('a socket that is destroyed in the middle of a text is closed without an error', async (t) => {
  const open = await openPairs(t);
  const { socket } = await open();
  socket.on('error', (error) => t.fail(String(error)));
  while (socket.writableLength === 0) writeText(socket, text(1, 16_000));
  socket.destroy();
  await once(socket, 'close');
});

test('a socket without a handle is written as a stream', async (t) => {
  let written = '';
  const socket = new Duplex({
    decodeStrings: false,
    read: () => undefined,
    write: (chunk: string, _encoding, callback) => {
      written += chunk;
      callback();
    },
  }) as unknown as Socket;
  t.equal(writeText(socket, 'short'), true);
  t.equal(written, 'short');
});
