import { Buffer } from 'node:buffer';

import {
  ACK,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  GOAWAY,
  HEADERS,
  PADDED,
  PING,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
  WITH_PRIORITY,
} from '../../../src/protocol/http2/frames.ts';
import { block, frame, hex, request, requestFields } from './frame-bytes.ts';

/** What a peer sends after its SETTINGS, and what comes of it. */
export interface Case {
  readonly name: string;
  readonly bytes: readonly Uint8Array[];
  /** `fine`, `connection CODE` or `stream CODE`, by RFC 9113 and RFC 7541. */
  readonly verdict: string;
  /**
   * What node:http2 makes of it where it takes another way: it ends connections for what concerns one stream, ignores
   * what comes for streams that are over, and calls its limits internal errors.
   */
  readonly node?: string;
}

const OPEN = END_HEADERS;
const WHOLE = END_HEADERS | END_STREAM;
const fields = block(...requestFields);
const trailers = (...list: ReadonlyArray<readonly [string, string]>): Buffer =>
  frame(HEADERS, WHOLE, 1, block(...list));
const head = (...list: ReadonlyArray<readonly [string, string]>): Buffer => frame(HEADERS, WHOLE, 1, block(...list));
const withField = (name: string, value: string): Buffer => head(...requestFields, [name, value]);
const setting = (id: number, value: number): Buffer => {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(id);
  payload.writeUInt32BE(value, 2);
  return frame(SETTINGS, 0, 0, payload);
};
const without = (name: string): ReadonlyArray<readonly [string, string]> =>
  requestFields.filter(([other]) => other !== name);
const rawBlock = (text: string): Buffer => frame(HEADERS, WHOLE, 1, Buffer.concat([fields, hex(text)]));
const zeros = (length: number): Buffer => Buffer.alloc(length);
const self = hex('00000001 0f');
const protocolError = 'connection PROTOCOL_ERROR';
const frameSizeError = 'connection FRAME_SIZE_ERROR';
const compressionError = 'connection COMPRESSION_ERROR';
const malformed = 'stream PROTOCOL_ERROR';
/** node:http2 leaves such a field out and takes the rest, where RFC 9113 8.2.1 has the message be malformed. */
const leftOut = 'fine';

