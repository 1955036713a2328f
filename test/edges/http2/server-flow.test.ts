import { Buffer } from 'node:buffer';
import { once } from 'node:events';

import fc from 'fast-check';
import { test } from 'tap';

import { ACK, errorCode, FRAME_BYTES_MIN, PING, setting, SETTINGS } from '../../../src/protocol/http2/frames.ts';
import { WINDOW_MAX } from '../../../src/protocol/http2/flow.ts';
import { frame } from '../../protocol/http2/frame-bytes.ts';
import { answerOf, Http2Client } from '../../support/http2.ts';
import { until } from '../../support/traffic.ts';
import {
  dataFrame,
  echo,
  FrameClient,
  head,
  type OnRequest,
  resetFrame,
  settingsFrame,
  startServer,
  windowFrame,
} from './server-fixtures.ts';

const WINDOW_BYTES = 1 << 20;

/** Answers with as many octets as the path says. */
const answerLong: OnRequest = ({ stream, path }) =>
  stream.whole(200, '', pattern(Number(path.slice(1))), 'x-end: 1\r\n');

function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31) >> 3;
  return bytes;
}

test('an answer waits for the window of its stream, however small it is', async (t) => {
  const server = await startServer(t, answerLong);
  const client = await FrameClient.start(t, server.port, [setting.INITIAL_WINDOW_SIZE, 0]);
  client.send(head(1, true, '/10'));
  await client.settled();
  t.strictSame(client.story(), ['headers 1']);
  client.send(windowFrame(1, 1), windowFrame(1, 2));
  await client.settled();
  t.strictSame(client.story(), ['headers 1', 'data 1 1', 'data 1 2']);
  client.send(windowFrame(1, 100));
  await client.ended(1);
  t.strictSame(client.story().slice(3), ['data 1 7', 'headers 1 end']);
  t.strictSame(client.body(1), pattern(10));
});

test('an answer without data needs no window', async (t) => {
  const server = await startServer(t, answerLong);
  const client = await FrameClient.start(t, server.port, [setting.INITIAL_WINDOW_SIZE, 0]);
  client.send(head(1, true, '/0'));
  await client.ended(1);
  t.strictSame(client.story(), ['headers 1', 'headers 1 end']);
});

test('an answer without trailers ends with its last data, or with a frame of its own', async (t) => {
  const server = await startServer(t, ({ stream, path }) => {
    if (path === '/pieces') {
      stream.head(200, '', false);
      stream.data(Buffer.from('a'));
      stream.data(Buffer.alloc(0));
      stream.end('');
    } else stream.whole(200, '', Buffer.from('a'), '');
  });
  const client = await FrameClient.start(t, server.port, [setting.INITIAL_WINDOW_SIZE, 1]);
  client.send(head(1, true, '/pieces'), head(3, true));
  await client.ended(3);
  t.strictSame(client.story(), ['headers 1', 'data 1 1', 'data 1 0 end', 'headers 3', 'data 3 1 end']);
});

test('a change of the settings changes all windows, which may become less than nothing', async (t) => {
  const server = await startServer(t, answerLong);
  const client = await FrameClient.start(t, server.port, [setting.INITIAL_WINDOW_SIZE, 100]);
  client.send(head(1, true, '/300'), head(3, true, '/300'));
  await client.settled();
  client.send(settingsFrame(setting.INITIAL_WINDOW_SIZE, 40), windowFrame(1, 60));
  await client.settled();
  t.equal(client.bodyLength(1), 100, 'it is at 0 now');
  t.equal(client.bodyLength(3), 100, 'it is at -60 now');
  client.send(windowFrame(1, 5), windowFrame(3, 65));
  await client.settled();
  t.equal(client.bodyLength(1), 105);
  t.equal(client.bodyLength(3), 105);
  client.send(settingsFrame(setting.INITIAL_WINDOW_SIZE, 1000));
  await client.ended(3);
  t.strictSame(client.body(1), pattern(300));
  t.strictSame(client.body(3), pattern(300));
});

