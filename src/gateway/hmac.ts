import { hash } from 'node:crypto';

/** Of SHA-256, bytes. */
const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;

/**
 * HMAC-SHA256 (RFC 2104) with one key over messages of one length, from two plain hashes. Node's own HMAC makes an object
 * of OpenSSL and a Buffer for each message, which costs three times as much as what it computes.
 */
export class Hmac {
  readonly #inner: Buffer;
  readonly #outer: Buffer;

  /** The key has at most 64 bytes; messages have `messageBytes`. */
  constructor(key: Uint8Array, messageBytes: number) {
    if (key.length > BLOCK_BYTES) throw new RangeError(`A key of HMAC-SHA256 has at most ${BLOCK_BYTES} bytes here.`);
    this.#inner = padded(key, 0x36, messageBytes);
    this.#outer = padded(key, 0x5c, DIGEST_BYTES);
  }

  /** The 32 bytes, one in each character. */
  sign(message: Uint8Array): string {
    if (message.length !== this.#inner.length - BLOCK_BYTES) throw new RangeError('The message has another length.');
    this.#inner.set(message, BLOCK_BYTES);
    this.#outer.write(hash('sha256', this.#inner, 'binary'), BLOCK_BYTES, 'binary');
    return hash('sha256', this.#outer, 'binary');
  }
}

/** The key's block under a pad of RFC 2104, with room behind it. */
function padded(key: Uint8Array, pad: number, roomBytes: number): Buffer {
  const bytes = Buffer.alloc(BLOCK_BYTES + roomBytes);
  bytes.fill(pad, 0, BLOCK_BYTES);
  for (let i = 0; i < key.length; i++) bytes[i]! ^= key[i]!;
  return bytes;
}
