import { Buffer } from 'node:buffer';

import { test } from 'tap';

import {
  CONTINUATION,
  DATA,
  errorCode,
  HEADERS,
  PING,
  PRIORITY,
  SETTINGS,
} from '../../../src/protocol/http2/frames.ts';
import { block, frame, hex, requestFields } from '../../protocol/http2/frame-bytes.ts';
import { echo, FrameClient, head, resetFrame, startServer, windowFrame } from './server-fixtures.ts';

const many = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));

test('floods of what has no use end the connection', async (t) => {
  const server = await startServer(t, () => {}, { maxStreams: 10 });
  const floods: Record<string, Buffer> = {
    settings: many(200, () => frame(SETTINGS, 0, 0)),
    pings: many(3000, () => frame(PING, 0, 0, Buffer.alloc(8))),
    'answers to pings': many(3000, () => frame(PING, 1, 0, Buffer.alloc(8))),
    resets: many(6000, (i) => Buffer.concat([head(2 * i + 1), resetFrame(2 * i + 1, errorCode.CANCEL)])),
    windows: Buffer.concat([head(1), many(11_000, () => windowFrame(1, 1))]),
    'windows of the connection': many(11_000, () => windowFrame(0, 1)),
    'data without data': Buffer.concat([head(1), many(6000, () => frame(DATA, 0, 1))]),
    priorities: many(6000, () => frame(PRIORITY, 0, 1, hex('0000000010'))),
    'unknown frames': many(6000, () => frame(0xaa, 0, 0, Buffer.from('a'))),
    'streams beyond the limit': many(1200, (i) => head(2 * i + 1)),
    'messages that are malformed': many(300, (i) => frame(HEADERS, 5, 2 * i + 1, block(['a', 'b']))),
    continuations: Buffer.concat([
      frame(HEADERS, 0, 1, block(...requestFields)),
      many(30, () => frame(CONTINUATION, 0, 1, block(['a', 'b']))),
    ]),
  };
  for (const [name, bytes] of Object.entries(floods)) {
    const client = await FrameClient.start(t, server.port);
    client.send(bytes);
    await client.closed();
    t.match(client.story().at(-1), /^goaway \d+ ENHANCE_YOUR_CALM$/, name);
  }
});

test('what is spread over time, or asked for by answers, is no flood', async (t) => {
  const server = await startServer(t, (request) => {
    const { stream, path } = request;
    if (path !== '/long') return echo(request);
    stream.whole(200, '', Buffer.alloc(2 << 20), '');
  });
  const client = await FrameClient.start(t, server.port);
  client.send(frame(SETTINGS, 1, 0));
  await client.settled();
  const connection = server.connections[0]!;
  for (let second = 0; second < 20; second++) {
    const first = 2000 * second + 1;
    client.send(
      many(900, (i) => Buffer.concat([head(first + 2 * i), resetFrame(first + 2 * i, errorCode.CANCEL)])),
      many(400, () => frame(PING, 0, 0, Buffer.alloc(8))),
      many(8, () => frame(SETTINGS, 0, 0)),
    );
    await client.settled();
    connection.look(1000);
  }
  const step = Buffer.concat([windowFrame(0, 100), windowFrame(100_001, 100)]);
  client.send(
    head(100_001, true, '/long'),
    many((2 << 20) / 100, () => step),
  );
  await client.ended(100_001);
  t.equal(client.bodyLength(100_001), 2 << 20, 'windows may be opened by small steps');
});
