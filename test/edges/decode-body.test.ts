import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

import fc from 'fast-check';
import { test } from 'tap';

import { bodyDecoder, inflate } from '../../src/edges/decode-body.ts';

const decode = bodyDecoder(() => 1000);
const body = Buffer.from('{"inputs":[]}');

test('gzip, deflate of both kinds and br come off', async (t) => {
  t.strictSame(decode('gzip', gzipSync(body)), body);
  t.strictSame(decode('X-GZIP', gzipSync(body)), body);
  t.strictSame(decode('deflate', deflateSync(body)), body);
  t.strictSame(decode('deflate', deflateRawSync(body)), body);
  t.strictSame(decode('br', brotliCompressSync(body)), body);
});

test('codings come off in the opposite of their order', async (t) => {
  t.strictSame(decode('gzip, br', brotliCompressSync(gzipSync(body))), body);
  t.strictSame(decode('identity, gzip', gzipSync(body)), body);
  t.equal(decode('gzip, gzip, gzip', gzipSync(gzipSync(gzipSync(body)))), null, 'nobody needs three');
});

test('what is not known, not of the coding, or cut short is null', async (t) => {
  t.equal(decode('zstd', body), null);
  t.equal(decode('', body), null);
  for (const coding of ['gzip', 'deflate', 'br']) {
    t.equal(decode(coding, Buffer.from('not compressed at all')), null, coding);
    t.equal(decode(coding, Buffer.alloc(0)), null, `${coding} of nothing`);
  }
  t.equal(decode('gzip', gzipSync(body).subarray(0, -3)), null);
});

test('a body that would inflate to more than is allowed is given up', async (t) => {
  const bomb = Buffer.alloc(10_000_000);
  t.equal(decode('gzip', gzipSync(bomb)), 'too-large');
  t.equal(decode('br', brotliCompressSync(bomb)), 'too-large');
  t.equal(decode('gzip, br', brotliCompressSync(gzipSync(bomb))), 'too-large');
  t.equal(inflate('deflate', deflateSync(bomb), 1000), 'too-large');
  t.equal(decode('gzip', gzipSync(Buffer.alloc(1000)))?.length, 1000, 'exactly as much is allowed');
});

test('whatever was compressed comes back', async () => {
  const codings = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 900 }), fc.constantFrom('gzip', 'deflate', 'br'), (bytes, coding) => {
      const decoded = decode(coding, codings[coding](bytes));
      return Buffer.isBuffer(decoded) && decoded.equals(bytes);
    }),
    { seed: 20261123, numRuns: 300 },
  );
});
