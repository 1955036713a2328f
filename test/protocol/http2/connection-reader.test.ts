import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { ConnectionReader, readerDefaults } from '../../../src/protocol/http2/connection-reader.ts';
import {
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  GOAWAY,
  HEADERS,
  PADDED,
  PING,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from '../../../src/protocol/http2/frames.ts';
import {
  block,
  clientOptions,
  clientStart,
  frame,
  hex,
  readAll,
  Recorder,
  request,
  requestFields,
  serverOptions,
  serverStart,
} from './frame-bytes.ts';
import { clientCases, serverCases } from './malformed-cases.ts';

/** The events of a server after the SETTINGS of its client. */
function serve(...frames: readonly Uint8Array[]): string[] {
  return readAll(Buffer.concat([clientStart, ...frames]), serverOptions).events.slice(1);
}

const head = (stream: number, isEnd: boolean, fields = ''): string =>
  `head ${stream} ${JSON.stringify(['POST', 'http', 'a', '/', 0, fields])} ${isEnd}`;

test('a request with data and trailers is told in its order, between others', async (t) => {
  const events = serve(
    request(1, END_HEADERS),
    request(3),
    frame(DATA, 0, 1, Buffer.from('one ')),
    frame(DATA, PADDED, 1, Buffer.from('\x05two\0\0\0\0\0')),
    frame(PING, 0, 0, Buffer.alloc(8)),
    frame(HEADERS, END_HEADERS | END_STREAM, 1, block(['x', 'y'])),
  );
  t.strictSame(events, [
    head(1, false),
    head(3, true),
    'data 1 one two false',
    'ping 0000000000000000',
    'trailers 1 "x: y\\r\\n"',
  ]);
});

test('DATA goes on as it comes, and counts with its padding', async (t) => {
  const pieces: string[] = [];
  const recorder = new Recorder();
  recorder.onData = (_stream, bytes, start, end, isEnd, flowLength) => {
    pieces.push(`${bytes.toString('latin1', start, end)} ${isEnd} ${flowLength}`);
  };
  const reader = new ConnectionReader(serverOptions, recorder);
  const bytes = Buffer.concat([
    clientStart,
    request(1, END_HEADERS),
    frame(DATA, END_STREAM | PADDED, 1, Buffer.from('\x02abc\0\0')),
  ]);
  const data = bytes.length - 6;
  reader.read(bytes, 0, data + 1);
  t.strictSame(pieces, []);
  reader.read(bytes, data + 1, data + 2);
  t.strictSame(pieces, ['a false 4']);
  reader.read(bytes, data + 2, bytes.length);
  t.strictSame(pieces, ['a false 4', 'bc true 2']);
});

test('what comes for a stream that we have reset is discarded, but counts for the connection', async (t) => {
  const recorder = new Recorder();
  const reader = new ConnectionReader(serverOptions, recorder);
  const start = Buffer.concat([clientStart, request(1, END_HEADERS), request(3, END_HEADERS)]);
  reader.read(start, 0, start.length);
  reader.reset(1);
  const late = Buffer.concat([
    frame(DATA, 0, 1, Buffer.alloc(100)),
    frame(HEADERS, END_HEADERS | END_STREAM, 1, hex('40 01 78 01 79')),
    frame(RST_STREAM, 0, 1, Buffer.alloc(4)),
    frame(WINDOW_UPDATE, 0, 1, hex('00000001')),
    // The fields of the late trailers are in the table.
    frame(HEADERS, END_HEADERS | END_STREAM, 3, hex('be')),
  ]);
  reader.read(late, 0, late.length);
  t.strictSame(recorder.finish().slice(3), ['reset 1 NO_ERROR', 'window 1 1', 'trailers 3 "x: y\\r\\n"']);
  t.equal(recorder.flowLength, 100);
  t.equal(reader.openStreams, 0);
  t.equal(reader.lastStream, 3);
});

test('a stream can be reset while its data come', async (t) => {
  const recorder = new Recorder();
  const reader = new ConnectionReader(serverOptions, recorder);
  const bytes = Buffer.concat([
    clientStart,
    request(1, END_HEADERS),
    frame(DATA, END_STREAM, 1, Buffer.alloc(100, 'x')),
  ]);
  reader.read(bytes, 0, bytes.length - 60);
  reader.reset(1);
  reader.read(bytes, bytes.length - 60, bytes.length);
  t.strictSame(recorder.finish().slice(1), [head(1, false), `data 1 ${'x'.repeat(40)} false`]);
  t.equal(recorder.flowLength, 100);
});

test('a receiver that stops the reader hears nothing more', async (t) => {
  const recorder = new Recorder();
  const reader = new ConnectionReader(serverOptions, recorder);
  recorder.onPing = () => reader.stop();
  const bytes = Buffer.concat([clientStart, frame(PING, 0, 0, Buffer.alloc(8)), request(1)]);
  reader.read(bytes, 0, bytes.length);
  reader.read(bytes, 0, bytes.length);
  t.equal(recorder.finish().length, 1);
  t.ok(reader.isOver);
});

test('SETTINGS are told with those that came before', async (t) => {
  const events = serve(
    frame(SETTINGS, 0, 0, hex('0003 00000064  0006 00001000')),
    frame(SETTINGS, 0, 0, hex('0004 00000000  0001 00000000')),
    frame(SETTINGS, 1, 0),
  );
  const settings = {
    headerTableSize: 4096,
    enablePush: true,
    maxConcurrentStreams: 100,
    initialWindowSize: 65535,
    maxFrameSize: 16384,
    enableConnectProtocol: false,
  };
  t.strictSame(events, [
    `settings ${JSON.stringify(settings)}`,
    `settings ${JSON.stringify({ ...settings, initialWindowSize: 0, headerTableSize: 0 })}`,
    'settings ack',
  ]);
});

test('GOAWAY is told with its debug data', async (t) => {
  const payload = Buffer.concat([hex('80000007 0000000b'), Buffer.from('too fast')]);
  t.strictSame(serve(frame(GOAWAY, 0, 0, payload)), ['goaway 7 ENHANCE_YOUR_CALM too fast']);
});

test('frames that cost more than they tell are counted', async (t) => {
  const frames = [
    request(1, END_HEADERS),
    frame(PING, 0, 0, Buffer.alloc(8)),
    frame(PING, 1, 0, Buffer.alloc(8)),
    frame(SETTINGS, 1, 0),
    frame(DATA, 0, 1),
    frame(DATA, 0, 1),
    frame(DATA, PADDED, 1, hex('00')),
    frame(0x77, 0, 1),
    frame(WINDOW_UPDATE, 0, 1, hex('00000001')),
    frame(WINDOW_UPDATE, 0, 1, hex('00000000')),
    frame(DATA, 0, 1, hex('00')),
    request(3),
    frame(RST_STREAM, 0, 3, Buffer.alloc(4)),
  ];
  const { reader } = readAll(Buffer.concat([clientStart, ...frames]), serverOptions);
  t.match(reader.counts, { settings: 2, pings: 2, resets: 1, windowUpdates: 2, errors: 1, idle: 4 });
  reader.counts.clear();
  t.match(reader.counts, { settings: 0, pings: 0, resets: 0, windowUpdates: 0, errors: 0, idle: 0 });
});

test('a head that is too large is an error of its stream, a block that is too long one of the connection', async (t) => {
  const options = { ...serverOptions, maxListBytes: 1000, maxBlockBytes: 2000 };
  const wide = block(...requestFields, ...Array.from({ length: 9 }, (_, i) => ['x', String(i).repeat(100)] as const));
  const events = (...frames: readonly Uint8Array[]): string[] =>
    readAll(Buffer.concat([clientStart, ...frames]), options).events.slice(1);
  t.strictSame(events(frame(HEADERS, END_HEADERS, 1, wide), frame(DATA, 1, 1, hex('00')), request(3)), [
    'stream error 1 ENHANCE_YOUR_CALM',
    head(3, true),
  ]);
  const part = Buffer.alloc(900, hex('00 01 78 00').toString('latin1'), 'latin1');
  t.strictSame(
    events(frame(HEADERS, 0, 1, part), frame(CONTINUATION, 0, 1, part), frame(CONTINUATION, END_HEADERS, 1, part)),
    ['connection error ENHANCE_YOUR_CALM'],
  );
});

test('how a stream ended is known for long, and streams that are long over do no harm', async (t) => {
  const many = Array.from({ length: 1500 }, (_, i) => request(i * 2 + 1));
  const last = (frames: Uint8Array): string | undefined => serve(...many, frames).at(-1);
  t.equal(last(frame(DATA, 0, 2999, hex('00'))), 'stream error 2999 STREAM_CLOSED');
  t.equal(last(frame(DATA, 0, 1001, hex('00'))), 'stream error 1001 STREAM_CLOSED');
  t.equal(last(request(1001)), 'connection error STREAM_CLOSED');
  t.equal(last(frame(DATA, 0, 1, hex('00'))), head(2999, true), 'forgotten');
  t.equal(last(request(1)), head(2999, true));
  t.equal(last(request(0x7fffffff)), head(0x7fffffff, true));
});

test('a response may come to a stream that waited while many others went by', async (t) => {
  const recorder = new Recorder();
  const reader = new ConnectionReader(clientOptions, recorder);
  for (let stream = 1; stream < 5000; stream += 2) {
    reader.open(stream);
    if (stream > 1) reader.reset(stream);
  }
  const bytes = Buffer.concat([serverStart, frame(HEADERS, END_HEADERS | END_STREAM, 1, hex('88'))]);
  reader.read(bytes, 0, bytes.length);
  t.equal(recorder.finish()[1], `head 1 ${JSON.stringify(['', '', '', '', 200, ''])} true`);
  t.equal(reader.openStreams, 0);
});

// What follows: whatever comes, in whatever pieces.
const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 });
const pieces = fc.oneof(fc.constant([1]), lengths, lengths);