test('streams share the window of the connection, a frame each in turn', async (t) => {
  const server = await startServer(t, answerLong);
  const client = await FrameClient.start(t, server.port, [setting.INITIAL_WINDOW_SIZE, 1 << 20]);
  const streams = [1, 3, 5, 7];
  client.send(...streams.map((id) => head(id, true, '/200000')));
  await client.settled();
  const sum = () => streams.reduce((total, id) => total + client.bodyLength(id), 0);
  t.equal(sum(), 65_535);
  const before = streams.map((id) => client.bodyLength(id));
  for (let i = 0; i < 8; i++) client.send(windowFrame(0, 2 * FRAME_BYTES_MIN));
  await client.settled();
  const gained = streams.map((id, i) => client.bodyLength(id) - before[i]!);
  t.ok(Math.max(...gained) - Math.min(...gained) <= 2 * FRAME_BYTES_MIN, gained.join(' '));
  client.send(windowFrame(0, 1 << 20));
  for (const id of streams) await client.ended(id);
  for (const id of streams) t.strictSame(client.body(id), pattern(200_000));
});

test('frames are as large as the client takes them, but not much larger than needed', async (t) => {
  const server = await startServer(t, answerLong);
  const client = await FrameClient.start(t, server.port, [setting.MAX_FRAME_SIZE, 1 << 20]);
  client.send(head(1, true, '/40000'));
  await client.ended(1);
  t.strictSame(client.story().slice(1), ['data 1 16384', 'data 1 16384', 'data 1 7232', 'headers 1 end']);
});

test('a window that becomes too large is an error, of its stream or of the connection', async (t) => {
  const server = await startServer(t, () => {});
  const client = await FrameClient.start(t, server.port);
  client.send(head(1), head(3), windowFrame(1, WINDOW_MAX));
  await client.settled();
  t.strictSame(client.story(), ['reset 1 FLOW_CONTROL_ERROR']);
  client.send(windowFrame(3, 1_000_000), settingsFrame(setting.INITIAL_WINDOW_SIZE, WINDOW_MAX));
  await client.closed();
  t.equal(client.story().at(-1), 'goaway 3 FLOW_CONTROL_ERROR');
  const other = await FrameClient.start(t, server.port);
  other.send(windowFrame(0, WINDOW_MAX));
  await other.closed();
  t.equal(other.story().at(-1), 'goaway 0 FLOW_CONTROL_ERROR');
});

test('a client gets new windows as its data are taken, and none for a stream that is paused', async (t) => {
  const server = await startServer(t, ({ stream, path, bytes }) => {
    if (path === '/paused' && bytes === 0) stream.pause();
  });
  const client = await FrameClient.start(t, server.port);
  client.send(head(1, false, '/paused'), head(3));
  const piece = dataFrame(1, Buffer.alloc(FRAME_BYTES_MIN));
  for (let sent = 0; sent < WINDOW_BYTES; sent += FRAME_BYTES_MIN) client.send(piece);
  for (let sent = 0; sent < WINDOW_BYTES; sent += FRAME_BYTES_MIN)
    client.send(dataFrame(3, Buffer.alloc(FRAME_BYTES_MIN)));
  await client.settled();
  t.equal(server.requests[0]?.bytes, WINDOW_BYTES, 'what was allowed is taken');
  t.strictSame(client.story(), [`window 3 ${WINDOW_BYTES / 2}`, `window 3 ${WINDOW_BYTES / 2}`]);
  server.requests[0]?.stream.resume();
  await client.settled();
  t.equal(client.story().at(-1), `window 1 ${WINDOW_BYTES}`);
});

test('streams that are paused do not close the window of the connection, until they are very many', async (t) => {
  const server = await startServer(t, ({ stream, bytes }) => bytes === 0 && stream.pause());
  const client = await FrameClient.start(t, server.port);
  const allowed = () =>
    client.frames
      .filter(({ type, stream }) => type === 8 && stream === 0)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 65_535);
  await client.settled();
  t.equal(allowed(), 16 << 20);
  const pieces = Array.from({ length: 64 }, () => FRAME_BYTES_MIN);
  let sent = 0;
  for (let id = 1; sent + WINDOW_BYTES <= allowed(); id += 2) {
    client.send(head(id), ...pieces.map((length) => dataFrame(id, Buffer.alloc(length))));
    sent += WINDOW_BYTES;
    await client.settled();
  }
  t.ok(sent >= 32 << 20, `${sent}`);
  t.ok(sent <= 64 << 20, `${sent}`);
  for (const { stream } of server.requests) stream.reset(errorCode.CANCEL);
  await client.until('the window is open again', () => allowed() >= sent + (8 << 20));
});

