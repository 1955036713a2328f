import { Buffer } from 'node:buffer';

/**
 * What a decision token says. It names the decision, so that no replica keeps state for it:
 * version u8 = 1, time u48, decision id 12 bytes, bandit id u32, arm id u32, propensity f32, posterior version u32, all
 * big-endian; a signature follows. The whole is written as base64url.
 */
export interface TokenPayload {
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  /** 24 hex digits. */
  readonly decision: string;
  /** `Bandit.id`. */
  readonly banditId: number;
  /** `BanditArm.id`. */
  readonly armId: number;
  /** In (0, 1], with the digits of a 32-bit float. */
  readonly propensity: number;
  readonly posteriorVersion: number;
}

const TOKEN_VERSION = 1;
const DECISION_ID_BYTES = 12;
export const TOKEN_PAYLOAD_BYTES = 35;
export const TOKEN_SIGNATURE_BYTES = 16;
export const TOKEN_BYTES = TOKEN_PAYLOAD_BYTES + TOKEN_SIGNATURE_BYTES;

const TIME_AT = 1;
export const DECISION_ID_AT = 7;
const BANDIT_AT = 19;
const ARM_AT = 23;
const PROPENSITY_AT = 27;
const POSTERIOR_AT = 31;
/** 51 bytes are 68 characters without padding and without spare bits: every text of this form is another token. */
const TOKEN_FORM = /^[A-Za-z0-9_-]{68}$/;

/**
 * Writes all but the decision id, which the caller puts at `DECISION_ID_AT`, into the first 35 bytes of `bytes`.
 * `timeMs` is cut to whole milliseconds; ids and version are unsigned 32-bit integers. RangeError when out of range.
 */
export function writeTokenPayload(
  bytes: Buffer,
  timeMs: number,
  banditId: number,
  armId: number,
  propensity: number,
  posteriorVersion: number,
): void {
  bytes[0] = TOKEN_VERSION;
  bytes.writeUIntBE(Math.floor(timeMs), TIME_AT, 6);
  bytes.writeUInt32BE(banditId, BANDIT_AT);
  bytes.writeUInt32BE(armId, ARM_AT);
  bytes.writeFloatBE(propensity, PROPENSITY_AT);
  bytes.writeUInt32BE(posteriorVersion, POSTERIOR_AT);
}

/** Reads a payload; null when its version is not known. `bytes` holds at least 35 bytes. */
export function readTokenPayload(bytes: Buffer): TokenPayload | null {
  if (bytes[0] !== TOKEN_VERSION) return null;
  return {
    timeMs: bytes.readUIntBE(TIME_AT, 6),
    decision: bytes.toString('hex', DECISION_ID_AT, DECISION_ID_AT + DECISION_ID_BYTES),
    banditId: bytes.readUInt32BE(BANDIT_AT),
    armId: bytes.readUInt32BE(ARM_AT),
    propensity: bytes.readFloatBE(PROPENSITY_AT),
    posteriorVersion: bytes.readUInt32BE(POSTERIOR_AT),
  };
}

/** The 51 bytes of a token's text; null when the text is not of the form of a token. */
export function tokenBytes(text: string): Buffer | null {
  // The decoder of the platform skips what is not base64, so the form is checked first.
  return TOKEN_FORM.test(text) ? Buffer.from(text, 'base64url') : null;
}
