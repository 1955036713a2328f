const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));
const scramble = (block: number): number => Math.imul(rotate(Math.imul(block, C1), 15), C2);

/** MurmurHash3 x86-32 of bytes, an unsigned integer, as its author describes it: what the hash of texts is held against. */
export function murmur3Bytes(bytes: Uint8Array, seed: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let hash = seed;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    hash = Math.imul(rotate(hash ^ scramble(view.getUint32(at, true)), 13), 5) + 0xe6546b64;
  }
  let rest = 0;
  for (let i = bytes.length - 1; i >= at; i--) rest = (rest << 8) | bytes[i]!;
  hash ^= scramble(rest) ^ bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
