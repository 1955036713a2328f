import * as fc from 'fast-check';
import { test } from 'tap';

import { ChunkedDecoder } from '../../../src/protocol/http1/chunked.ts';

interface Decoded {
  readonly data: string;
  /** Octets that belong to the body; -1: it is bad. */
  readonly end: number;
  readonly isDone: boolean;
}

function decode(text: string, cuts: readonly number[] = []): Decoded {
  const decoder = new ChunkedDecoder();
  const bytes = Buffer.from(text, 'latin1');
  let data = '';
  let start = 0;
  for (const end of [...cuts, bytes.length]) {
    const piece = Buffer.from(bytes.subarray(start, end));
    const at = decoder.decode(piece, 0, piece.length);
    if (at === -1) return { data, end: -1, isDone: false };
    data += piece.toString('latin1', decoder.dataStart, decoder.dataStart + decoder.dataLength);
    if (at < piece.length) return { data, end: start + at, isDone: decoder.isDone };
    start = end;
  }
  return { data, end: start, isDone: decoder.isDone };
}

const extension = fc.constantFrom('', '', '', ';a', ';a=b', ';a="b \\" ;"', ';a;b=c');
const chunk = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), extension, fc.boolean());
const body = fc.tuple(
  fc.array(chunk, { maxLength: 6 }),
  extension,
  fc.constantFrom('', 'x: y\r\n', 'X:\r\ny: "\x80"\r\n'),
);

test('chunks give their data back, however the pieces are cut', async (t) => {
  fc.assert(
    fc.property(body, fc.array(fc.nat(300), { maxLength: 5 }), ([chunks, last, trailers], places) => {
      let text = '';
      let data = '';
      for (const [octets, added, isUpper] of chunks) {
        const size = octets.length.toString(16);
        const piece = Buffer.from(octets).toString('latin1');
        text += `${isUpper ? `0${size.toUpperCase()}` : size}${added}\r\n${piece}\r\n`;
        data += piece;
      }
      text += `0${last}\r\n${trailers}\r\n`;
      const cuts = places.filter((place) => place <= text.length).sort((a, b) => a - b);
      const decoded = decode(text, cuts);
      const followed = decode(`${text}HTTP/1.1`, cuts);
      return decoded.data === data && decoded.isDone && followed.end === text.length && followed.data === data;
    }),
    { seed: 1, numRuns: 5000 },
  );
  t.pass();
});

test('a body is not done before its last octet', async (t) => {
  const text = '3;x=y\r\nabc\r\n0\r\nx: y\r\n\r\n';
  for (let end = 0; end < text.length; end++) t.equal(decode(text.slice(0, end)).isDone, false, `${end} octets`);
  t.ok(decode(text).isDone);
});

const bad = [
  '\r\n',
  ' 3\r\nabc\r\n',
  '3 \r\nabc\r\n',
  '0x3\r\nabc\r\n',
  '-3\r\nabc\r\n',
  'g\r\n',
  ';a\r\n',
  '3\nabc\r\n',
  '3\r\rabc',
  '3\r\nabc\n0\r\n\r\n',
  '3\r\nabcd\r\n',
  '2\r\nabc\r\n',
  '3\r\nabc0\r\n\r\n',
  '10000000000000\r\n',
  '00000000000003\r\nabc\r\n',
  '3;\r\nabc\r\n',
  '3; a\r\nabc\r\n',
  '3;a b\r\nabc\r\n',
  '3;a=\r\nabc\r\n',
  '3;a=b=c\r\nabc\r\n',
  '3;a="b\r\nabc\r\n',
  '3;a="b"c\r\nabc\r\n',
  '3;a\n3\r\nabc',
  '0\r\n\n',
  '0\r\nx\r\n\r\n',
  '0\r\n: y\r\n\r\n',
  '0\r\nx : y\r\n\r\n',
  '0\r\nx: y\n\r\n',
  '0\r\nx: \u0000\r\n\r\n',
  '0\r\nx: y\r\n z\r\n\r\n',
  '0\r\ncontent-length: 3\r\n\r\n',
  '0\r\nTRANSFER-ENCODING: chunked\r\n\r\n',
];
for (const text of bad) {
  test(`no chunked coding: ${JSON.stringify(text)}`, async (t) => {
    t.equal(decode(text).end, -1);
    for (let cut = 1; cut < text.length; cut++) t.equal(decode(text, [cut]).end, -1);
  });
}

test('extensions and trailers are limited in all, not in each', async (t) => {
  const extended = `1;${'a'.repeat(1000)}\r\nx\r\n`;
  t.ok(decode(`${extended.repeat(16)}0\r\n\r\n`).isDone);
  t.equal(decode(`${extended.repeat(17)}0\r\n\r\n`).end, -1);
  t.ok(decode(`0\r\n${`x: ${'y'.repeat(1000)}\r\n`.repeat(16)}\r\n`).isDone);
  t.equal(decode(`0\r\n${`x: ${'y'.repeat(1000)}\r\n`.repeat(17)}\r\n`).end, -1);
  t.ok(decode('0\r\ncontent-lengthy: 1\r\nxtransfer-encoding: 2\r\n\r\n').isDone);
});

test('a decoder that was made ready again has forgotten the body before', async (t) => {
  const decoder = new ChunkedDecoder();
  const half = Buffer.from('5\r\nab');
  decoder.decode(half, 0, half.length);
  t.equal(decoder.left, 3);
  decoder.reset();
  t.equal(decoder.left, 0);
  const whole = Buffer.from('1\r\nx\r\n0\r\n\r\n');
  t.equal(decoder.decode(whole, 0, whole.length), whole.length);
  t.ok(decoder.isDone);
});
