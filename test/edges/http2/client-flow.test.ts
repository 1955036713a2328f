import fc from 'fast-check';
import { test } from 'tap';

import { DATA, errorCode, PADDED, setting } from '../../../src/protocol/http2/frames.ts';
import { frame, hex } from '../../protocol/http2/frame-bytes.ts';
import { until } from '../../support/traffic.ts';
import { answer, data, head, open, reset, settings, trailers, windowUpdate } from './client-fixtures.ts';

const WINDOW = 1 << 20;
const OK = 'grpc-status: 0\r\n';

function bytesOf(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + seed * 7 + (i >> 8)) & 0xff;
  return bytes;
}

test('a request waits for the window of its stream, while others go on', async (t) => {
  const { peer, call } = await open(t, settings(setting.INITIAL_WINDOW_SIZE, 0));
  const body = bytesOf(100, 1);
  const first = call(body);
  const second = call(Buffer.from('b'));
  await peer.begun(2);
  peer.send(windowUpdate(3, 1));
  await until('the second is there', () => peer.ended.has(3));
  t.equal(peer.body(1).length, 0);
  for (let i = 0; i < 99; i++) peer.send(windowUpdate(1, 1));
  await until('all but an octet is there', () => peer.body(1).length === 99);
  t.notOk(peer.ended.has(1));
  peer.send(windowUpdate(1, 1));
  await until('the rest is there', () => peer.ended.has(1));
  t.strictSame(peer.body(1), body);
  peer.send(answer(1, 'a'), answer(3, 'b'));
  await until('both are answered', () => first.isOver && second.isOver);
});

test('a request waits for the window of the connection, and those that wait take turns', async (t) => {
  const { peer, call } = await open(t, settings(setting.INITIAL_WINDOW_SIZE, 0x7fffffff));
  const bodies = [bytesOf(200_000, 1), bytesOf(200_000, 2)];
  bodies.forEach((body) => call(body));
  await until('the window is used up', () => peer.body(1).length + peer.body(3).length === 65535);
  peer.send(windowUpdate(0, 100_000));
  await until('more is there', () => peer.body(1).length + peer.body(3).length === 165_535);
  t.ok(peer.body(3).length > 30_000, 'the second does not wait for the end of the first');
  peer.send(windowUpdate(0, 1_000_000));
  await until('all is there', () => peer.ended.size === 2);
  t.strictSame(peer.body(1), bodies[0]);
  t.strictSame(peer.body(3), bodies[1]);
});

test('windows that settings make smaller, below zero too, and larger again are heeded', async (t) => {
  const { peer, call } = await open(t, settings(setting.INITIAL_WINDOW_SIZE, 1000));
  const body = bytesOf(5000, 3);
  call(body);
  await until('as much as is allowed is there', () => peer.body(1).length === 1000);
  peer.send(settings(setting.INITIAL_WINDOW_SIZE, 100));
  // 900 less than nothing.
  peer.send(windowUpdate(1, 900));
  await peer.saw(/settings ack/);
  peer.send(windowUpdate(1, 1));
  await until('one more octet is there', () => peer.body(1).length === 1001);
  call(bytesOf(500, 4));
  await until('a new stream has the new window', () => peer.body(3).length === 100);
  peer.send(settings(setting.INITIAL_WINDOW_SIZE, 10_000));
  await until('all is there', () => peer.ended.size === 2);
  t.strictSame(peer.body(1), body);
});

test('frames are as long as the endpoint allows', async (t) => {
  const lengths: number[] = [];
  const { peer, call } = await open(t);
  const onData = peer.onData.bind(peer);
  peer.onData = (...parameters) => {
    lengths.push(parameters[5]);
    onData(...parameters);
  };
  call(bytesOf(40_000, 5));
  await until('it is there', () => peer.ended.has(1));
  t.ok(Math.max(...lengths) <= 16384);
});

test('a streamed request is held back while its window is closed', async (t) => {
  const { peer, call } = await open(t, settings(setting.INITIAL_WINDOW_SIZE, 1000));
  const heard = call(null);
  const chunk = bytesOf(30_000, 6);
  t.ok(heard.stream.data(chunk));
  t.ok(heard.stream.data(chunk));
  t.notOk(heard.stream.data(chunk), 'enough waits');
  heard.stream.end();
  await until('the window is used up', () => peer.body(1).length === 1000);
  t.equal(heard.drains, 0);
  peer.send(windowUpdate(1, 1_000_000), windowUpdate(0, 1_000_000));
  await until('all is there', () => peer.ended.has(1));
  t.strictSame(peer.body(1), Buffer.concat([chunk, chunk, chunk]));
  t.equal(heard.drains, 1);
});

