import { test } from 'tap';

import * as answer from '../../src/protocol/http1/answer-field.ts';
import * as request from '../../src/protocol/http1/request-field.ts';
import { headerList } from '../../src/protocol/header-block.ts';
import { answerFields, upstreamFields } from '../../src/protocol/header-crossing.ts';

const { requestFieldKind } = request;
const { answerFieldKind } = answer;
const upstreamHeaders = (list: readonly string[]): string[] => headerList(upstreamFields(list));
const answerHeaders = (list: readonly string[]): string[] => headerList(answerFields(list));

test('what neither hop-by-hop rules nor the gateway claim passes both ways, unchanged and in order', (t) => {
  const list = ['B', '1', 'a', '2', 'B', '3', 'x_y', '', 'Content-Type', 'x'];
  t.strictSame(upstreamHeaders(list), list);
  t.strictSame(answerHeaders(list), list);
  t.end();
});

test('Connection takes the fields that it names with it, in any case and over several fields', (t) => {
  const list = ['X-One', '1', 'CONNECTION', 'x-one , Close,,', 'x-two', '2', 'Connection', '\tX-TWO', 'x-three', '3'];
  t.strictSame(upstreamHeaders(list), ['x-three', '3']);
  t.strictSame(answerHeaders(list), ['x-three', '3']);
  t.strictSame(upstreamHeaders(['connection', 'close', 'close', '1', 'connection', 'keep-alive']), ['close', '1']);
  t.end();
});

test('framing belongs to each side, but the length of an answer passes', (t) => {
  const list = ['Content-Length', '3', 'Transfer-Encoding', 'chunked', 'Host', 'h', 'Expect', '100-continue'];
  t.strictSame(upstreamHeaders(list), []);
  t.strictSame(answerHeaders(['Content-Length', '3', 'Transfer-Encoding', 'x', 'Trailer', 'y']), [
    'Content-Length',
    '3',
  ]);
  t.end();
});

test('what belongs to one connection crosses neither way, on the express lane as on the main one', (t) => {
  const hopByHop = ['Connection', 'Keep-Alive', 'Proxy-Connection', 'TE', 'Trailer', 'Transfer-Encoding', 'Upgrade'];
  for (const name of [...hopByHop, 'HTTP2-Settings', 'http2_settings']) {
    const list = [name, 'x'];
    const octets = Buffer.from(name);
    t.strictSame(upstreamHeaders(list), [], name);
    t.strictSame(answerHeaders(list), [], name);
    t.not(requestFieldKind(octets, 0, octets.length), request.PLAIN, name);
    t.not(answerFieldKind(octets, 0, octets.length), answer.PLAIN, name);
  }
  t.end();
});

test('names of the gateway are dropped, those to come included, also in the disguise of an underscore', (t) => {
  for (const name of ['makas-decision', 'Makas-Route', 'MAKAS-NEW', 'makas_error', 'X_Request_ID', 'x-request-id']) {
    t.strictSame(upstreamHeaders([name, '1']), [], name);
    t.strictSame(answerHeaders([name, '1']), [], name);
  }
  t.strictSame(upstreamHeaders(['Transfer_Encoding', 'chunked', 'content_length', '1']), []);
  t.strictSame(upstreamHeaders(['makasx', '1', 'x-makas-y', '2']), ['makasx', '1', 'x-makas-y', '2']);
  t.end();
});

test('what could not be written down again is refused', (t) => {
  for (const list of [
    ['a', 'b\nc'],
    ['a', 'b\0'],
    ['a b', 'c'],
    ['', 'c'],
  ]) {
    t.throws(() => upstreamFields(list), TypeError);
    t.throws(() => answerFields(list), TypeError);
  }
  t.end();
});
