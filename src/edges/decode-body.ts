import type { Buffer } from 'node:buffer';
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';

import type { BodyDecoder } from '../gateway/ports.ts';

/** Bytes, or why there are none: more than are allowed, not of this encoding, or an encoding that is not known. */
export type Inflated = Buffer | 'too-large' | 'garbage' | 'unknown';

/**
 * Takes a content coding of HTTP (RFC 9110 8.4.1) or an encoding of gRPC messages off bytes, of which there are never
 * more than `maxBytes`: what would inflate to more is given up when that is reached.
 */
export function inflate(encoding: string, bytes: Uint8Array, maxBytes: number): Inflated {
  const options = { maxOutputLength: maxBytes };
  switch (encoding.toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return attempt(() => gunzipSync(bytes, options));
    case 'deflate':
      // Of the zlib format, but some clients send it raw.
      return isZlib(bytes) ? attempt(() => inflateSync(bytes, options)) : attempt(() => inflateRawSync(bytes, options));
    case 'br':
      return attempt(() => brotliDecompressSync(bytes, options));
    default:
      return 'unknown';
  }
}

/** More codings than anybody needs would only be work. */
const CODINGS_MAX = 2;

/** `inflate` as the gateway asks for it; several codings come off in the opposite of their order. */
export function bodyDecoder(maxBytes: () => number): BodyDecoder {
  return (encoding, body) => {
    let decoded: Buffer | null = null;
    const codings = encoding.split(',').map((coding) => coding.trim().toLowerCase());
    if (codings.length > CODINGS_MAX) return null;
    for (const name of codings.toReversed()) {
      if (name === '' || name === 'identity') continue;
      const inflated = inflate(name, decoded ?? body, maxBytes());
      if (typeof inflated === 'string') return inflated === 'too-large' ? inflated : null;
      decoded = inflated;
    }
    return decoded;
  };
}

/** RFC 1950 2.2: deflate with a window of at most 32 KiB, and a check of both bytes. */
function isZlib(bytes: Uint8Array): boolean {
  const [first = 0, second = 0] = bytes;
  return (first & 0x0f) === 8 && first >> 4 <= 7 && (first * 256 + second) % 31 === 0;
}

function attempt(decode: () => Buffer): Inflated {
  try {
    return decode();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'too-large' : 'garbage';
  }
}
