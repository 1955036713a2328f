import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { huffmanDecode, huffmanEncode, huffmanLength, huffmanLengthMax } from '../../../src/protocol/http2/huffman.ts';
import { hex } from './frame-bytes.ts';

function encode(text: string): Buffer {
  const bytes = Buffer.alloc(huffmanLength(text));
  if (huffmanEncode(text, bytes, 0) !== bytes.length) throw new Error('another length than was announced');
  return bytes;
}

/** null for what is no code. */
function decode(bytes: Buffer): string | null {
  const into = Buffer.alloc(huffmanLengthMax(bytes.length));
  const length = huffmanDecode(bytes, 0, bytes.length, into);
  return length === -1 ? null : into.toString('latin1', 0, length);
}

/** Strings of RFC 7541 appendix C. */
const examples: ReadonlyArray<readonly [string, string]> = [
  ['www.example.com', 'f1e3 c2e5 f23a 6ba0 ab90 f4ff'],
  ['no-cache', 'a8eb 1064 9cbf'],
  ['custom-key', '25a8 49e9 5ba9 7d7f'],
  ['custom-value', '25a8 49e9 5bb8 e8b4 bf'],
  ['302', '6402'],
  ['private', 'aec3 771a 4b'],
  ['Mon, 21 Oct 2013 20:13:21 GMT', 'd07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff'],
  ['https://www.example.com', '9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3'],
  ['gzip', '9bd9 ab'],
  [
    'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    '94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
  ],
];

test('the examples of RFC 7541 are encoded and decoded as there', async (t) => {
  for (const [text, code] of examples) {
    t.equal(encode(text).toString('hex'), hex(code).toString('hex'), text);
    t.equal(decode(hex(code)), text, text);
  }
});

test('codes of every length are those of appendix B', async (t) => {
  // Symbol, code, bits; the rest of the last octet is ones.
  const codes: ReadonlyArray<readonly [number, string]> = [
    [0x30, '07'],
    [0x20, '53'],
    [0x3a, 'b9'],
    [0x26, 'f8'],
    [0x21, 'fe3f'],
    [0x27, 'ff5f'],
    [0x23, 'ffaf'],
    [0x00, 'ffc7'],
    [0x5e, 'fff3'],
    [0x3c, 'fff9'],
    [0x5c, 'fffe1f'],
    [0x80, 'fffe6f'],
    [0x99, 'fffee7'],
    [0x81, 'ffff4b'],
    [0x01, 'ffffb1'],
    [0x09, 'ffffea'],
    [0xc7, 'fffff67f'],
    [0xc0, 'fffff83f'],
    [0xcb, 'fffffbdf'],
    [0x02, 'fffffe2f'],
    [0xf9, 'ffffffef'],
    [0x0a, 'fffffff3'],
    [0x16, 'fffffffb'],
  ];
  for (const [symbol, code] of codes) t.equal(encode(String.fromCharCode(symbol)).toString('hex'), code, `${symbol}`);
});

test('every text comes back', async (t) => {
  const latin1 = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
  fc.assert(
    fc.property(latin1, (text) => decode(encode(text)) === text),
    { seed: 1, numRuns: 5000 },
  );
  for (let symbol = 0; symbol < 256; symbol++) {
    const text = String.fromCharCode(symbol);
    t.equal(decode(encode(text + text)), text + text, `${symbol}`);
  }
});

test('EOS, padding of more than seven bits and padding with a zero are refused', async (t) => {
  for (const code of ['ff', 'ffff', '1fff', 'fffffffc', 'ffffffff', '1fffffffff', '18', '07ff', '06', 'fffffffe07'])
    t.equal(decode(hex(code)), null, code);
  t.equal(decode(hex('1f')), 'a');
  t.equal(decode(Buffer.alloc(0)), '');
});

test('what is decoded is what is encoded: one code for each text', async (t) => {
  let good = 0;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 8 }), (octets) => {
      const bytes = Buffer.from(octets);
      const text = decode(bytes);
      if (text === null) return true;
      good++;
      return encode(text).equals(bytes);
    }),
    { seed: 2, numRuns: 20_000 },
  );
  t.ok(good > 500, `${good} are codes`);
});
