import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';

import { test } from 'tap';

import type { RawConnection } from '../../support/raw-server.ts';
import { until } from '../../support/traffic.ts';
import { answer, inTurn, setUp } from './upstream-fixtures.ts';

const MIB = 1024 * 1024;

function bytesOf(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 9)) & 0xff));
}

function chunked(body: Buffer, size: number): Buffer {
  const parts: Buffer[] = [Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')];
  for (let at = 0; at < body.length; at += size) {
    const piece = body.subarray(at, at + size);
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

const large = bytesOf(5 * MIB);
const heads = 'HTTP/1.1 200 OK\r\n';
const framings: ReadonlyArray<readonly [string, Buffer, boolean]> = [
  ['of known length', Buffer.concat([Buffer.from(`${heads}content-length: ${large.length}\r\n\r\n`), large]), false],
  ['in large chunks', chunked(large, 200_000), false],
  ['in small chunks', chunked(large, 100), false],
  ['that ends with its connection', Buffer.concat([Buffer.from(`${heads}\r\n`), large]), true],
];

for (const [name, bytes, closes] of framings) {
  test(`a large answer ${name} arrives as it is, and its pieces may be kept`, async (t) => {
    const { server, send } = await setUp(
      t,
      inTurn(({ socket }) => void (closes ? socket.end(bytes) : socket.write(bytes)), answer('next')),
      { maxAnswerBytes: 10 * MIB },
    );
    const { noting, outcome } = send();
    await outcome;
    t.equal(noting.error, '');
    t.equal(hashOf(noting.body), hashOf(large));
    t.ok(noting.pieces > 10, `${noting.pieces} pieces`);
    t.equal(await send().outcome, '200 next');
    t.equal(server.connections.length, closes ? 2 : 1);
  });

  test(`a receiver that pauses at each piece gets a large answer ${name} all the same`, async (t) => {
    const { send } = await setUp(t, ({ socket }) => void (closes ? socket.end(bytes) : socket.write(bytes)), {
      maxAnswerBytes: 10 * MIB,
    });
    let count = 0;
    const sent = send({}, () => {
      // Some resume later, some at once, which is before the pause itself.
      if (count++ % 3 === 0) sent.call.resume();
      else setImmediate(() => sent.call.resume());
      return false;
    });
    await sent.outcome;
    t.equal(sent.noting.error, '');
    t.equal(hashOf(sent.noting.body), hashOf(large));
  });

  test(`a large answer ${name} is refused when it is larger than allowed`, async (t) => {
    const { send } = await setUp(t, ({ socket }) => void socket.end(bytes), { maxAnswerBytes: 3 * MIB });
    t.equal(await send().outcome, 'UPSTREAM_BAD_RESPONSE sent');
  });
}

test('while the receiver pauses, no more is read than one piece, and the endpoint has to wait', async (t) => {
  const length = 64 * MIB;
  const piece = Buffer.alloc(MIB);
  const pump = (socket: Socket): void => {
    // oxlint-disable-next-line no-empty -- it is the write that counts.
    while (socket.bytesWritten + socket.writableLength < length && socket.write(piece)) {}
  };
  const { server, send } = await setUp(
    t,
    ({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n`);
      socket.on('drain', () => pump(socket));
      pump(socket);
    },
    { maxAnswerBytes: length },
  );
  const { noting, call } = send({}, () => false);
  await until('a piece has come', () => noting.pieces > 0);
  const { socket } = server.connections[0]!;
  let written = -1;
  await until('nothing moves any more', () => {
    const before = written;
    written = socket.bytesWritten - socket.writableLength;
    return before === written;
  });
  t.equal(noting.pieces, 1);
  t.ok(noting.body.length <= 128 * 1024);
  t.ok(socket.writableLength > 0, 'the kernel takes no more');
  call.resume();
  await until('the next has come', () => noting.pieces === 2);
  call.abort();
  await server.connections[0]!.closed;
  t.equal(noting.pieces, 2);
});

test('an answer that comes while the request is still written is passed on, and the connection closed', async (t) => {
  const { server, send } = await setUp(
    t,
    inTurn(({ socket }) => {
      socket.pause();
      socket.write(answer('too large'));
    }, answer('next')),
  );
  t.equal(await send({ body: Buffer.alloc(40 * MIB) }).outcome, '200 too large');
  t.equal(await send().outcome, '200 next');
  t.equal(server.connections.length, 2);
  server.connections[0]!.socket.destroy();
});

test('a stream of small chunks goes on piece by piece as it comes', async (t) => {
  let socket: Socket | null = null;
  const { send, server } = await setUp(t, (connection: RawConnection) => {
    ({ socket } = connection);
    socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n');
  });
  const { noting, outcome } = send();
  await until('the head is there', () => noting.head !== null);
  t.strictSame(noting.head, { status: 200, headers: 'content-type: text/event-stream\r\n', length: -1 });
  for (let i = 1; i <= 3; i++) {
    socket!.write(`5\r\ndata${i}\r\n`);
    await until('the event is there', () => noting.pieces === i);
  }
  socket!.write('0\r\n\r\n');
  t.equal(await outcome, '200 data1data2data3');
  t.equal(await Promise.race([server.connections[0]!.closed, Promise.resolve('open')]), 'open');
});

test('many calls at once through few connections all get their own answers', async (t) => {
  const { server, send } = await setUp(
    t,
    ({ socket, received }) => {
      const path = /.*POST \/(\d+) /s.exec(received().toString('latin1'))![1]!;
      const body = path.repeat(Number(path) % 7 === 0 ? 3000 : 1);
      setImmediate(() => socket.write(Number(path) % 2 === 0 ? answer(body) : chunked(Buffer.from(body), 7)));
    },
    { connections: 5 },
  );
  const calls = Array.from({ length: 300 }, (_, i) => send({ path: `/${i}`, body: Buffer.from('x') }));
  const outcomes = await Promise.all(calls.map(({ outcome }) => outcome));
  t.strictSame(
    outcomes.map((outcome) => outcome.slice(0, 8)),
    calls.map((_, i) => `200 ${String(i).repeat(i % 7 === 0 ? 3000 : 1)}`.slice(0, 8)),
  );
  t.equal(server.connections.length, 5);
});
