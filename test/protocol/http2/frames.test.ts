import { Buffer } from 'node:buffer';

import { test } from 'tap';

import {
  END_HEADERS,
  errorCode,
  FRAME_HEADER_BYTES,
  frameFlags,
  frameLength,
  frameStream,
  frameType,
  HEADERS,
  headersBytes,
  setting,
  writeFrameHeader,
  writeGoAway,
  writeHeaders,
  writePing,
  writeReset,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from '../../../src/protocol/http2/frames.ts';
import { clientOptions, readAll, serverStart } from './frame-bytes.ts';

test('a frame header is read as it was written, up to the largest values', async (t) => {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + 3, 0xee);
  for (const [length, type, flags, stream] of [
    [0, 0, 0, 0],
    [0x123456, HEADERS, END_HEADERS, 0x12345678],
    [0xffffff, 255, 255, 0x7fffffff],
  ] as const) {
    t.equal(writeFrameHeader(bytes, 3, length, type, flags, stream), 3 + FRAME_HEADER_BYTES);
    t.equal(frameLength(bytes, 3), length);
    t.equal(frameType(bytes, 3), type);
    t.equal(frameFlags(bytes, 3), flags);
    t.equal(frameStream(bytes, 3), stream);
  }
  bytes[8] = 0x80;
  t.equal(frameStream(bytes, 3), 0x00ffffff, 'without the reserved bit');
});

test('frames are read as they were written', async (t) => {
  const bytes = Buffer.alloc(1000);
  let end = writeSettings(bytes, 0, [setting.INITIAL_WINDOW_SIZE, 0x7fffffff, setting.MAX_FRAME_SIZE, 20_000]);
  t.equal(end, 9 + 12);
  end = writeSettingsAck(bytes, end);
  end = writePing(bytes, end, Buffer.from('..pingping'), 2, false);
  end = writePing(bytes, end, Buffer.from('pongpong'), 0, true);
  end = writeWindowUpdate(bytes, end, 0, 0x7fffffff);
  end = writeWindowUpdate(bytes, end, 1, 1);
  end = writeReset(bytes, end, 1, errorCode.CANCEL);
  end = writeGoAway(bytes, end, 0x7fffffff, errorCode.ENHANCE_YOUR_CALM);
  t.equal(end, 21 + 9 + 17 + 17 + 13 + 13 + 13 + 17);
  const { events } = readAll(Buffer.concat([bytes.subarray(0, end)]), clientOptions, undefined, [1]);
  t.match(events.shift(), /"initialWindowSize":2147483647,"maxFrameSize":20000,/);
  t.strictSame(events, [
    'settings ack',
    `ping ${Buffer.from('pingping').toString('hex')}`,
    `ping ack ${Buffer.from('pongpong').toString('hex')}`,
    'window 0 2147483647',
    'window 1 1',
    'reset 1 CANCEL',
    'goaway 2147483647 ENHANCE_YOUR_CALM ',
  ]);
});

test('a block that is longer than a frame goes on in CONTINUATION', async (t) => {
  // `:status: 200` and a literal field.
  const value = 300;
  const block = Buffer.concat([
    Buffer.from([0x88, 0, 1, 0x78, 0x7f, 0x80 | (value - 127 - 128), 1]),
    Buffer.alloc(value, 'v'),
  ]);
  for (const maxFrameBytes of [16384, block.length, block.length - 1, 100, 20]) {
    const bytes = Buffer.alloc(headersBytes(block.length, maxFrameBytes));
    t.equal(writeHeaders(bytes, 0, 1, true, block, block.length, maxFrameBytes), bytes.length);
    t.ok(frameLength(bytes, 0) <= maxFrameBytes);
    const { events } = readAll(Buffer.concat([serverStart, bytes]), clientOptions, undefined, [1]);
    t.equal(events[1], `head 1 ${JSON.stringify(['', '', '', '', 200, `x: ${'v'.repeat(value)}\r\n`])} true`);
  }
  const empty = Buffer.alloc(headersBytes(0, 100));
  t.equal(writeHeaders(empty, 0, 3, false, block, 0, 100), FRAME_HEADER_BYTES);
});
