import { createHmac, createSecretKey, hkdfSync, randomFillSync, timingSafeEqual, type KeyObject } from 'node:crypto';
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

const ID_PREFIX_BYTES = 8;
const COUNTER_AT = DECISION_ID_AT + ID_PREFIX_BYTES;
const COUNTER_END = 2 ** 32;

/** The signing key that a configured secret stands for: 32 bytes, the same on every replica. */
export function signingKeyFrom(secret: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, '', 'makas decision token', 32));
}

/**
 * Makes and checks decision tokens: a payload and the first 16 bytes of its HMAC-SHA256. A decision id is 8 random
 * bytes of this process and a counter, so making one asks nothing of the operating system.
 */
export class DecisionTokens {
  readonly #key: KeyObject;
  readonly #bytes = Buffer.alloc(TOKEN_BYTES);
  readonly #payload = this.#bytes.subarray(0, TOKEN_PAYLOAD_BYTES);
  #counter = COUNTER_END;

  constructor(key: Uint8Array) {
    if (key.length < 32) throw new RangeError('A signing key has at least 32 bytes.');
    this.#key = createSecretKey(key);
  }

  /** A new token, 68 characters. `banditId` and `armId` as in the snapshot, `propensity` in (0, 1]. */
  issue(timeMs: number, banditId: number, armId: number, propensity: number, posteriorVersion: number): string {
    writeTokenPayload(this.#bytes, timeMs, banditId, armId, propensity, posteriorVersion);
    if (this.#counter === COUNTER_END) {
      randomFillSync(this.#bytes, DECISION_ID_AT, ID_PREFIX_BYTES);
      this.#counter = 0;
    }
    this.#bytes.writeUInt32BE(this.#counter++, COUNTER_AT);
    this.#sign(this.#payload).copy(this.#bytes, TOKEN_PAYLOAD_BYTES, 0, TOKEN_SIGNATURE_BYTES);
    return this.#bytes.toString('base64url');
  }

  /** What a token says; null when it is not a token that was signed with this key. */
  verify(token: string): TokenPayload | null {
    const bytes = tokenBytes(token);
    if (bytes === null) return null;
    const expected = this.#sign(bytes.subarray(0, TOKEN_PAYLOAD_BYTES)).subarray(0, TOKEN_SIGNATURE_BYTES);
    if (!timingSafeEqual(expected, bytes.subarray(TOKEN_PAYLOAD_BYTES))) return null;
    return readTokenPayload(bytes);
  }

  #sign(payload: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(payload).digest();
  }
}