test('more data than a window allows are an error, of their stream or of the connection', async (t) => {
  const server = await startServer(t, ({ stream, bytes }) => bytes === 0 && stream.pause());
  const client = await FrameClient.start(t, server.port);
  client.send(head(1));
  for (let sent = 0; sent < WINDOW_BYTES; sent += FRAME_BYTES_MIN)
    client.send(dataFrame(1, Buffer.alloc(FRAME_BYTES_MIN)));
  await client.settled();
  t.strictSame(client.story(), []);
  client.send(dataFrame(1, 'x'));
  await client.settled();
  t.strictSame(client.story(), ['reset 1 FLOW_CONTROL_ERROR']);
  t.equal(server.requests[0]?.closes, 1);
});

test('a stream that is not read holds up nobody but itself, and little of it is kept', async (t) => {
  let given = 0;
  const server = await startServer(t, (request) => {
    const { stream, path } = request;
    if (path !== '/endless') return echo(request);
    if (given === 0) stream.head(200, '', false);
    while (stream.data(Buffer.alloc(10_000))) given += 10_000;
  });
  const client = await FrameClient.start(t, server.port, [setting.INITIAL_WINDOW_SIZE, 50_000]);
  client.send(windowFrame(0, 1 << 20), head(1, true, '/endless'));
  await client.settled();
  t.equal(client.bodyLength(1), 50_000);
  t.ok(given < 150_000, `${given}`);
  for (let id = 3; id < 43; id += 2) client.send(head(id), dataFrame(id, pattern(20_000).subarray(0, 16_000), true));
  await client.ended(41);
  t.equal(client.bodyLength(1), 50_000);
  client.send(windowFrame(1, 30_000));
  await client.settled();
  t.equal(client.bodyLength(1), 80_000, 'and goes on when it is');
  client.send(resetFrame(1, errorCode.CANCEL));
  await client.settled();
  t.equal(server.requests[0]?.closes, 1);
});

test('a client that reads nothing makes the answers stop, and is not listened to any more', async (t) => {
  const chunk = Buffer.alloc(16_384);
  let given = 0;
  const server = await startServer(t, ({ stream, closes }) => {
    if (closes > 0) return;
    stream.head(200, '', false);
    while (given < 1 << 30 && stream.data(chunk)) given += chunk.length;
  });
  const client = await FrameClient.start(t, server.port, [setting.INITIAL_WINDOW_SIZE, WINDOW_MAX]);
  client.send(windowFrame(0, WINDOW_MAX - 65_535));
  await client.settled();
  client.socket.pause();
  client.send(head(1, true));
  let before = -1;
  await until('the answer has stopped', () => {
    const hasStopped = given > 0 && given === before;
    before = given;
    return hasStopped;
  });
  t.ok(given < 64 << 20, `${given}`);
  const pings = Buffer.concat(Array.from({ length: 1500 }, () => frame(PING, 0, 0, Buffer.alloc(8))));
  const connection = server.connections[0]!;
  client.send(pings);
  await until('pings have come', () => connection.output.waitingBytes > 1000);
  t.ok(connection.output.waitingBytes < 1 << 20, `${connection.output.waitingBytes}`);
  client.socket.resume();
  await client.until('it is all there', () => client.bodyLength(1) >= given);
});

test('answers that nobody reads end the listening, not the memory', async (t) => {
  const long = `x-a: ${'a'.repeat(8000)}\r\n`;
  const server = await startServer(t, ({ stream }) => stream.head(200, long, true));
  const client = await FrameClient.start(t, server.port);
  await client.settled();
  client.socket.pause();
  const heads: Buffer[] = [];
  for (let id = 1; id < 40_000; id += 2) heads.push(head(id, true));
  client.send(...heads);
  const connection = server.connections[0]!;
  await until('it is choked', () => connection.output.isChoked);
  const count = server.requests.length;
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  t.ok(server.requests.length - count < 2000, 'no more are taken');
  t.ok(connection.output.waitingBytes < 16 << 20, `${connection.output.waitingBytes}`);
  client.socket.resume();
  await client.ended(39_999);
  t.equal(server.requests.length, 20_000);
});

