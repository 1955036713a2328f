import * as fc from 'fast-check';
import { test } from 'tap';

import { ReceiveWindow, sendable, SendWindow, WINDOW_MAX } from '../../../src/protocol/http2/flow.ts';

test('as much is sent as both windows and a frame have room for', async (t) => {
  const connection = new SendWindow(100);
  const stream = new SendWindow(50);
  t.equal(sendable(connection, stream, 1000, 40), 40);
  t.equal(sendable(connection, stream, 30, 40), 30);
  t.equal(sendable(connection, stream, 1000, 16384), 50);
  connection.take(60);
  t.equal(sendable(connection, stream, 1000, 16384), 40);
});

test('a window may become less than nothing, and is opened from there', async (t) => {
  const stream = new SendWindow();
  stream.take(60_000);
  t.ok(stream.add(16_384 - 65_535));
  t.ok(stream.available < 0);
  t.equal(sendable(new SendWindow(), stream, 10, 16384), 0);
  t.ok(stream.add(50_000));
  t.equal(sendable(new SendWindow(), stream, 10_000, 16384), 50_000 + 16_384 - 60_000);
});

test('a window beyond 2^31-1 is an error', async (t) => {
  t.ok(new SendWindow().add(WINDOW_MAX - 65_535));
  t.notOk(new SendWindow().add(WINDOW_MAX - 65_534));
});

test('a peer that sends more than it may is noticed', async (t) => {
  const window = new ReceiveWindow(100);
  t.ok(window.receive(100));
  t.notOk(window.receive(1));
});

test('a receive window is opened again by halves', async (t) => {
  const window = new ReceiveWindow(100);
  t.ok(window.receive(49));
  t.equal(window.release(49), 0);
  t.ok(window.receive(1));
  t.equal(window.release(1), 50);
  t.ok(window.receive(100));
  t.equal(window.release(0), 0);
});

test('a window that is made larger says by how much', async (t) => {
  const window = new ReceiveWindow();
  t.equal(window.grow(1 << 20), (1 << 20) - 65_535);
  t.equal(window.grow(1 << 20), 0);
  t.ok(window.receive(1 << 20));
  window.reset(10);
  t.ok(window.receive(10));
  t.notOk(window.receive(1));
});

test('both sides always agree, and a sender whose data are released never waits for long', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.array(fc.nat(100)), (size, wishes) => {
      const mine = new ReceiveWindow(size);
      const theirs = new SendWindow(size);
      return wishes.every((wish) => {
        const octets = Math.min(wish, theirs.available);
        theirs.take(octets);
        if (!mine.receive(octets)) return false;
        theirs.add(mine.release(octets));
        return theirs.available * 2 >= size && theirs.available <= size;
      });
    }),
    { seed: 1, numRuns: 2000 },
  );
  t.pass();
});