test('a request that is given up, or whose stream is reset, is not sent on', async (t) => {
  const { peer, call } = await open(t, settings(setting.INITIAL_WINDOW_SIZE, 10));
  const given = call(bytesOf(100, 1));
  const refused = call(bytesOf(100, 2));
  await until('both wait', () => peer.body(1).length === 10 && peer.body(3).length === 10);
  given.stream.reset(errorCode.CANCEL);
  peer.send(reset(3, errorCode.INTERNAL_ERROR), windowUpdate(1, 1000), windowUpdate(3, 1000));
  await until('the second is lost', () => refused.isOver);
  peer.send(answer(5, ''));
  call(Buffer.from('x'));
  await until('the next is there', () => peer.ended.has(5));
  t.equal(peer.body(1).length, 10);
  t.equal(peer.body(3).length, 10);
});

test('windows are opened again when half of them is used, padding included', async (t) => {
  const { peer, call } = await open(t);
  const heard = call();
  await peer.begun(1);
  peer.send(head(1));
  const padded = frame(DATA, PADDED, 1, Buffer.concat([hex('ff'), Buffer.alloc(16383)]));
  for (let i = 0; i < 32; i++) peer.send(padded);
  await peer.saw(/^window 1 /);
  t.match(
    peer.log.find((event) => event.startsWith('window 1 ')),
    String(32 * 16384),
  );
  t.equal(heard.body.length, 32 * (16384 - 256));
});

test('more than a window allows ends the connection', async (t) => {
  const { owner, peer, call } = await open(t);
  const heard = call();
  heard.onPiece = () => heard.stream.pause();
  await peer.begun(1);
  peer.send(head(1));
  for (let i = 0; i < WINDOW / 16384; i++) peer.send(data(1, Buffer.alloc(16384)));
  await until('a piece is there', () => heard.pieces.length > 0);
  t.notOk(owner.isGone);
  peer.send(data(1, 'x'));
  await peer.saw(/goaway 0 FLOW_CONTROL_ERROR/);
  await until('it is lost', () => heard.isOver);
  t.equal(heard.outcome, 'lost null');
});

test('what comes for a call that was given up does not use the connection up', async (t) => {
  const { owner, peer, call } = await open(t);
  const given = call();
  await peer.begun(1);
  given.stream.reset(errorCode.CANCEL);
  const window = (16 << 20) / 16384;
  // As much as the connection allows at first, and more.
  for (let i = 0; i < window + 100; i++) peer.send(data(1, Buffer.alloc(16384)));
  const next = call();
  await peer.begun(2);
  peer.send(answer(3, 'next'));
  await until('the next is answered', () => next.isOver);
  t.notOk(owner.isGone);
});

test('who pauses gets nothing more until it goes on, then all of it in order, and the end; others go on', async (t) => {
  const { peer, call } = await open(t);
  const slow = call();
  const quick = call();
  slow.onPiece = () => slow.stream.pause();
  await peer.begun(2);
  peer.send(head(1), data(1, 'a'), data(1, 'b'), data(1, 'c'), trailers(1), answer(3, 'quick'));
  await until('the quick one is answered', () => quick.isOver);
  t.equal(slow.body.toString(), 'a');
  slow.stream.resume();
  t.equal(slow.body.toString(), 'ab', 'it pauses again');
  slow.stream.resume();
  t.equal(slow.outcome, 'under way', 'the end waits as well');
  slow.stream.resume();
  t.equal(slow.outcome, `abc ${OK}`);
});

test('a paused call that is given up or lost forgets what it holds', async (t) => {
  const { peer, call, session } = await open(t);
  const given = call();
  const lost = call();
  for (const heard of [given, lost]) heard.onPiece = () => heard.stream.pause();
  await peer.begun(2);
  peer.send(head(1), data(1, 'a'), data(1, 'b'), trailers(1), head(3), data(3, 'a'), data(3, 'b'));
  await until('both have begun', () => lost.pieces.length > 0);
  given.stream.reset(errorCode.CANCEL);
  given.stream.resume();
  session.destroy();
  lost.stream.resume();
  t.equal(given.body.toString(), 'a');
  t.equal(lost.outcome, 'lost null');
});