/** From a client to a server, in the order of RFC 9113, then RFC 7541. */
export const clientCases: readonly Case[] = [
  { name: '3.4 a request', bytes: [request(1)], verdict: 'fine' },
  {
    name: '4.1 a frame of an unknown type',
    bytes: [frame(0x16, 0xff, 0, zeros(8)), frame(0x16, 0, 7)],
    verdict: 'fine',
  },
  { name: '4.1 unknown flags', bytes: [frame(PING, 0x16, 0, zeros(8))], verdict: 'fine' },
  { name: '4.1 the reserved bit', bytes: [frame(PING, 0, 0x80000000, zeros(8))], verdict: 'fine' },
  { name: '4.2 DATA of the largest size', bytes: [request(1, OPEN), frame(DATA, 1, 1, zeros(16384))], verdict: 'fine' },
  {
    name: '4.2 DATA that is too large',
    bytes: [request(1, OPEN), frame(DATA, 1, 1, zeros(16385))],
    verdict: frameSizeError,
  },
  { name: '4.2 HEADERS that is too large', bytes: [frame(HEADERS, WHOLE, 1, zeros(16385))], verdict: frameSizeError },
  { name: '4.2 an unknown frame that is too large', bytes: [frame(0x16, 0, 0, zeros(16385))], verdict: frameSizeError },
  {
    name: '4.3 PRIORITY within a block',
    bytes: [frame(HEADERS, END_STREAM, 1, fields), frame(PRIORITY, 0, 1, self)],
    verdict: protocolError,
  },
  {
    name: '4.3 HEADERS of another stream within a block',
    bytes: [frame(HEADERS, END_STREAM, 1, fields), request(3)],
    verdict: protocolError,
  },
  { name: '5.1 DATA on an idle stream', bytes: [frame(DATA, 1, 1, zeros(4))], verdict: protocolError },
  { name: '5.1 RST_STREAM on an idle stream', bytes: [frame(RST_STREAM, 0, 1, zeros(4))], verdict: protocolError },
  {
    name: '5.1 WINDOW_UPDATE on an idle stream',
    bytes: [frame(WINDOW_UPDATE, 0, 1, hex('00000064'))],
    verdict: protocolError,
  },
  {
    name: '5.1 CONTINUATION on an idle stream',
    bytes: [frame(CONTINUATION, END_HEADERS, 1, fields)],
    verdict: protocolError,
  },
  {
    name: '5.1 DATA after END_STREAM',
    bytes: [request(1), frame(DATA, 1, 1, zeros(4))],
    verdict: 'stream STREAM_CLOSED',
    node: 'connection STREAM_CLOSED',
  },
  { name: '5.1 HEADERS after END_STREAM', bytes: [request(1), request(1)], verdict: 'connection STREAM_CLOSED' },
  {
    name: '5.1 CONTINUATION after END_STREAM',
    bytes: [request(1), frame(CONTINUATION, END_HEADERS, 1, fields)],
    verdict: protocolError,
  },
  {
    name: '5.1 WINDOW_UPDATE after END_STREAM',
    bytes: [request(1), frame(WINDOW_UPDATE, 0, 1, hex('00000064'))],
    verdict: 'fine',
  },
  {
    name: '5.1 PRIORITY after END_STREAM',
    bytes: [request(1), frame(PRIORITY, 0, 1, hex('00000000 0f'))],
    verdict: 'fine',
  },
  {
    name: '5.1 DATA after RST_STREAM',
    bytes: [request(1, OPEN), frame(RST_STREAM, 0, 1, zeros(4)), frame(DATA, 1, 1, zeros(4))],
    verdict: 'stream STREAM_CLOSED',
    node: 'fine',
  },
  {
    name: '5.1 HEADERS after RST_STREAM',
    bytes: [request(1, OPEN), frame(RST_STREAM, 0, 1, zeros(4)), request(1)],
    verdict: 'stream STREAM_CLOSED',
    node: 'fine',
  },
  {
    name: '5.1 CONTINUATION after RST_STREAM',
    bytes: [request(1, OPEN), frame(RST_STREAM, 0, 1, zeros(4)), frame(CONTINUATION, END_HEADERS, 1, fields)],
    verdict: protocolError,
  },
  { name: '5.1.1 an even stream', bytes: [request(2)], verdict: protocolError },
  {
    name: '5.1.1 a stream that was passed over',
    bytes: [request(5), request(3)],
    verdict: protocolError,
    node: 'fine',
  },
  {
    name: '5.3 a stream that depends on itself, which was an error once',
    bytes: [frame(HEADERS, WHOLE | WITH_PRIORITY, 1, Buffer.concat([self, fields]))],
    verdict: 'fine',
    node: 'connection PROTOCOL_ERROR',
  },
  { name: '5.3 PRIORITY of an idle stream', bytes: [frame(PRIORITY, 0, 3, self)], verdict: 'fine' },
  {
    name: '5.5 an unknown frame within a block',
    bytes: [frame(HEADERS, END_STREAM, 1, fields), frame(0x16, 0, 0, zeros(8))],
    verdict: protocolError,
  },
  { name: '6.1 DATA on stream 0', bytes: [frame(DATA, 1, 0, zeros(4))], verdict: protocolError },
  {
    name: '6.1 DATA with more padding than payload',
    bytes: [request(1, OPEN), frame(DATA, PADDED, 1, hex('06 000000'))],
    verdict: protocolError,
  },
  {
    name: '6.1 DATA with as much padding as payload',
    bytes: [request(1, OPEN), frame(DATA, PADDED, 1, hex('04 00000000'))],
    verdict: 'fine',
  },
  {
    name: '6.1 padded DATA without payload',
    bytes: [request(1, OPEN), frame(DATA, PADDED, 1)],
    verdict: frameSizeError,
    node: 'connection PROTOCOL_ERROR',
  },
  {
    name: '6.2 HEADERS with padding and priority',
    bytes: [
      frame(HEADERS, WHOLE | PADDED | WITH_PRIORITY, 1, Buffer.concat([hex('05 00000000 ff'), fields, zeros(5)])),
    ],
    verdict: 'fine',
  },
  { name: '6.2 HEADERS on stream 0', bytes: [frame(HEADERS, WHOLE, 0, fields)], verdict: protocolError },
  {
    name: '6.2 HEADERS with more padding than payload',
    bytes: [frame(HEADERS, WHOLE | PADDED, 1, Buffer.concat([hex('ff'), fields]))],
    verdict: protocolError,
  },
  {
    name: '6.2 HEADERS too short for their priority',
    bytes: [frame(HEADERS, WHOLE | WITH_PRIORITY, 1, zeros(4))],
    verdict: frameSizeError,
  },
  { name: '6.3 PRIORITY on stream 0', bytes: [frame(PRIORITY, 0, 0, zeros(5))], verdict: protocolError, node: 'fine' },
  {
    name: '6.3 PRIORITY of a wrong length',
    bytes: [request(1, OPEN), frame(PRIORITY, 0, 1, zeros(4))],
    verdict: 'stream FRAME_SIZE_ERROR',
    node: 'connection FRAME_SIZE_ERROR',
  },
  { name: '6.4 RST_STREAM on stream 0', bytes: [frame(RST_STREAM, 0, 0, zeros(4))], verdict: protocolError },
  {
    name: '6.4 RST_STREAM of a wrong length',
    bytes: [request(1, OPEN), frame(RST_STREAM, 0, 1, zeros(3))],
    verdict: frameSizeError,
  },
  {
    name: '6.5 an acknowledgement of SETTINGS with payload',
    bytes: [frame(SETTINGS, ACK, 0, zeros(6))],
    verdict: frameSizeError,
  },
  { name: '6.5 SETTINGS on a stream', bytes: [frame(SETTINGS, 0, 1, zeros(6))], verdict: protocolError },
  { name: '6.5 SETTINGS of a wrong length', bytes: [frame(SETTINGS, 0, 0, zeros(5))], verdict: frameSizeError },
  { name: '6.5.2 ENABLE_PUSH beyond 1', bytes: [setting(2, 2)], verdict: protocolError },
  {
    name: '6.5.2 INITIAL_WINDOW_SIZE beyond 2^31-1',
    bytes: [setting(4, 0x80000000)],
    verdict: 'connection FLOW_CONTROL_ERROR',
  },
  { name: '6.5.2 MAX_FRAME_SIZE below 2^14', bytes: [setting(5, 16383)], verdict: protocolError },
  { name: '6.5.2 MAX_FRAME_SIZE beyond 2^24-1', bytes: [setting(5, 0x1000000)], verdict: protocolError },
  { name: '6.5.2 an unknown setting', bytes: [setting(0xff, 1)], verdict: 'fine' },
  {
    name: '6.6 PUSH_PROMISE of a client',
    bytes: [request(1, OPEN), frame(PUSH_PROMISE, END_HEADERS, 1, Buffer.concat([hex('00000003'), fields]))],
    verdict: protocolError,
  },
  {
    name: '6.7 an acknowledgement of a PING that was not sent',
    bytes: [frame(PING, ACK, 0, zeros(8))],
    verdict: 'fine',
    node: 'connection INTERNAL_ERROR',
  },
  { name: '6.7 PING on a stream', bytes: [frame(PING, 0, 1, zeros(8))], verdict: protocolError },
  { name: '6.7 PING of a wrong length', bytes: [frame(PING, 0, 0, zeros(6))], verdict: frameSizeError },
  { name: '6.8 GOAWAY on a stream', bytes: [frame(GOAWAY, 0, 1, zeros(8))], verdict: protocolError },
  { name: '6.8 GOAWAY that is too short', bytes: [frame(GOAWAY, 0, 0, zeros(7))], verdict: frameSizeError },
  {
    name: '6.9 WINDOW_UPDATE of the connection by 0',
    bytes: [frame(WINDOW_UPDATE, 0, 0, zeros(4))],
    verdict: protocolError,
  },
  {
    name: '6.9 WINDOW_UPDATE of a stream by 0',
    bytes: [request(1, OPEN), frame(WINDOW_UPDATE, 0, 1, zeros(4))],
    verdict: malformed,
    node: 'connection PROTOCOL_ERROR',
  },
  {
    name: '6.9 WINDOW_UPDATE of a wrong length',
    bytes: [frame(WINDOW_UPDATE, 0, 0, zeros(3))],
    verdict: frameSizeError,
  },
  {
    name: '6.10 CONTINUATION',
    bytes: [
      frame(HEADERS, END_STREAM, 1, fields.subarray(0, 5)),
      frame(CONTINUATION, 0, 1, fields.subarray(5, 9)),
      frame(CONTINUATION, END_HEADERS, 1, fields.subarray(9)),
    ],
    verdict: 'fine',
  },
  {
    name: '6.10 CONTINUATION on stream 0',
    bytes: [frame(HEADERS, END_STREAM, 1, fields), frame(CONTINUATION, END_HEADERS, 0)],
    verdict: protocolError,
  },
  {
    name: '6.10 CONTINUATION of another stream',
    bytes: [frame(HEADERS, END_STREAM, 1, fields), frame(CONTINUATION, END_HEADERS, 3)],
    verdict: protocolError,
  },
  {
    name: '6.10 CONTINUATION after the last one',
    bytes: [
      frame(HEADERS, END_STREAM, 1, fields),
      frame(CONTINUATION, END_HEADERS, 1),
      frame(CONTINUATION, END_HEADERS, 1),
    ],
    verdict: protocolError,
  },
  {
    name: '6.10 CONTINUATION after DATA',
    bytes: [request(1, OPEN), frame(DATA, 0, 1, zeros(4)), frame(CONTINUATION, END_HEADERS, 1, fields)],
    verdict: protocolError,
  },
  {
    name: '6.10 a flood of CONTINUATION',
    bytes: [frame(HEADERS, END_STREAM, 1, fields), ...Array.from({ length: 40 }, () => frame(CONTINUATION, 0, 1))],
    verdict: 'connection ENHANCE_YOUR_CALM',
    node: 'connection INTERNAL_ERROR',
  },
  {
    name: '8.1 trailers',
    bytes: [request(1, OPEN), frame(DATA, 0, 1, zeros(4)), trailers(['a', 'b'])],
    verdict: 'fine',
  },
  {
    name: '8.1 trailers that do not end the stream',
    bytes: [request(1, OPEN), frame(HEADERS, OPEN, 1, block(['a', 'b']))],
    verdict: malformed,
  },
  {
    name: '8.1 trailers with a pseudo field',
    bytes: [request(1, OPEN), trailers([':method', 'GET'])],
    verdict: malformed,
  },
  {
    name: '8.1.1 a content-length that is right',
    bytes: [
      frame(HEADERS, OPEN, 1, block(...requestFields, ['content-length', '4'])),
      frame(DATA, 0, 1, zeros(2)),
      frame(DATA, 1, 1, zeros(2)),
    ],
    verdict: 'fine',
  },
  {
    name: '8.1.1 less DATA than content-length',
    bytes: [frame(HEADERS, OPEN, 1, block(...requestFields, ['content-length', '4'])), frame(DATA, 1, 1, zeros(1))],
    verdict: malformed,
  },
  {
    name: '8.1.1 more DATA than content-length',
    bytes: [
      frame(HEADERS, OPEN, 1, block(...requestFields, ['content-length', '1'])),
      frame(DATA, 0, 1, zeros(1)),
      frame(DATA, 1, 1, zeros(1)),
    ],
    verdict: malformed,
    node: 'connection INTERNAL_ERROR',
  },
  {
    name: '8.1.1 trailers before the content-length',
    bytes: [frame(HEADERS, OPEN, 1, block(...requestFields, ['content-length', '1'])), trailers(['a', 'b'])],
    verdict: malformed,
  },
  { name: '8.1.1 a content-length without DATA', bytes: [withField('content-length', '1')], verdict: malformed },
  {
    name: '8.1.1 two lengths',
    bytes: [frame(HEADERS, OPEN, 1, block(...requestFields, ['content-length', '1'], ['content-length', '2']))],
    verdict: malformed,
  },
  {
    name: '8.1.1 a length that is none',
    bytes: [frame(HEADERS, OPEN, 1, block(...requestFields, ['content-length', '+1']))],
    verdict: malformed,
  },
  { name: '8.2.1 a capital in a name', bytes: [withField('X-test', 'ok')], verdict: malformed },
  { name: '8.2.1 a blank in a name', bytes: [withField('x test', 'ok')], verdict: malformed, node: leftOut },
  { name: '8.2.1 a colon in a name', bytes: [withField('x:test', 'ok')], verdict: malformed, node: leftOut },
  { name: '8.2.1 no name', bytes: [withField('', 'ok')], verdict: malformed, node: leftOut },
  { name: '8.2.1 a name beyond ASCII', bytes: [withField('x\u00e4', 'ok')], verdict: malformed, node: leftOut },
  { name: '8.2.1 NUL in a value', bytes: [withField('x', 'a\0b')], verdict: malformed, node: leftOut },
  { name: '8.2.1 LF in a value', bytes: [withField('x', 'a\nb')], verdict: malformed, node: leftOut },
  { name: '8.2.1 CR in a value', bytes: [withField('x', 'a\rb')], verdict: malformed, node: leftOut },
  {
    name: '8.2.1 a control character in a value',
    bytes: [withField('x', 'a\u0001b')],
    verdict: malformed,
    node: leftOut,
  },
  { name: '8.2.1 a value that begins with a blank', bytes: [withField('x', ' a')], verdict: malformed, node: leftOut },
  { name: '8.2.1 a value that ends with a space', bytes: [withField('x', 'a ')], verdict: 'fine' },
  { name: '8.2.1 a value that ends with a tab', bytes: [withField('x', 'a\t')], verdict: malformed, node: leftOut },
  { name: '8.2.1 a value beyond ASCII', bytes: [withField('x', 'a\u00e4\tb')], verdict: 'fine' },
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map((name) => ({
    name: `8.2.2 ${name}`,
    bytes: [withField(name, 'x')],
    verdict: malformed,
  })),
  { name: '8.2.2 te: trailers', bytes: [withField('te', 'trailers')], verdict: 'fine' },
  { name: '8.2.2 another te', bytes: [withField('te', 'trailers, deflate;q=0.5')], verdict: malformed },
  { name: '8.3 an unknown pseudo field', bytes: [head(...requestFields, [':test', 'ok'])], verdict: malformed },
  { name: '8.3 a pseudo field of a response', bytes: [head(...requestFields, [':status', '200'])], verdict: malformed },
  {
    name: '8.3 a pseudo field after others',
    bytes: [head(...without(':path'), ['x', 'y'], [':path', '/'])],
    verdict: malformed,
  },
  ...[':method', ':scheme', ':path'].map((name) => ({
    name: `8.3.1 no ${name}`,
    bytes: [head(...without(name))],
    verdict: malformed,
  })),
  { name: '8.3.1 no :authority', bytes: [head(...without(':authority'), ['host', 'a'])], verdict: 'fine' },
  ...requestFields.map((field) => ({
    name: `8.3.1 two of ${field[0]}`,
    bytes: [head(...requestFields, field)],
    verdict: malformed,
  })),
  { name: '8.3.1 an empty path', bytes: [head(...without(':path'), [':path', ''])], verdict: malformed },
  {
    name: '8.3.1 a path that does not begin with a slash',
    bytes: [head(...without(':path'), [':path', 'a'])],
    verdict: malformed,
  },
  { name: '8.3.1 a blank in a path', bytes: [head(...without(':path'), [':path', '/a b'])], verdict: malformed },
  {
    name: '8.3.1 a method that is no token',
    bytes: [head(...without(':method'), [':method', 'GET /'])],
    verdict: malformed,
  },
  { name: '8.5 CONNECT', bytes: [head([':method', 'CONNECT'], [':authority', 'a:1'])], verdict: 'fine' },
  {
    name: '8.5 CONNECT with a path',
    bytes: [head([':method', 'CONNECT'], [':authority', 'a:1'], [':path', '/'])],
    verdict: malformed,
  },
  { name: 'HPACK 2.3.3 an index beyond the table', bytes: [rawBlock('c6')], verdict: compressionError },
  {
    name: 'HPACK 2.3.3 the index of a name beyond the table',
    bytes: [rawBlock('0f 6f 01 61')],
    verdict: compressionError,
  },
  { name: 'HPACK 4.2 a table size at the end of a block', bytes: [rawBlock('20')], verdict: compressionError },
  {
    name: 'HPACK 4.2 a table size at the beginning',
    bytes: [frame(HEADERS, WHOLE, 1, Buffer.concat([hex('20 3f e1 1f'), fields]))],
    verdict: 'fine',
  },
  {
    name: 'HPACK 5.1 an integer without end',
    bytes: [rawBlock('ff ff ff ff ff ff ff ff ff 7f')],
    verdict: compressionError,
  },
  { name: 'HPACK 5.1 an integer that is cut off', bytes: [rawBlock('ff ff')], verdict: compressionError },
  { name: 'HPACK 5.2 a string that is cut off', bytes: [rawBlock('00 01 78 05 61')], verdict: compressionError },
  {
    name: 'HPACK 5.2 Huffman padding beyond 7 bits',
    bytes: [rawBlock('00 01 78 82 1f ff')],
    verdict: compressionError,
  },
  { name: 'HPACK 5.2 Huffman padding with zeros', bytes: [rawBlock('00 01 78 81 18')], verdict: compressionError },
  { name: 'HPACK 5.2 EOS', bytes: [rawBlock('00 01 78 84 ff ff ff ff')], verdict: compressionError },
  { name: 'HPACK 6.1 index 0', bytes: [rawBlock('80')], verdict: compressionError },
  {
    name: 'HPACK 6.3 a table that is too large',
    bytes: [frame(HEADERS, WHOLE, 1, Buffer.concat([hex('3f e2 1f'), fields]))],
    verdict: compressionError,
  },
];

