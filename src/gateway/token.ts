import { hkdfSync, randomFillSync, timingSafeEqual } from 'node:crypto';
import {
  DECISION_ID_AT,
  readTokenPayload,
  TOKEN_BYTES,
  TOKEN_PAYLOAD_BYTES,
  TOKEN_SIGNATURE_BYTES,
  tokenBytes,
  writeTokenPayload,
  type TokenPayload,
} from '../core/token.ts';
import { Hmac } from './hmac.ts';

const ID_PREFIX_BYTES = 8;
const COUNTER_AT = DECISION_ID_AT + ID_PREFIX_BYTES;
const COUNTER_END = 2 ** 32;
const MIN_KEY_BYTES = 32;

/** The signing key that a configured secret stands for: 32 bytes, the same on every replica. */
export function signingKeyFrom(secret: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, '', 'makas decision token', 32));
}

/** Why a text is no token: nobody with the key made it, or there is no key yet and it may be one. */
export type TokenDoubt = 'forged' | 'no key';

interface SigningKey {
  readonly bytes: Uint8Array;
  readonly hmac: Hmac;
}

/**
 * Makes and checks decision tokens: a payload and the first 16 bytes of its HMAC-SHA256. A decision id is 8 random
 * bytes of this process and a counter, so making one asks nothing of the operating system.
 */
export class DecisionTokens {
  #key: SigningKey | null = null;
  #previous: SigningKey | null = null;
  readonly #bytes = Buffer.alloc(TOKEN_BYTES);
  readonly #payload = this.#bytes.subarray(0, TOKEN_PAYLOAD_BYTES);
  #counter = COUNTER_END;

  /** Without a key no token is issued until `useKey`. */
  constructor(key: Uint8Array | null = null) {
    if (key !== null) this.useKey(key);
  }

  /** Signs with this key from now on. Tokens of the key before it are still accepted. Throws for a short key. */
  useKey(key: Uint8Array): void {
    if (key.length < MIN_KEY_BYTES) throw new RangeError(`A signing key has at least ${MIN_KEY_BYTES} bytes.`);
    if (this.#key !== null && Buffer.compare(this.#key.bytes, key) === 0) return;
    this.#previous = this.#key;
    this.#key = { bytes: Uint8Array.from(key), hmac: new Hmac(key, TOKEN_PAYLOAD_BYTES) };
  }

  /**
   * A new token, 68 characters; null while there is no key. `banditId` and `armId` as in the snapshot, `propensity` in
   * (0, 1].
   */
  issue(timeMs: number, banditId: number, armId: number, propensity: number, posteriorVersion: number): string | null {
    if (this.#key === null) return null;
    writeTokenPayload(this.#bytes, timeMs, banditId, armId, propensity, posteriorVersion);
    if (this.#counter === COUNTER_END) {
      randomFillSync(this.#bytes, DECISION_ID_AT, ID_PREFIX_BYTES);
      this.#counter = 0;
    }
    this.#bytes.writeUInt32BE(this.#counter++, COUNTER_AT);
    this.#bytes.write(this.#key.hmac.sign(this.#payload), TOKEN_PAYLOAD_BYTES, TOKEN_SIGNATURE_BYTES, 'binary');
    return this.#bytes.toString('base64url');
  }

  /** What a token says, or why it says nothing. */
  verify(token: string): TokenPayload | TokenDoubt {
    const bytes = tokenBytes(token);
    if (bytes === null) return 'forged';
    if (this.#key === null) return 'no key';
    const isOurs = isSignedWith(this.#key, bytes) || (this.#previous !== null && isSignedWith(this.#previous, bytes));
    return (isOurs ? readTokenPayload(bytes) : null) ?? 'forged';
  }
}

function isSignedWith({ hmac }: SigningKey, bytes: Buffer): boolean {
  const expected = Buffer.from(hmac.sign(bytes.subarray(0, TOKEN_PAYLOAD_BYTES)), 'binary');
  return timingSafeEqual(expected.subarray(0, TOKEN_SIGNATURE_BYTES), bytes.subarray(TOKEN_PAYLOAD_BYTES));
}