test('memory has an end when nobody reads, and the connection goes on once they do', async (t) => {
  const { peer, call } = await open(t);
  const calls = Array.from({ length: 60 }, () => call());
  for (const heard of calls) heard.onPiece = () => heard.stream.pause();
  await peer.begun(60);
  let window = 65535;
  const credit = new Map<number, number>();
  const sent = new Map<number, number>();
  peer.onWindowUpdate = (stream, increment) => {
    if (stream === 0) window += increment;
    else credit.set(stream, credit.get(stream)! + increment);
    send();
  };
  window += (16 << 20) - 65535;
  const chunk = Buffer.alloc(16384);
  const total = 2 * WINDOW;
  const send = (): void => {
    for (const stream of peer.streams) {
      while (window >= 16384 && credit.get(stream)! >= 16384 && sent.get(stream)! < total) {
        window -= 16384;
        credit.set(stream, credit.get(stream)! - 16384);
        sent.set(stream, sent.get(stream)! + 16384);
        peer.send(data(stream, chunk));
        if (sent.get(stream) === total) peer.send(trailers(stream));
      }
    }
  };
  for (const stream of peer.streams) {
    credit.set(stream, WINDOW);
    sent.set(stream, 0);
    peer.send(head(stream));
  }
  send();
  const sum = (): number => [...sent.values()].reduce((a, b) => a + b, 0);
  let before = -1;
  await until('nothing more is sent', () => before === (before = sum()), 10_000, 200);
  t.ok(sum() <= 49 << 20, `${sum()} octets for 60 windows of a MiB`);
  for (const heard of calls) {
    heard.onPiece = () => {};
    heard.stream.resume();
  }
  await until('all is there', () => calls.every(({ isOver }) => isOver));
  for (const heard of calls) t.equal(heard.body.length, total);
});

test('many streams of any sizes, windows and frames carry the same bytes', async (t) => {
  const stream = fc.record({
    size: fc.oneof(fc.nat(20), fc.nat(5000), fc.nat(200_000)),
    pieces: fc.option(fc.integer({ min: 1, max: 9 })),
    frames: fc.array(fc.integer({ min: 1, max: 16384 }), { minLength: 1, maxLength: 4 }),
    padding: fc.nat(3),
    pauses: fc.boolean(),
  });
  const property = fc.asyncProperty(
    fc.array(stream, { minLength: 1, maxLength: 12 }),
    fc.integer({ min: 0, max: 70_000 }),
    fc.array(fc.integer({ min: 400, max: 40_000 }), { minLength: 1, maxLength: 5 }),
    async (streams, initialWindow, increments) => {
      const { peer, call, session } = await open(t, settings(setting.INITIAL_WINDOW_SIZE, initialWindow));
      // The endpoint opens its windows as it likes, and sends back what it got.
      let turn = 0;
      const onData = peer.onData.bind(peer);
      peer.onData = (...parameters) => {
        onData(...parameters);
        const [id, , , , isEnd, flowLength] = parameters;
        if (flowLength > 0) peer.send(windowUpdate(0, flowLength));
        if (isEnd) echo(id);
        else peer.send(windowUpdate(id, increments[turn++ % increments.length]!));
      };
      const echo = (id: number): void => {
        const { frames, padding } = streams[(id - 1) / 2]!;
        const body = peer.body(id);
        peer.send(head(id));
        for (let at = 0, i = 0; at < body.length; i++) {
          const end = Math.min(body.length, at + Math.min(frames[i % frames.length]!, 16384 - padding - 1));
          const part = body.subarray(at, end);
          const padded = Buffer.concat([Buffer.from([padding]), part, Buffer.alloc(padding)]);
          peer.send(padding === 0 ? data(id, part) : frame(DATA, PADDED, id, padded));
          at = end;
        }
        peer.send(trailers(id));
      };
      const onHead = peer.onHead.bind(peer);
      peer.onHead = (...parameters) => {
        onHead(...parameters);
        peer.send(windowUpdate(parameters[0], increments[turn++ % increments.length]!));
      };
      const calls = streams.map(({ size, pieces, pauses }, i) => {
        const body = bytesOf(size, i);
        const heard = call(pieces === null ? body : null);
        if (pauses) {
          heard.onPiece = () => {
            heard.stream.pause();
            setImmediate(() => heard.stream.resume());
          };
        }
        if (pieces !== null) {
          const length = Math.ceil(size / pieces);
          for (let at = 0; at < size; at += length) heard.stream.data(body.subarray(at, at + length));
          heard.stream.end();
        }
        return { heard, body };
      });
      await until('all are answered', () => calls.every(({ heard }) => heard.isOver), 10_000, 5);
      for (const { heard, body } of calls) {
        if (heard.trailers !== OK || !heard.body.equals(body))
          throw new Error(`other bytes: ${heard.outcome.slice(0, 50)}`);
      }
      session.destroy();
      peer.socket.destroy();
    },
  );
  await fc.assert(property, { seed: 11, numRuns: 60, interruptAfterTimeLimit: 20_000 });
  t.pass('the bytes are the same');
});
