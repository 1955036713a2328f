import { type CodecFailure, fail } from './codec-result.ts';
import type { FeatureDatatype, FeatureValue } from './feature-layout.ts';
import type { JsonWriter } from './json-writer.ts';

/** From here down an FP32 is subnormal and may need fewer than six digits. */
const smallestNormalFp32 = 2 ** -126;
/** Integers below this are one FP32 each, so that no shorter text names the same. */
const exactFp32 = 2 ** 24;
const int32 = 2 ** 31;
const powers = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11];
/** Upper bounds of sizes with -2, -1, 0, 1 ... digits before the point. */
const bounds = [1e-2, 1e-1, ...powers];

/**
 * Writes one feature value as JSON in a datatype. FP32: the shortest text that reads back as the same FP32. FP64: the
 * shortest that reads back as the same double. INT32, INT64: exact, also from bigint and decimal text. Booleans count as
 * 1 and 0 in numeric datatypes, 1 and 0 as booleans in BOOL. BYTES: any value as a string. Null is `null`. Returns the
 * failure, naming the feature, for what the datatype cannot hold, and for NaN and infinities, which JSON cannot carry;
 * then nothing was written. Null when all is well.
 */
export function writeValue(
  out: JsonWriter,
  value: FeatureValue,
  datatype: FeatureDatatype,
  name: string,
): CodecFailure | null {
  if (value === null) {
    out.ascii('null');
    return null;
  }
  switch (datatype) {
    case 'FP32':
    case 'FP64':
      return writeFloat(out, value, datatype, name);
    case 'BYTES':
      out.text(JSON.stringify(typeof value === 'string' ? value : String(value)));
      return null;
    case 'BOOL':
      return writeBoolean(out, value, name);
    default:
      return writeInteger(out, value, datatype, name);
  }
}

/**
 * The shortest decimal that reads back as the same FP32 (`Math.fround(value)`), which must be finite. Six significant
 * digits are tried first, because every decimal of up to six survives FP32 (FLT_DIG), then up to nine, which always
 * suffice.
 */
export function writeFp32(out: JsonWriter, value: number): void {
  const single = Math.fround(value);
  const size = Math.abs(single);
  if (size >= exactFp32 || size < 1e-3) return writeRareFp32(out, single);
  if (Number.isInteger(single)) return out.decimal(single, 0);
  // Digits before the point; below one the zeros behind the point count as negative.
  let whole = -2;
  while (size >= bounds[whole + 2]!) whole++;
  for (let digits = Math.max(6, whole); digits <= 9; digits++) {
    const decimals = digits - whole;
    const scaled = Math.round(single * powers[decimals]!);
    if (Math.fround(scaled / powers[decimals]!) === single) return out.decimal(scaled, decimals);
  }
  writeRareFp32(out, single);
}

function writeRareFp32(out: JsonWriter, single: number): void {
  if (single === 0) return writeZero(out, single);
  for (let digits = Math.abs(single) >= smallestNormalFp32 ? 6 : 1; digits < 9; digits++) {
    const short = Number(single.toPrecision(digits));
    if (Math.fround(short) === single) return out.ascii(String(short));
  }
  out.ascii(String(Number(single.toPrecision(9))));
}

/** The shortest text of a double, keeping the sign of zero. */
function writeFp64(out: JsonWriter, value: number): void {
  if (value === 0) return writeZero(out, value);
  // Each decimal of up to 15 digits is a double of its own, so that one which reads back the same is the shortest.
  const scaled = Math.round(value * 1e6);
  if (scaled < int32 && scaled > -int32 && scaled / 1e6 === value) return out.decimal(scaled, 6);
  out.ascii(String(value));
}

function writeZero(out: JsonWriter, zero: number): void {
  if (Object.is(zero, -0)) out.byte(0x2d);
  out.byte(0x30);
}

function writeBoolean(out: JsonWriter, value: Exclude<FeatureValue, null>, name: string): CodecFailure | null {
  if (value === true || value === 1 || value === 1n) out.ascii('true');
  else if (value === false || value === 0 || value === 0n) out.ascii('false');
  else return notRepresentable(name, 'BOOL');
  return null;
}

function writeInteger(
  out: JsonWriter,
  value: Exclude<FeatureValue, null>,
  datatype: 'INT32' | 'INT64',
  name: string,
): CodecFailure | null {
  if (typeof value === 'number' && Number.isInteger(value) && value < int32 && value > -int32) {
    out.decimal(value, 0);
    return null;
  }
  const integer = readInteger(value);
  const limit = datatype === 'INT32' ? 1n << 31n : 1n << 63n;
  if (integer === null || integer >= limit || integer < -limit) return notRepresentable(name, datatype);
  out.ascii(String(integer));
  return null;
}

function writeFloat(
  out: JsonWriter,
  value: Exclude<FeatureValue, null>,
  datatype: 'FP32' | 'FP64',
  name: string,
): CodecFailure | null {
  let number: number;
  if (typeof value === 'number') {
    number = value;
  } else {
    const integer = readInteger(value);
    if (integer === null) return notRepresentable(name, datatype);
    number = Number(integer);
  }
  if (!Number.isFinite(number)) {
    const text = `The feature ${name} is not a finite number, and JSON cannot carry it.`;
    return fail('FEATURE_MISSING', 'NOT_FINITE', text);
  }
  if (datatype === 'FP64') {
    writeFp64(out, number);
    return null;
  }
  // A finite double beyond the FP32 range would silently become infinite.
  if (!Number.isFinite(Math.fround(number))) return notRepresentable(name, datatype);
  writeFp32(out, number);
  return null;
}

function readInteger(value: Exclude<FeatureValue, null>): bigint | null {
  switch (typeof value) {
    case 'bigint':
      return value;
    case 'boolean':
      return value ? 1n : 0n;
    case 'number':
      return Number.isInteger(value) ? BigInt(value) : null;
    default:
      return /^-?[0-9]{1,20}$/.test(value) ? BigInt(value) : null;
  }
}

function notRepresentable(name: string, datatype: FeatureDatatype): CodecFailure {
  return fail('FEATURE_MISSING', 'NOT_REPRESENTABLE', `The feature ${name} has a value that ${datatype} cannot hold.`);
}