test('an answer that is complete but not read is given up in the end', async (t) => {
  const server = await startServer(t, answerLong);
  const client = await FrameClient.start(t, server.port, [setting.INITIAL_WINDOW_SIZE, 0]);
  client.send(frame(SETTINGS, ACK, 0), head(1, true, '/10'));
  await client.settled();
  const connection = server.connections[0]!;
  for (let passed = 0; passed <= 120_000; passed += 10_000) connection.look(10_000);
  await client.ended(1);
  t.strictSame(client.story(), ['headers 1', 'reset 1 CANCEL']);
});

test('a client of node:http2 gets what it asks for on many streams at once', async (t) => {
  const server = await startServer(t);
  const client = new Http2Client(server.url, { settings: { initialWindowSize: 20_000 } });
  t.teardown(() => client.close());
  const bodies = Array.from({ length: 60 }, (_, i) => pattern(i * 7919));
  const answers = bodies.map(async (body) => {
    const stream = client.begin('/');
    const answer = answerOf(stream);
    for (let at = 0; at < body.length; at += 30_000)
      if (!stream.write(body.subarray(at, at + 30_000))) await once(stream, 'drain');
    stream.end();
    return answer;
  });
  for (const [i, { status, body, trailers, code }] of (await Promise.all(answers)).entries()) {
    t.equal(status, 200);
    t.equal(trailers?.['x-end'], '1');
    t.equal(code, 0);
    t.ok(body.equals(bodies[i]!), `${bodies[i]!.length}`);
  }
});

test('whatever the windows, the sizes and the order are, the bytes are the same', async (t) => {
  const server = await startServer(t, ({ stream, path }) => {
    const [, length = '0', piece = '0'] = path.split('/');
    const body = pattern(Number(length));
    if (piece === '0') return stream.whole(200, '', body, 'x-end: 1\r\n');
    stream.head(200, '', false);
    for (let at = 0; at < body.length; at += Number(piece)) stream.data(body.subarray(at, at + Number(piece)));
    stream.end('');
  });
  const streams = fc.array(fc.record({ length: fc.nat(60_000), piece: fc.constantFrom(0, 1000, 17_000) }), {
    minLength: 1,
    maxLength: 8,
  });
  const updates = fc.array(fc.record({ at: fc.nat(8), by: fc.integer({ min: 1, max: 40_000 }) }), { maxLength: 40 });
  const sizes = fc.array(fc.nat(30_000), { maxLength: 4 });
  const property = fc.asyncProperty(streams, updates, sizes, fc.nat(70_000), async (asked, opened, initial, first) => {
    const client = await FrameClient.start(t, server.port, [setting.INITIAL_WINDOW_SIZE, first]);
    const ids = asked.map((_, i) => 2 * i + 1);
    client.send(...asked.map(({ length, piece }, i) => head(ids[i]!, true, `/${length}/${piece}`)));
    for (const [i, { at, by }] of opened.entries()) {
      const id = at === 0 ? 0 : ids[(at - 1) % ids.length]!;
      client.send(windowFrame(id, by));
      const size = initial[i % (initial.length + 1)];
      if (size !== undefined && i % 5 === 0) client.send(settingsFrame(setting.INITIAL_WINDOW_SIZE, size));
      if (i % 3 === 0) await client.settled();
    }
    client.send(settingsFrame(setting.INITIAL_WINDOW_SIZE, 100_000), windowFrame(0, 1_000_000));
    for (const id of ids) await client.ended(id);
    for (const [i, { length }] of asked.entries())
      if (!client.body(ids[i]!).equals(pattern(length))) throw new Error(`stream ${ids[i]} differs`);
    client.socket.destroy();
  });
  await fc.assert(property, { seed: 7, numRuns: 60 });
  t.pass('they are');
});
