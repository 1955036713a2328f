import { test } from 'tap';

import { answerHeaders, findHeader, upstreamHeaders } from '../../src/gateway/headers.ts';

test('what neither hop-by-hop rules nor the gateway claim passes both ways, unchanged and in order', (t) => {
  const list = ['B', '1', 'a', '2', 'B', '3', 'x_y', '', 'Content-Type', 'x'];
  t.strictSame(upstreamHeaders(list, null), list);
  t.strictSame(answerHeaders(list, null), list);
  t.end();
});

test('Connection takes the fields that it names with it, in any case and over several fields', (t) => {
  const list = ['X-One', '1', 'CONNECTION', 'x-one , Close,,', 'x-two', '2', 'Connection', '\tX-TWO', 'x-three', '3'];
  t.strictSame(upstreamHeaders(list, null), ['x-three', '3']);
  t.strictSame(answerHeaders(list, null), ['x-three', '3']);
  t.strictSame(upstreamHeaders(['connection', 'close', 'close', '1', 'connection', 'keep-alive'], null), [
    'close',
    '1',
  ]);
  t.end();
});

test('framing belongs to each side, but the length of an answer passes', (t) => {
  const list = ['Content-Length', '3', 'Transfer-Encoding', 'chunked', 'Host', 'h', 'Expect', '100-continue'];
  t.strictSame(upstreamHeaders(list, null), []);
  t.strictSame(answerHeaders(['Content-Length', '3', 'Transfer-Encoding', 'x', 'Trailer', 'y'], null), [
    'Content-Length',
    '3',
  ]);
  t.end();
});

test('names of the gateway are dropped, those to come included, also in the disguise of an underscore', (t) => {
  for (const name of ['makas-decision', 'Makas-Route', 'MAKAS-NEW', 'makas_error', 'X_Request_ID', 'x-request-id']) {
    t.strictSame(upstreamHeaders([name, '1'], null), [], name);
    t.strictSame(answerHeaders([name, '1'], null), [], name);
  }
  t.strictSame(upstreamHeaders(['Transfer_Encoding', 'chunked', 'content_length', '1'], null), []);
  t.strictSame(upstreamHeaders(['makasx', '1', 'x-makas-y', '2'], null), ['makasx', '1', 'x-makas-y', '2']);
  t.end();
});

test('names that the backend sets replace those of the client', (t) => {
  t.strictSame(upstreamHeaders(['X-A', '1', 'x-b', '2'], new Set(['x-a'])), ['x-b', '2']);
  t.end();
});

test('the first field of a name is found in any case', (t) => {
  t.equal(findHeader(['Aa', '1', 'aA', '2'], 'aa'), '1');
  t.equal(findHeader(['Aa', '1'], 'ab'), undefined);
  t.end();
});
