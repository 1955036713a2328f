import type { Buffer } from 'node:buffer';

import type { FieldType } from '../../core/snapshot.ts';
import type { FeatureValue } from '../../gateway/ports.ts';
import { readEventTime } from './event-time.ts';
import { readText } from './typed-value.ts';

/** A stored value longer than this is not a feature; it is reported as unreadable and not passed on. */
const maxValueBytes = 64 * 1024;

/** Up to so many digits a decimal is two exact doubles, and their quotient is the nearest double (Clinger 1990). */
const maxDigits = 15;
const powers = Array.from({ length: maxDigits + 1 }, (_, exponent) => 10 ** exponent);

/** Reads the bytes [start, end) as a feature of a type, as `readText` reads their text. */
export function readBytes(bytes: Buffer, start: number, end: number, type: FieldType): FeatureValue | undefined {
  if (end - start > maxValueBytes) return undefined;
  if (type === 'float' || type === 'double') {
    const value = readDecimal(bytes, start, end);
    // A decimal of so few digits is far from the limits of FP32.
    if (!Number.isNaN(value)) return value;
  } else if (type === 'int') {
    const value = readDecimal(bytes, start, end, false);
    if (!Number.isNaN(value)) return value + 0;
  }
  return readText(bytes.toString('utf8', start, end), type);
}

/** Reads the bytes [start, end) as a time, as `readEventTime` reads their text. */
export function readTimeBytes(bytes: Buffer, start: number, end: number): number | undefined {
  if (end - start > maxValueBytes) return undefined;
  const value = readDecimal(bytes, start, end);
  return readEventTime(Number.isNaN(value) ? bytes.toString('latin1', start, end) : value);
}

/**
 * The number that the bytes [start, end) write as digits, perhaps with a minus before and a point among them; NaN for
 * everything else, also for what may be a number in another spelling.
 */
export function readDecimal(bytes: Uint8Array, start: number, end: number, mayHavePoint = true): number {
  const isNegative = bytes[start] === 0x2d;
  const from = isNegative ? start + 1 : start;
  // Digits, and perhaps a point.
  if (end - from > maxDigits + 1) return Number.NaN;
  let value = 0;
  let point = -1;
  for (let i = from; i < end; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit >= 0 && digit <= 9) value = value * 10 + digit;
    else if (digit === -2 && point === -1 && mayHavePoint) point = i;
    else return Number.NaN;
  }
  const digits = end - from - (point === -1 ? 0 : 1);
  if (digits < 1 || digits > maxDigits) return Number.NaN;
  if (point !== -1) value /= powers[end - point - 1]!;
  return isNegative ? -value : value;
}
