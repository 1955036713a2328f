import * as fc from 'fast-check';
import { test } from 'tap';

import { bucketOf, murmur3, murmur3Pair } from '../../src/core/hash.ts';
import { murmur3Bytes } from '../support/murmur3-bytes.ts';

test('the hash gives the published values of MurmurHash3 x86-32', (t) => {
  // Verification vectors of the algorithm, as in the tests of SMHasher ports (Wikipedia, MurmurHash, test vectors).
  const vectors: readonly [text: string, seed: number, hash: number][] = [
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['test', 0, 0xba6bd213],
    ['test', 0x9747b28c, 0x704b81dc],
    ['Hello, world!', 0, 0xc0363e43],
    ['Hello, world!', 0x9747b28c, 0x24884cba],
    ['The quick brown fox jumps over the lazy dog', 0, 0x2e4ff723],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
    ['a', 0x9747b28c, 0x7fa09ea6],
    ['aa', 0x9747b28c, 0x5d211726],
    ['aaa', 0x9747b28c, 0x283e0130],
    ['aaaa', 0x9747b28c, 0x5a97808a],
    ['ππππππππ', 0x9747b28c, 0xd58063c1],
  ];
  for (const [text, seed, hash] of vectors) {
    t.equal(murmur3(text, seed), hash, JSON.stringify(text));
    t.equal(murmur3Bytes(Buffer.from(text), seed), hash, `${JSON.stringify(text)} as bytes`);
  }
  t.end();
});

test("buckets are those of Optimizely's bucketer", (t) => {
  t.equal(Math.floor(bucketOf('ppid1', '1886780721') * 10_000), 5254);
  t.equal(Math.floor(bucketOf('ppid2', '1886780721') * 10_000), 4299);
  t.end();
});

/** Any code units: ASCII, letters of two and three bytes, whole pairs and lone surrogates side by side. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'binary-ascii', maxLength: 40 }),
  fc
    .array(
      fc.oneof(
        fc.integer({ min: 0, max: 0x7f }),
        fc.integer({ min: 0, max: 0xffff }),
        fc.integer({ min: 0xd7f0, max: 0xe00f }),
      ),
      { maxLength: 20 },
    )
    .map((units) => String.fromCharCode(...units)),
);
const seed = fc.nat({ max: 0xffffffff });

test('the hash of a string is the hash of its UTF-8 bytes', (t) => {
  fc.assert(
    fc.property(text, seed, (text, seed) => murmur3(text, seed) === murmur3Bytes(Buffer.from(text), seed)),
    { seed: 1, numRuns: 5_000 },
  );
  t.end();
});

test('the hash of two strings is the hash of both together, also when the seam cuts a surrogate pair', (t) => {
  fc.assert(
    fc.property(text, text, seed, (a, b, seed) => murmur3Pair(a, b, seed) === murmur3(a + b, seed)),
    { seed: 2, numRuns: 5_000 },
  );
  t.equal(murmur3Pair('x\ud83d', '\ude82y', 1), murmur3('x🚂y'));
  t.not(murmur3('\ud83d'), murmur3('🚂'));
  t.equal(murmur3('\ud83d'), murmur3('\ufffd'));
  t.end();
});

test('buckets of consecutive units are spread evenly over [0, 1)', (t) => {
  const cells = new Float64Array(100);
  for (let i = 0; i < 20_000; i++) cells[Math.floor(bucketOf(`user-${i}`, 'iris/live') * 100)]! += 1;
  const chiSquare = cells.reduce((sum, n) => sum + (n - 200) ** 2 / 200, 0);
  // scipy.stats.chi2.ppf([0.001, 0.999], 99) = [60.3, 148.2]
  t.ok(chiSquare > 60.3 && chiSquare < 148.2, `chi-square ${chiSquare}`);
  t.end();
});
