import { test } from 'tap';

import { answer, inTurn, setUp } from './upstream-fixtures.ts';

interface Case {
  readonly name: string;
  readonly bytes: string;
  readonly outcome: string;
  readonly method?: string;
  /** The server closes the connection after the bytes. */
  readonly closes?: boolean;
  /** Whether the connection carries the next request too; default: as long as the server does not close it. */
  readonly keeps?: boolean;
}

const BAD = 'UPSTREAM_BAD_RESPONSE sent';
const RESET = 'UPSTREAM_RESET sent';
const CHUNKED = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';

const cases: readonly Case[] = [
  { name: 'a body with a length', bytes: answer('hi'), outcome: '200 hi' },
  { name: 'an empty body', bytes: answer(''), outcome: '200 ' },
  { name: 'no reason phrase', bytes: 'HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nhi', outcome: '200 hi' },
  { name: 'status 999', bytes: 'HTTP/1.1 999 x\r\ncontent-length: 0\r\n\r\n', outcome: '999 ' },
  { name: 'chunks', bytes: `${CHUNKED}1\r\nh\r\n01\r\ni\r\n0\r\n\r\n`, outcome: '200 hi' },
  {
    name: 'chunk extensions and trailers',
    bytes: `${CHUNKED}2;a="b;c"\r\nhi\r\n0;d\r\nx: y\r\n\r\n`,
    outcome: '200 hi',
  },
  {
    name: 'a body up to the end of the connection',
    bytes: 'HTTP/1.1 200 OK\r\n\r\nhi',
    closes: true,
    outcome: '200 hi',
  },
  { name: 'an empty one', bytes: 'HTTP/1.1 200 OK\r\n\r\n', closes: true, outcome: '200 ' },
  { name: 'connection: close', bytes: answer('hi', 'connection: close\r\n'), outcome: '200 hi', keeps: false },
  { name: 'close in a list', bytes: answer('hi', 'Connection: x, Close\r\n'), outcome: '200 hi', keeps: false },
  { name: 'HTTP/1.0', bytes: answer('hi').replace('1.1', '1.0'), outcome: '200 hi', keeps: false },
  {
    name: 'HTTP/1.0 with keep-alive',
    bytes: answer('hi', 'connection: keep-alive\r\n').replace('1.1', '1.0'),
    outcome: '200 hi',
  },
  {
    name: 'Keep-Alive for too short a time',
    bytes: answer('hi', 'connection: keep-alive\r\nkeep-alive: timeout=1\r\n'),
    outcome: '200 hi',
    keeps: false,
  },
  { name: 'HEAD with a length', method: 'HEAD', bytes: answer('hi').slice(0, -2), outcome: '200 ' },
  { name: 'HEAD with chunks', method: 'HEAD', bytes: CHUNKED, outcome: '200 ' },
  { name: 'HEAD with a body', method: 'HEAD', bytes: answer('hi'), outcome: '200 ', keeps: false },
  { name: '204', bytes: 'HTTP/1.1 204 No Content\r\n\r\n', outcome: '204 ' },
  { name: '304 with a length', bytes: 'HTTP/1.1 304 x\r\ncontent-length: 9\r\n\r\n', outcome: '304 ', keeps: false },
  { name: '204 with chunks', bytes: CHUNKED.replace('200', '204'), outcome: '204 ', keeps: false },
  {
    name: 'interim answers before the final one',
    bytes: `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nlink: y\r\n\r\n${answer('hi')}`,
    outcome: '200 hi',
  },
  // What comes after the end is not passed on, and the connection not used again.
  { name: 'bytes after the end', bytes: `${answer('hi')}x`, outcome: '200 hi', keeps: false },
  { name: 'a second answer', bytes: answer('hi') + answer('poison'), outcome: '200 hi', keeps: false },
  { name: 'bytes after the last chunk', bytes: `${CHUNKED}0\r\n\r\n\r\n`, outcome: '200 ', keeps: false },
  // What is no answer.
  { name: 'status 101', bytes: 'HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n', outcome: BAD },
  { name: 'an interim answer that closes', bytes: `HTTP/1.0 102 x\r\n\r\n${answer('hi')}`, outcome: BAD },
  { name: 'another protocol', bytes: 'SSH-2.0-x\r\n', outcome: BAD },
  { name: 'HTTP/2', bytes: answer('').replace('1.1', '2.0'), outcome: BAD },
  { name: 'HTTP/1.2', bytes: answer('').replace('1.1', '1.2'), outcome: BAD },
  { name: 'a status of two digits', bytes: answer('').replace('200', '20 '), outcome: BAD },
  { name: 'a status of four digits', bytes: answer('').replace('200', '2000'), outcome: BAD },
  { name: 'status 099', bytes: answer('').replace('200', '099'), outcome: BAD },
  { name: 'bare LF', bytes: answer('hi').replaceAll('\r\n', '\n'), outcome: BAD },
  { name: 'a bare LF in the head', bytes: answer('hi', 'x: y\n'), outcome: BAD },
  { name: 'a bare CR in a value', bytes: answer('hi', 'x: y\rz\r\n'), outcome: BAD },
  { name: 'a folded line', bytes: answer('hi', 'x: y\r\n z\r\n'), outcome: BAD },
  { name: 'a control character', bytes: answer('hi', 'x: y\u0001\r\n'), outcome: BAD },
  { name: 'a line without a colon', bytes: answer('hi', 'xyz\r\n'), outcome: BAD },
  { name: 'a blank before the colon', bytes: answer('hi', 'x : y\r\n'), outcome: BAD },
  { name: 'no name', bytes: answer('hi', ': y\r\n'), outcome: BAD },
  { name: 'two lengths', bytes: answer('hi', 'content-length: 3\r\n'), outcome: BAD },
  { name: 'the same length twice', bytes: answer('hi', 'Content-Length: 2\r\n'), outcome: BAD },
  { name: 'a list of lengths', bytes: 'HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nhi', outcome: BAD },
  { name: 'a signed length', bytes: 'HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nhi', outcome: BAD },
  { name: 'an empty length', bytes: 'HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nhi', outcome: BAD },
  { name: 'an endless length', bytes: `HTTP/1.1 200 OK\r\ncontent-length: ${'9'.repeat(30)}\r\n\r\n`, outcome: BAD },
  { name: 'a length and chunks', bytes: CHUNKED.replace('\r\n\r\n', '\r\ncontent-length: 5\r\n\r\n'), outcome: BAD },
  { name: 'another coding', bytes: CHUNKED.replace('chunked', 'gzip, chunked'), outcome: BAD },
  { name: 'chunked twice', bytes: CHUNKED.replace('\r\n\r\n', '\r\ntransfer-encoding: chunked\r\n\r\n'), outcome: BAD },
  { name: 'chunks in HTTP/1.0', bytes: CHUNKED.replace('1.1', '1.0'), outcome: BAD },
  { name: 'a too large head', bytes: answer('', `x: ${'y'.repeat(17_000)}\r\n`), outcome: BAD },
  { name: 'a too large body', bytes: 'HTTP/1.1 200 OK\r\ncontent-length: 1000001\r\n\r\n', outcome: BAD },
  { name: 'a chunk size that is no number', bytes: `${CHUNKED}0x2\r\nhi\r\n0\r\n\r\n`, outcome: BAD },
  { name: 'a chunk longer than its size', bytes: `${CHUNKED}1\r\nhi\r\n0\r\n\r\n`, outcome: BAD },
  { name: 'a too large chunk size', bytes: `${CHUNKED}${'f'.repeat(16)}\r\n`, outcome: BAD },
  { name: 'a trailer that frames', bytes: `${CHUNKED}0\r\nContent-Length: 3\r\n\r\n`, outcome: BAD },
  { name: 'a bad trailer', bytes: `${CHUNKED}0\r\nx y: z\r\n\r\n`, outcome: BAD },
  { name: 'endless trailers', bytes: `${CHUNKED}0\r\nx: ${'y'.repeat(17_000)}`, outcome: BAD },
  // What breaks off.
  { name: 'no answer', bytes: '', closes: true, outcome: RESET },
  { name: 'a head that breaks off', bytes: 'HTTP/1.1 200 OK\r\nx: y', closes: true, outcome: RESET },
  { name: 'a body that breaks off', bytes: answer('hi').slice(0, -1), closes: true, outcome: RESET },
  { name: 'chunks that break off', bytes: `${CHUNKED}2\r\nhi\r\n`, closes: true, outcome: RESET },
  { name: 'chunks that break off before the last CRLF', bytes: `${CHUNKED}0\r\n`, closes: true, outcome: RESET },
  { name: 'nothing after an interim answer', bytes: 'HTTP/1.1 103 x\r\n\r\n', closes: true, outcome: RESET },
];