const response = (flags: number, ...list: ReadonlyArray<readonly [string, string]>): Buffer =>
  frame(HEADERS, flags, 1, block(...list));
const ok: readonly [string, string] = [':status', '200'];

/** From a server to a client that has sent a request on stream 1. */
export const serverCases: readonly Case[] = [
  {
    name: 'a response',
    bytes: [response(OPEN, ok), frame(DATA, 0, 1, zeros(3)), trailers(['a', 'b'])],
    verdict: 'fine',
  },
  { name: 'a response in one frame', bytes: [response(WHOLE, ok)], verdict: 'fine' },
  {
    name: 'interim responses before it',
    bytes: [response(OPEN, [':status', '103']), response(OPEN, [':status', '100']), response(WHOLE, ok)],
    verdict: 'fine',
  },
  { name: '5.1 a response on an idle stream', bytes: [frame(HEADERS, WHOLE, 3, block(ok))], verdict: protocolError },
  { name: '5.1.1 a response on an even stream', bytes: [frame(HEADERS, WHOLE, 2, block(ok))], verdict: protocolError },
  { name: '5.1 DATA on an idle stream', bytes: [frame(DATA, 1, 3, zeros(3))], verdict: protocolError },
  {
    name: '5.1 WINDOW_UPDATE on an idle stream',
    bytes: [frame(WINDOW_UPDATE, 0, 3, hex('00000001'))],
    verdict: protocolError,
  },
  { name: '6.5.2 ENABLE_PUSH 1 of a server', bytes: [setting(2, 1)], verdict: protocolError },
  { name: '6.5.2 ENABLE_PUSH 0 of a server', bytes: [setting(2, 0)], verdict: 'fine' },
  {
    name: '8.1 DATA before the head',
    bytes: [frame(DATA, 1, 1, zeros(3))],
    verdict: malformed,
    node: 'connection PROTOCOL_ERROR',
  },
  { name: '8.1 an interim response that ends', bytes: [response(WHOLE, [':status', '100'])], verdict: malformed },
  { name: '8.1 a second head', bytes: [response(OPEN, ok), response(OPEN, ok)], verdict: malformed },
  { name: '8.1 trailers with a pseudo field', bytes: [response(OPEN, ok), response(WHOLE, ok)], verdict: malformed },
  {
    name: '8.1.1 less DATA than content-length',
    bytes: [response(OPEN, ok, ['content-length', '4']), frame(DATA, 1, 1, zeros(3))],
    verdict: malformed,
  },
  {
    name: '8.1.1 more DATA than content-length',
    bytes: [response(OPEN, ok, ['content-length', '2']), frame(DATA, 1, 1, zeros(3))],
    verdict: malformed,
    node: 'connection INTERNAL_ERROR',
  },
  {
    name: '8.1.1 a content-length without content of status 304',
    bytes: [response(WHOLE, [':status', '304'], ['content-length', '4'])],
    verdict: 'fine',
  },
  { name: '8.3.2 no status', bytes: [response(WHOLE, ['a', 'b'])], verdict: malformed },
  { name: '8.3.2 two statuses', bytes: [response(WHOLE, ok, ok)], verdict: malformed },
  { name: '8.3.2 a status that is none', bytes: [response(WHOLE, [':status', '20x'])], verdict: malformed },
  { name: '8.3.2 a pseudo field of a request', bytes: [response(WHOLE, ok, [':path', '/'])], verdict: malformed },
  { name: '8.6 status 101', bytes: [response(OPEN, [':status', '101'])], verdict: malformed },
  {
    name: '8.4 PUSH_PROMISE that was not allowed',
    bytes: [frame(PUSH_PROMISE, END_HEADERS, 1, Buffer.concat([hex('00000002'), fields]))],
    verdict: protocolError,
  },
];