function tellsTheSame(bytes: Buffer, isServer: boolean, list: readonly number[]): boolean {
  const options = isServer ? serverOptions : clientOptions;
  const opened = isServer ? [] : [1, 3, 5];
  const whole = readAll(bytes, options, undefined, opened);
  const split = readAll(bytes, options, list, opened);
  return (
    JSON.stringify(whole.events) === JSON.stringify(split.events) &&
    (whole.reader.isOver || whole.flowLength === split.flowLength) &&
    JSON.stringify(whole.reader.counts) === JSON.stringify(split.reader.counts)
  );
}

const anyCase = fc.oneof(
  fc.constantFrom(...clientCases).map(({ bytes }) => ({ isServer: true, bytes })),
  fc.constantFrom(...serverCases).map(({ bytes }) => ({ isServer: false, bytes })),
);

test('every case is judged the same in whatever pieces it comes', async (t) => {
  fc.assert(
    fc.property(anyCase, pieces, ({ isServer, bytes }, list) =>
      tellsTheSame(Buffer.concat([isServer ? clientStart : serverStart, ...bytes]), isServer, list),
    ),
    { seed: 1, numRuns: 600 },
  );
  t.pass();
});

const streamNumber = fc.constantFrom(0, 1, 1, 1, 3, 3, 5, 2, 7, 0x7fffffff);
const someBlock = fc.constantFrom(
  block(...requestFields),
  block(...requestFields, ['content-length', '5']),
  block([':status', '200']),
  block(['x', 'y']),
  hex('828684 41 8c f1e3c2e5f23a6ba0ab90f4ff'),
  hex('828684be'),
  hex('88 40 01 78 01 79'),
  hex('be'),
  hex('20'),
);
const anyFrame = fc.oneof(
  fc
    .tuple(fc.constantFrom(0, 1, 4, 5, 5, 5, 0x0d, 0x2d), streamNumber, someBlock)
    .map(([flags, stream, bytes]) => frame(HEADERS, flags, stream, bytes)),
  fc
    .tuple(fc.constantFrom(0, 1, 8, 9), streamNumber, fc.uint8Array({ maxLength: 60 }))
    .map(([flags, stream, bytes]) => frame(DATA, flags, stream, bytes)),
  fc
    .tuple(fc.integer({ min: 2, max: 10 }), fc.constantFrom(0, 1, 4), streamNumber, fc.uint8Array({ maxLength: 12 }))
    .map(([type, flags, stream, bytes]) => frame(type, flags, stream, bytes)),
  fc.tuple(streamNumber, fc.nat(10)).map(([stream, code]) => frame(RST_STREAM, 0, stream, hex(`0000000${code % 10}`))),
  fc.tuple(streamNumber, fc.nat(9)).map(([stream, by]) => frame(WINDOW_UPDATE, 0, stream, hex(`0000000${by}`))),
  fc.constant(frame(PING, 0, 0, Buffer.alloc(8))),
);

