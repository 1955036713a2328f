import { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import { readString } from '../json-scalar.ts';
import { kindAt, skipSpace, skipValue, type Span } from '../json-scan.ts';
import { countElements, elementSize, failCount, isBinaryOnly } from './datatypes.ts';
import { failObject } from './elements.ts';
import { Nesting } from './nesting.ts';

/** Writes the scalar in `json[start, end)` to `raw[at]`; returns behind it, or -1 when the datatype cannot hold it. */
type Encode = (raw: Buffer, at: number, json: Buffer, start: number, end: number) => number;

const encoders: ReadonlyMap<string, Encode> = new Map<string, Encode>([
  ['BOOL', encodeBoolean],
  ['INT8', small(-0x80, 0x7f, (raw, value, at) => raw.writeInt8(value, at))],
  ['INT16', small(-0x8000, 0x7fff, (raw, value, at) => raw.writeInt16LE(value, at))],
  ['INT32', small(-0x80000000, 0x7fffffff, (raw, value, at) => raw.writeInt32LE(value, at))],
  ['UINT8', small(0, 0xff, (raw, value, at) => raw.writeUInt8(value, at))],
  ['UINT16', small(0, 0xffff, (raw, value, at) => raw.writeUInt16LE(value, at))],
  ['UINT32', small(0, 0xffffffff, (raw, value, at) => raw.writeUInt32LE(value, at))],
  ['INT64', large(-(1n << 63n), (1n << 63n) - 1n)],
  ['UINT64', large(0n, (1n << 64n) - 1n)],
  ['FP32', encodeSingle],
  ['FP64', encodeDouble],
  ['BYTES', encodeText],
]);

/** Digits of an integer that is surely exact as a double. */
const safeDigits = 15;
const powers = Array.from({ length: safeDigits + 1 }, (_, i) => Number(`1e${i}`));
/** Longer tokens are no integers of 64 bits. */
const longDigits = 20;
/** Holds an element that is only checked. */
const scratch = Buffer.alloc(8);
/** Longer tokens are cut in messages. */
const shownMax = 32;

/**
 * The binary form of elements in JSON, nested or flat; the scanner must have accepted the span. Integers of 64 bits are
 * exact. Fails when their number is not that of the shape, one does not fit the datatype, or is null, for a nesting
 * that is not the shape's, and for datatypes without a JSON form. `label` such as `input "x"`.
 */
export function encodeElements(
  json: Buffer,
  span: Span,
  datatype: string,
  shape: readonly number[],
  label: string,
): Buffer | CodecFailure {
  const { start, end } = span;
  const size = elementSize(datatype, label);
  if (typeof size !== 'number') return size;
  const count = countElements(shape);
  // An element takes a byte at least, so that a shape alone makes nothing large.
  if (count > end - start) return failCount(label, shape, 'fewer');
  const raw = Buffer.allocUnsafe(size > 0 ? count * size : 4 * count + end - start);
  let at = 0;
  const problem = eachElement(json, span, datatype, shape, label, (encode, from, to) => {
    at = encode(raw, at, json, from, to);
    return at !== -1;
  });
  return problem ?? raw.subarray(0, at);
}

/** The failure of `encodeElements`, for elements that are not needed in the binary form; null for none. */
export function checkElements(
  json: Buffer,
  span: Span,
  datatype: string,
  shape: readonly number[],
  label: string,
): CodecFailure | null {
  const isText = datatype === 'BYTES';
  return eachElement(json, span, datatype, shape, label, (encode, from, to) =>
    isText ? isWellFormedText(json, from, to) : encode(scratch, 0, json, from, to) !== -1,
  );
}

function eachElement(
  json: Buffer,
  { start, end }: Span,
  datatype: string,
  shape: readonly number[],
  label: string,
  take: (encode: Encode, from: number, to: number) => boolean,
): CodecFailure | null {
  const size = elementSize(datatype, label);
  if (typeof size !== 'number') return size;
  const encode = encoders.get(datatype);
  if (encode === undefined || isBinaryOnly(datatype)) {
    const text = `The ${label} is ${datatype}, which has no JSON form; send it as binary data, or as FP32.`;
    return fail('BAD_BODY', 'DATATYPE', text);
  }
  const count = countElements(shape);
  const nesting = new Nesting(shape, label);
  let found = 0;
  for (let i = skipSpace(json, start); i < end;) {
    const c = json[i];
    if (c === 0x5b || c === 0x5d || c === 0x2c) {
      if (c !== 0x2c) nesting.bracket(c);
      i = skipSpace(json, i + 1);
      continue;
    }
    if (c === 0x7b) return failObject(label);
    if (found === count) return failCount(label, shape, 'more');
    const next = skipValue(json, i);
    nesting.element();
    if (!take(encode, i, next)) return failElement(json, i, next, datatype, label, found);
    found++;
    i = skipSpace(json, next);
  }
  return found === count ? nesting.finish() : failCount(label, shape, 'fewer');
}

function failElement(
  json: Buffer,
  start: number,
  end: number,
  datatype: string,
  label: string,
  index: number,
): CodecFailure {
  const isNull = json[start] === 0x6e;
  const token = json.toString('utf8', start, Math.min(end, start + shownMax));
  const text = `Element ${index} of the ${label}, ${token}, is not ${datatype}; send what its datatype can hold.`;
  return fail('BAD_BODY', isNull ? 'NULL_VALUE' : 'NOT_REPRESENTABLE', text);
}

function encodeBoolean(raw: Buffer, at: number, json: Buffer, start: number, end: number): number {
  const c = json[start];
  const isTrue = c === 0x74 || (c === 0x31 && end === start + 1);
  if (!isTrue && c !== 0x66 && (c !== 0x30 || end !== start + 1)) return -1;
  raw[at] = isTrue ? 1 : 0;
  return at + 1;
}

function small(min: number, max: number, write: (raw: Buffer, value: number, at: number) => number): Encode {
  return (raw, at, json, start, end) => {
    const value = readDigits(json, start, end);
    return value >= min && value <= max ? write(raw, value, at) : -1;
  };
}

function large(min: bigint, max: bigint): Encode {
  const isSigned = min < 0n;
  return (raw, at, json, start, end) => {
    const value = readDigits(json, start, end);
    if (!Number.isNaN(value)) {
      if (value < 0 && !isSigned) return -1;
      const high = Math.floor(value / 2 ** 32);
      raw.writeUInt32LE(value - high * 2 ** 32, at);
      return raw.writeInt32LE(high, at + 4);
    }
    const text = end - start > longDigits ? '' : json.toString('latin1', start, end);
    if (!/^-?[0-9]+$/.test(text)) return -1;
    const exact = BigInt(text);
    if (exact < min || exact > max) return -1;
    return isSigned ? raw.writeBigInt64LE(exact, at) : raw.writeBigUInt64LE(exact, at);
  };
}

/** An integer of at most 15 digits; NaN for everything else. */
function readDigits(json: Buffer, start: number, end: number): number {
  const isNegative = json[start] === 0x2d;
  const from = isNegative ? start + 1 : start;
  if (end - from > safeDigits) return NaN;
  let value = 0;
  for (let i = from; i < end; i++) {
    const digit = json[i]! - 0x30;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  return isNegative ? 0 - value : value;
}

/** A number, or a bare NaN or Infinity; undefined for what is no number, and for one beyond the doubles. */
function readDouble(json: Buffer, start: number, end: number): number | undefined {
  if (kindAt(json, start) !== 'number') return undefined;
  const short = readDecimal(json, start, end);
  if (!Number.isNaN(short)) return short;
  const value = Number(json.toString('latin1', start, end));
  const isToken = json[end - 1] === 0x79 || json[end - 1] === 0x4e;
  return Number.isFinite(value) || isToken ? value : undefined;
}

/**
 * A decimal of at most 15 digits without an exponent; NaN for everything else. Its digits and the power of ten are
 * exact doubles, so that their quotient is the double nearest to it.
 */
function readDecimal(json: Buffer, start: number, end: number): number {
  const isNegative = json[start] === 0x2d;
  const from = isNegative ? start + 1 : start;
  if (end - from > safeDigits) return NaN;
  let value = 0;
  let point = end;
  for (let i = from; i < end; i++) {
    const digit = json[i]! - 0x30;
    if (digit >= 0 && digit <= 9) value = value * 10 + digit;
    else if (json[i] === 0x2e) point = i + 1;
    else return NaN;
  }
  const size = value / powers[end - point]!;
  return isNegative ? -size : size;
}

function encodeSingle(raw: Buffer, at: number, json: Buffer, start: number, end: number): number {
  const value = readDouble(json, start, end);
  if (value === undefined) return -1;
  // What is beyond FP32 would silently become infinite.
  if (Number.isFinite(value) && !Number.isFinite(Math.fround(value))) return -1;
  return raw.writeFloatLE(value, at);
}

function encodeDouble(raw: Buffer, at: number, json: Buffer, start: number, end: number): number {
  const value = readDouble(json, start, end);
  return value === undefined ? -1 : raw.writeDoubleLE(value, at);
}

function encodeText(raw: Buffer, at: number, json: Buffer, start: number, end: number): number {
  if (json[start] !== 0x22) return -1;
  const from = at + 4;
  if (json.subarray(start, end).includes(0x5c)) {
    const text = readString(json, start, end);
    if (!text.isWellFormed()) return -1;
    const size = raw.write(text, from, 'utf8');
    raw.writeUInt32LE(size, at);
    return from + size;
  }
  const size = json.copy(raw, from, start + 1, end - 1);
  raw.writeUInt32LE(size, at);
  return from + size;
}

/** Whether `json[start, end)` is a string without halves of surrogate pairs, which are no characters. */
export function isWellFormedText(json: Buffer, start: number, end: number): boolean {
  if (json[start] !== 0x22) return false;
  return !json.subarray(start, end).includes(0x5c) || readString(json, start, end).isWellFormed();
}