for (const {
  name,
  bytes,
  outcome,
  method = 'POST',
  closes = false,
  keeps = !closes && !outcome.startsWith('UP'),
} of cases) {
  test(`an answer with ${name}: ${outcome}`, async (t) => {
    const { server, send } = await setUp(
      t,
      inTurn(({ socket }) => {
        socket.write(bytes, 'latin1');
        if (closes) socket.end();
      }, answer('next')),
    );
    t.equal(await send({ method }).outcome, outcome);
    t.equal(await send().outcome, '200 next');
    t.equal(server.connections.length, keeps ? 1 : 2);
    if (!keeps) await server.connections[0]!.closed;
  });
}

for (const { name, bytes, outcome, method = 'POST', closes = false } of cases.filter(
  ({ bytes }) => bytes.length < 500,
)) {
  test(`octet by octet, an answer with ${name}: ${outcome}`, async (t) => {
    const { send } = await setUp(
      t,
      inTurn(({ socket }) => {
        socket.setNoDelay(true);
        void (async () => {
          for (const octet of Buffer.from(bytes, 'latin1')) {
            if (socket.destroyed) return;
            socket.write(Buffer.of(octet));
            await new Promise((resolve) => setImmediate(resolve));
          }
          if (closes || outcome === BAD) socket.end();
        })();
      }),
    );
    const result = await send({ method }).outcome;
    // What is bad may be told only at the end of its line, or else breaks off before.
    t.ok(result === outcome || (outcome === BAD && result === RESET), result);
  });
}