test('random frames are told the same in whatever pieces they come', async (t) => {
  let fine = 0;
  fc.assert(
    fc.property(fc.boolean(), fc.array(anyFrame, { maxLength: 12 }), pieces, (isServer, frames, list) => {
      const bytes = Buffer.concat([isServer ? clientStart : serverStart, ...frames]);
      if (!readAll(bytes, isServer ? serverOptions : clientOptions, undefined, isServer ? [] : [1, 3, 5]).reader.isOver)
        fine++;
      return tellsTheSame(bytes, isServer, list);
    }),
    { seed: 2, numRuns: 5000 },
  );
  t.ok(fine > 300, `${fine} connections went on`);
});

test('spoiled octets never make it throw, and are told the same in whatever pieces they come', async (t) => {
  const spoil = fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.nat(2)), { minLength: 1, maxLength: 6 });
  let over = 0;
  fc.assert(
    fc.property(
      anyCase,
      fc.array(anyFrame, { maxLength: 4 }),
      spoil,
      pieces,
      ({ isServer, bytes }, more, places, list) => {
        const start = isServer ? clientStart : serverStart;
        const rest = Array.from(Buffer.concat([...bytes, ...more]).subarray(0, 4000));
        for (const [place, octet, way] of places) {
          const at = place % (rest.length + 1);
          if (way === 0) rest[at] = octet;
          else if (way === 1) rest.splice(at, 1);
          else rest.splice(at, 0, octet);
        }
        const all = Buffer.concat([start, Buffer.from(rest)]);
        if (readAll(all, isServer ? serverOptions : clientOptions).reader.isOver) over++;
        return tellsTheSame(all, isServer, list);
      },
    ),
    { seed: 3, numRuns: 4000 },
  );
  t.ok(over > 1000, `${over} connections ended`);
});

