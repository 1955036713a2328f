import { Buffer } from 'node:buffer';

import type { Span } from './json-scan.ts';

/** A scalar as read from bytes. An integer beyond 2^53 - 1 is its digits, as text: a double would change it. */
export type Scalar = string | number | boolean | null;

/**
 * The value of a scalar span that the scanner found; undefined for an object or array. Numbers read as `JSON.parse`
 * reads them (so `1e999` is Infinity), plus the tokens NaN, Infinity and -Infinity; integers written without fraction
 * and exponent beyond the safe range come back as text. Bytes that are not UTF-8 read as U+FFFD.
 */
export function readScalar(body: Uint8Array, span: Span): Scalar | undefined {
  switch (span.kind) {
    case 'string':
      return readString(body, span.start, span.end);
    case 'number':
      return readNumber(body, span.start, span.end);
    case 'boolean':
      return body[span.start] === 0x74;
    case 'null':
      return null;
    default:
      return undefined;
  }
}

/** The text of the string token at [start, end), quotes included in the range. The scanner must have accepted it. */
export function readString(body: Uint8Array, start: number, end: number): string {
  const token = sliceText(body, start, end, 'utf8');
  if (!token.includes('\\')) return token.slice(1, -1);
  const text: unknown = JSON.parse(token);
  return String(text);
}

function readNumber(body: Uint8Array, start: number, end: number): number | string {
  if (end - start <= SHORT_DIGITS) {
    const short = readDigits(body, start, end);
    if (short !== -1) return short;
  }
  const text = sliceText(body, start, end, 'latin1');
  const value = Number(text);
  if (Number.isSafeInteger(value) || Number.isNaN(value)) return value;
  return /^-?[0-9]+$/.test(text) ? text : value;
}

/** So many digits are always a safe integer. */
const SHORT_DIGITS = 9;

/** A number of digits only; -1 for any other. */
function readDigits(body: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = body[i]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function sliceText(body: Uint8Array, start: number, end: number, encoding: 'utf8' | 'latin1'): string {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return bytes.toString(encoding, start, end);
}
