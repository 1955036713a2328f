import { Buffer } from 'node:buffer';

/**
 * The Redis Cluster slot of a key, in [0, 16383]: CRC-16/XMODEM of the key, or of its hash tag (what is between the
 * first `{` and the next `}`, when that is not empty), modulo 16384 (Redis Cluster specification, "Hash tags").
 */
export function slotOf(key: string): number {
  const bytes = Buffer.from(key, 'utf8');
  let start = 0;
  let end = bytes.length;
  const open = bytes.indexOf(0x7b);
  const close = open === -1 ? -1 : bytes.indexOf(0x7d, open + 1);
  if (close > open + 1) {
    start = open + 1;
    end = close;
  }
  let crc = 0;
  for (let i = start; i < end; i++) crc = ((crc << 8) & 0xffff) ^ table[(crc >> 8) ^ bytes[i]!]!;
  return crc & 0x3fff;
}

const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : crc << 1;
  return crc;
});