test('random octets never make it throw', async (t) => {
  fc.assert(
    fc.property(fc.boolean(), fc.uint8Array({ maxLength: 300 }), pieces, (isServer, bytes, list) =>
      tellsTheSame(Buffer.concat([isServer ? clientStart : serverStart, bytes]), isServer, list),
    ),
    { seed: 4, numRuns: 5000 },
  );
  t.pass();
});

test('the octets of a block never make it throw, whatever they are', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 8 }), pieces, (blocks, list) => {
      const frames = blocks.map((bytes, i) => frame(HEADERS, END_HEADERS | END_STREAM, i * 2 + 1, bytes));
      return tellsTheSame(Buffer.concat([clientStart, ...frames]), true, list);
    }),
    { seed: 5, numRuns: 5000 },
  );
  t.pass();
});

test('what a connection holds is bounded, however much comes', async (t) => {
  const { reader, events } = readAll(
    Buffer.concat([
      clientStart,
      ...Array.from({ length: 3000 }, (_, i) =>
        Buffer.concat([request(i * 2 + 1, END_HEADERS), frame(RST_STREAM, 0, i * 2 + 1, hex('00000008'))]),
      ),
    ]),
    serverOptions,
    [7, 1000],
  );
  t.equal(reader.openStreams, 0);
  t.equal(reader.counts.resets, 3000);
  t.equal(events.length, 6001);
  const endless = frame(
    HEADERS,
    0,
    1,
    Buffer.alloc(readerDefaults.maxFrameBytes, hex('00 01 78 00').toString('latin1'), 'latin1'),
  );
  const more = frame(CONTINUATION, 0, 1, endless.subarray(9));
  t.equal(serve(endless, more, more, more, more).at(-1), 'connection error ENHANCE_YOUR_CALM');
});
