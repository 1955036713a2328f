const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;
const TWO_32 = 4294967296;
/** U+FFFD in UTF-8 (ef bf bd), least significant byte first: what a lone surrogate becomes. */
const REPLACEMENT = 0xbdbfef;

/** One 32-bit block into the state. */
function mixBlock(hash: number, block: number): number {
  const k = Math.imul(block, C1);
  const h = hash ^ Math.imul((k << 15) | (k >>> 17), C2);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

/** The 0 to 3 bytes after the last whole block, the length in bytes, and the avalanche. */
function finish(hash: number, tail: number, byteLength: number): number {
  const k = Math.imul(tail, C1);
  let h = hash ^ Math.imul((k << 15) | (k >>> 17), C2) ^ byteLength;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The UTF-8 bytes of a code point above 0x7f, least significant byte first. */
function packUtf8(point: number): number {
  if (point < 0x800) return 0x80c0 | (point >> 6) | ((point & 0x3f) << 8);
  if (point < 0x10000) return 0x8080e0 | (point >> 12) | ((point & 0xfc0) << 2) | ((point & 0x3f) << 16);
  const head = 0x8080f0 | (point >> 18) | ((point & 0x3f000) >> 4) | ((point & 0xfc0) << 10);
  return head | ((0x80 | (point & 0x3f)) << 24);
}

/**
 * Goes on from code unit `start` of `a` followed by `b`, with whole blocks of `start` ASCII bytes already in `hash`.
 * A surrogate pair may lie across the seam of the two strings, as it would after a concatenation.
 */
function finishText(a: string, b: string, start: number, hash: number): number {
  const split = a.length;
  const length = split + b.length;
  let h = hash;
  let block = 0;
  let filledBits = 0;
  let byteLength = start;
  for (let i = start; i < length; i++) {
    const unit = i < split ? a.charCodeAt(i) : b.charCodeAt(i - split);
    let bytes = unit;
    let bits = 8;
    if (unit > 0x7f) {
      let point = unit;
      if (unit >= 0xd800 && unit <= 0xdbff && i + 1 < length) {
        const next = i + 1 < split ? a.charCodeAt(i + 1) : b.charCodeAt(i + 1 - split);
        if (next >= 0xdc00 && next <= 0xdfff) {
          point = 0x10000 + ((unit - 0xd800) << 10) + (next - 0xdc00);
          i++;
        }
      }
      bytes = point >= 0xd800 && point <= 0xdfff ? REPLACEMENT : packUtf8(point);
      bits = point < 0x800 ? 16 : point < 0x10000 ? 24 : 32;
    }
    byteLength += bits >> 3;
    block |= bytes << filledBits;
    filledBits += bits;
    if (filledBits >= 32) {
      h = mixBlock(h, block);
      filledBits -= 32;
      // A shift by 32 would be a shift by 0, so the case of nothing left over is apart.
      block = filledBits === 0 ? 0 : bytes >>> (bits - filledBits);
    }
  }
  return finish(h, block, byteLength);
}

/**
 * MurmurHash3 x86-32 of the UTF-8 bytes of `a` followed by `b`, equal to `murmur3(a + b, seed)` without building the
 * string. Returns an unsigned 32-bit integer; `seed` is taken modulo 2^32. Allocates nothing.
 * Source: A. Appleby, SMHasher, MurmurHash3_x86_32.
 */
export function murmur3Pair(a: string, b: string, seed = 1): number {
  const whole = a.length - (a.length & 3);
  let h = seed | 0;
  let i = 0;
  for (; i < whole; i += 4) {
    const c0 = a.charCodeAt(i);
    const c1 = a.charCodeAt(i + 1);
    const c2 = a.charCodeAt(i + 2);
    const c3 = a.charCodeAt(i + 3);
    if ((c0 | c1 | c2 | c3) > 0x7f) break;
    h = mixBlock(h, c0 | (c1 << 8) | (c2 << 16) | (c3 << 24));
  }
  return finishText(a, b, i, h);
}

/**
 * MurmurHash3 x86-32 of the UTF-8 bytes of `text`, an unsigned 32-bit integer. A lone surrogate counts as U+FFFD, as in
 * `Buffer.from(text)`. The seed 1 is that of Optimizely's bucketing.
 */
export function murmur3(text: string, seed = 1): number {
  return murmur3Pair(text, '', seed);
}

/**
 * The place of a unit on the circle [0, 1) of the experiment, split or bandit that `salt` names: the hash of unit and
 * salt, one after the other, over 2^32. The same on every replica and for ever; independent between salts.
 */
export function bucketOf(unit: string, salt: string): number {
  return murmur3Pair(unit, salt, 1) / TWO_32;
}
