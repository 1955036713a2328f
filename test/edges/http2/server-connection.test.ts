import { Buffer } from 'node:buffer';

import { test } from 'tap';

import {
  ACK,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  errorCode,
  GOAWAY,
  HEADERS,
  PADDED,
  PING,
  PRIORITY,
  SETTINGS,
} from '../../../src/protocol/http2/frames.ts';
import { block, frame, hex, requestFields } from '../../protocol/http2/frame-bytes.ts';
import { clientCases } from '../../protocol/http2/malformed-cases.ts';
import { Http2Client } from '../../support/http2.ts';
import { until } from '../../support/traffic.ts';
import { dataFrame, echo, FrameClient, head, resetFrame, startServer } from './server-fixtures.ts';

test('a call is answered with its head, its body and its trailers, in one write', async (t) => {
  const server = await startServer(t);
  const client = await FrameClient.start(t, server.port);
  await client.settled();
  const { reads } = client;
  client.send(head(1), dataFrame(1, 'hello', true), head(3, true));
  await client.ended(3);
  t.equal(client.reads, reads + 1);
  t.strictSame(client.story(), ['headers 1', 'data 1 5', 'headers 1 end', 'headers 3', 'headers 3 end']);
  const heads = client.frames.filter(({ type }) => type === HEADERS).map((one) => client.decode(one));
  t.strictSame(heads, ['200 content-type: a/b\r\n', '0 x-end: 1\r\n', '200 content-type: a/b\r\n', '0 x-end: 1\r\n']);
  t.strictSame(client.body(1), Buffer.from('hello'));
  t.strictSame(
    server.requests.map(({ closes }) => closes),
    [1, 1],
  );
  t.ok(server.connections[0]?.isIdle);
});

test('the settings of the server, and its acknowledgement of those of the client', async (t) => {
  const server = await startServer(t, echo, { maxStreams: 7, maxHeaderBytes: 5000 });
  const client = await FrameClient.start(t, server.port);
  await client.settled();
  const [first, second, third] = client.frames;
  t.equal(first?.type, SETTINGS);
  t.equal(first?.payload.toString('hex'), '000300000007000400100000000600001388');
  t.match(second, { stream: 0, payload: hex('00ff0001') }, 'a window of 16 MiB');
  t.match(third, { type: SETTINGS, flags: ACK });
});