test('an answer whose head comes before its body goes on as a whole', async (t) => {
  const { send, server } = await setUp(t, ({ socket }) => void socket.write(answer('hello').slice(0, -5)));
  const { noting, outcome } = send();
  await new Promise((resolve) => setImmediate(resolve));
  while (server.connections.length === 0 || server.connections[0]!.received().length === 0)
    await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  server.connections[0]!.socket.write('hello');
  t.equal(await outcome, '200 hello');
  t.ok(noting.isWhole);
});

test('an answer in chunks that came as a whole gets its length', async (t) => {
  const { send } = await setUp(t, inTurn(`${CHUNKED}2\r\nhi\r\n3\r\n!!!\r\n0\r\n\r\n`));
  const { noting, outcome } = send();
  t.equal(await outcome, '200 hi!!!');
  t.strictSame(noting.head, { status: 200, headers: 'content-length: 5\r\n', length: 5 });
});

test('status 204 goes on without a length', async (t) => {
  const { send } = await setUp(t, inTurn('HTTP/1.1 204 x\r\nx: y\r\ncontent-length: 3\r\n\r\n'));
  const { noting, outcome } = send();
  t.equal(await outcome, '204 ');
  t.strictSame(noting.head, { status: 204, headers: 'x: y\r\n', length: 0 });
});