test('octet by octet, with padding, priorities and CONTINUATION, it is the same', async (t) => {
  const server = await startServer(t);
  const client = await FrameClient.start(t, server.port);
  const fields = block(...requestFields);
  const bytes = Buffer.concat([
    frame(PRIORITY, 0, 5, hex('0000000310')),
    frame(HEADERS, PADDED | 0x20, 1, Buffer.concat([hex('02 80000003 ff'), fields.subarray(0, 9), hex('0000')])),
    frame(CONTINUATION, 0, 1, fields.subarray(9, 20)),
    frame(CONTINUATION, END_HEADERS, 1, fields.subarray(20)),
    frame(DATA, PADDED, 1, Buffer.concat([hex('03'), Buffer.from('he'), hex('000000')])),
    frame(0xaa, 0xff, 1, hex('0102')),
    frame(DATA, 0, 1),
    frame(DATA, PADDED | END_STREAM, 1, Buffer.concat([hex('00'), Buffer.from('llo')])),
  ]);
  for (const byte of bytes) {
    client.send(Buffer.from([byte]));
    if (byte % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await client.ended(1);
  t.strictSame(client.body(1), Buffer.from('hello'));
});

test('trailers of a request end it', async (t) => {
  const server = await startServer(t);
  const client = await FrameClient.start(t, server.port);
  client.send(head(1), dataFrame(1, 'a'), frame(HEADERS, END_HEADERS | END_STREAM, 1, block(['x-a', 'b'])));
  await client.ended(1);
  t.strictSame(client.body(1), Buffer.from('a'));
});

test('what breaks the rules ends the stream or the connection, and nothing else', async (t) => {
  const server = await startServer(t, (request) => {
    if (request.path === '/whole') echo(request);
  });
  for (const { name, bytes, verdict } of clientCases) {
    const client = await FrameClient.start(t, server.port);
    client.send(...bytes);
    const [kind, code] = verdict.split(' ');
    if (kind === 'connection') {
      await client.closed();
      t.match(client.story().at(-1), new RegExp(`^goaway \\d+ ${code}$`), name);
    } else {
      await client.settled();
      const resets = client.story().filter((line) => line.startsWith('reset'));
      if (kind === 'stream') t.match(resets[0], new RegExp(` ${code}$`), name);
      const bad = [...resets, ...client.story()].filter((line) => line.startsWith('goaway'));
      t.strictSame(bad, [], name);
      client.socket.destroy();
    }
  }
  await until('all are gone', () => server.open() === 0);
  t.ok(
    server.requests.every(({ closes }) => closes === 1),
    'each call has heard of its end once',
  );
});

test('no more streams at once than allowed; those beyond are refused, and can be tried again', async (t) => {
  const server = await startServer(t, echo, { maxStreams: 2 });
  const client = await FrameClient.start(t, server.port);
  client.send(head(1), head(3), head(5), dataFrame(5, 'x', true));
  await client.settled();
  t.strictSame(client.story(), ['reset 5 REFUSED_STREAM']);
  client.send(dataFrame(1, '', true), head(7, true));
  await client.ended(7);
  t.equal(server.requests.length, 3);
});

test('an answer before the end of the request resets the rest of that', async (t) => {
  const server = await startServer(t, ({ stream, closes }) => {
    if (closes === 0) stream.head(200, 'grpc-status: 3\r\n', true);
  });
  const client = await FrameClient.start(t, server.port);
  client.send(head(1), dataFrame(1, Buffer.alloc(10_000)), dataFrame(1, 'late', true));
  await client.settled();
  t.strictSame(client.story(), ['headers 1 end', 'reset 1 NO_ERROR']);
  t.equal(server.requests[0]?.closes, 1);
  t.equal(server.requests[0]?.bytes, 0, 'what came late is nobody’s');
});

test('a client that resets a stream, or goes away, ends its calls', async (t) => {
  const server = await startServer(t);
  const client = await FrameClient.start(t, server.port);
  client.send(head(1), head(3), head(5), resetFrame(3, errorCode.CANCEL));
  await client.settled();
  t.strictSame(
    server.requests.map(({ closes }) => closes),
    [0, 1, 0],
  );
  client.socket.end();
  await client.closed();
  await until('the connection is gone', () => server.open() === 0);
  t.strictSame(
    server.requests.map(({ closes }) => closes),
    [1, 1, 1],
  );
  for (const { stream } of server.requests) {
    stream.whole(200, '', Buffer.from('x'), '');
    t.ok(stream.data(Buffer.from('x')));
    stream.end('a: b\r\n');
    stream.reset(errorCode.CANCEL);
  }
});

test('a broken connection ends its calls', async (t) => {
  const server = await startServer(t);
  const client = await FrameClient.start(t, server.port);
  client.send(head(1));
  await client.settled();
  client.socket.resetAndDestroy();
  await until('the connection is gone', () => server.open() === 0);
  t.equal(server.requests[0]?.closes, 1);
});

test('a connection is left in two steps, and no stream that was on its way is lost', async (t) => {
  const server = await startServer(t);
  const client = await FrameClient.start(t, server.port);
  client.send(head(1));
  await client.settled();
  server.watch.drain();
  const pings = () => client.frames.filter(({ type, flags }) => type === PING && flags === 0);
  await client.until('the ping', () => pings().length === 1);
  t.strictSame(client.story(), ['goaway 2147483647 NO_ERROR']);
  client.send(head(3, true), frame(PING, ACK, 0, pings()[0]?.payload));
  await client.until('both', () => client.story().filter((line) => line.startsWith('goaway')).length === 2);
  t.match(client.story(), ['goaway 2147483647 NO_ERROR', 'headers 3', 'headers 3 end', 'goaway 3 NO_ERROR']);
  client.send(head(5, true), dataFrame(1, 'x', true));
  await client.closed();
  t.strictSame(client.story().slice(4), ['reset 5 REFUSED_STREAM', 'headers 1', 'data 1 1', 'headers 1 end']);
});

test('a client that has said nothing yet is closed at once', async (t) => {
  const server = await startServer(t);
  const client = await FrameClient.start(t, server.port, null);
  await client.until('the settings', () => client.frames.length > 0);
  server.watch.drain();
  await client.closed();
  t.strictSame(client.story(), []);
});

test('a client that does not answer the ping is left all the same', async (t) => {
  const server = await startServer(t, echo, { prefaceMs: 100 });
  const client = await FrameClient.start(t, server.port);
  await client.settled();
  server.watch.drain();
  await client.closed();
  t.strictSame(client.story(), ['goaway 2147483647 NO_ERROR', 'goaway 0 NO_ERROR']);
});

test('a client that says goodbye is served to the end, and then closed', async (t) => {
  const server = await startServer(t);
  const client = await FrameClient.start(t, server.port);
  client.send(head(1), frame(GOAWAY, 0, 0, hex('00000000 00000000')), dataFrame(1, 'x', true));
  await client.closed();
  t.strictSame(client.story(), ['headers 1', 'data 1 1', 'headers 1 end']);
});

test('a connection that never speaks, is silent for too long, or too old', async (t) => {
  const silent = await startServer(t, echo, { prefaceMs: 60 });
  await (await FrameClient.start(t, silent.port, null)).closed();
  const half = await FrameClient.start(t, silent.port, null);
  half.send(Buffer.from('PRI * HTTP/2.0\r\n'));
  await half.closed();
  const asking = await startServer(t, echo, { pingMs: 40 });
  const asked = await FrameClient.start(t, asking.port);
  await asked.until('a ping', () => asked.frames.some(({ type, flags }) => type === PING && flags === 0));
  const aging = await startServer(t, echo, { maxAgeMs: 60 });
  const old = new Http2Client(aging.url);
  await old.closed;
  t.ok(old.goaways >= 1);
  const idling = await startServer(t, echo, { idleMs: 60 });
  const idle = new Http2Client(idling.url);
  await idle.closed;
});

test('a client that does not acknowledge our settings in time is left', async (t) => {
  const server = await startServer(t);
  const well = await FrameClient.start(t, server.port);
  well.send(frame(SETTINGS, ACK, 0));
  await well.settled();
  const client = await FrameClient.start(t, server.port);
  client.send(head(1));
  await client.settled();
  for (const connection of server.connections) connection.look(19_000);
  await client.settled();
  for (const connection of server.connections) connection.look(2000);
  await client.closed();
  t.strictSame(client.story(), ['goaway 1 SETTINGS_TIMEOUT']);
  t.equal(server.requests[0]?.closes, 1);
  await well.settled();
  t.strictSame(well.story(), []);
});

test('all connections are closed at once when told so', async (t) => {
  const server = await startServer(t);
  const client = await FrameClient.start(t, server.port);
  client.send(head(1));
  await client.settled();
  server.watch.destroyAll();
  await client.closed();
  await until('it is gone', () => server.open() === 0);
  t.equal(server.requests[0]?.closes, 1);
});

test('what a listener throws is told, and closes the connection', async (t) => {
  const thrown: string[] = [];
  const broken = (): void => {
    throw new Error('oops');
  };
  const server = await startServer(t, broken, {}, (error) => thrown.push(String(error)));
  const client = await FrameClient.start(t, server.port);
  client.send(head(1));
  await client.closed();
  t.strictSame(thrown, ['Error: oops']);
});
