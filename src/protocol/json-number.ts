import { type CodecFailure, fail } from './codec-result.ts';
import type { FeatureDatatype, FeatureValue } from './feature-column.ts';

export type JsonText = { readonly ok: true; readonly text: string } | CodecFailure;

/** From here down an FP32 is subnormal and may need fewer than six digits. */
const smallestNormalFp32 = 2 ** -126;

/**
 * Writes one feature value as JSON text in a datatype. FP32: the shortest text that reads back as the same FP32. FP64:
 * the shortest that reads back as the same double. INT32, INT64: exact, also from bigint and decimal text. Booleans
 * count as 1 and 0 in numeric datatypes, 1 and 0 as booleans in BOOL. BYTES: any value as a string. Null is `null`.
 * Fails, naming the feature, for what the datatype cannot hold, and for NaN and infinities, which JSON cannot carry.
 */
export function writeValue(value: FeatureValue, datatype: FeatureDatatype, name: string): JsonText {
  if (value === null) return written('null');
  switch (datatype) {
    case 'BYTES':
      return written(JSON.stringify(typeof value === 'string' ? value : String(value)));
    case 'BOOL':
      return writeBoolean(value, name);
    case 'INT32':
      return writeInteger(value, 31n, datatype, name);
    case 'INT64':
      return writeInteger(value, 63n, datatype, name);
    default:
      return writeFloat(value, datatype, name);
  }
}

/**
 * The shortest decimal text that reads back as the same FP32 (`Math.fround(value)`). Six significant digits are tried
 * first, because every decimal of up to six survives FP32 (FLT_DIG), then up to nine, which always suffice.
 */
export function fp32Text(value: number): string {
  const single = Math.fround(value);
  if (!Number.isFinite(single) || single === 0) return floatText(single);
  const isNormal = Math.abs(single) >= smallestNormalFp32;
  // Up to six digits name one FP32 each, so the text of the double cannot be beaten.
  const text = String(value);
  if (isNormal && text.length <= 6) return text;
  for (let digits = isNormal ? 6 : 1; digits < 9; digits++) {
    const short = Number(single.toPrecision(digits));
    if (Math.fround(short) === single) return String(short);
  }
  return String(Number(single.toPrecision(9)));
}

/** The shortest text of a double, keeping the sign of zero. */
function floatText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function writeBoolean(value: Exclude<FeatureValue, null>, name: string): JsonText {
  if (typeof value === 'boolean') return written(String(value));
  if (value === 1 || value === 1n) return written('true');
  if (value === 0 || value === 0n) return written('false');
  return notRepresentable(name, 'BOOL');
}

function writeInteger(
  value: Exclude<FeatureValue, null>,
  bits: bigint,
  datatype: FeatureDatatype,
  name: string,
): JsonText {
  const integer = readInteger(value);
  const limit = 1n << bits;
  if (integer === null || integer >= limit || integer < -limit) return notRepresentable(name, datatype);
  return written(String(integer));
}

function writeFloat(value: Exclude<FeatureValue, null>, datatype: FeatureDatatype, name: string): JsonText {
  let number: number;
  if (typeof value === 'number') {
    number = value;
  } else {
    const integer = readInteger(value);
    if (integer === null) return notRepresentable(name, datatype);
    number = Number(integer);
  }
  if (!Number.isFinite(number)) {
    return fail(
      'FEATURE_MISSING',
      'NOT_FINITE',
      `The feature ${name} is not a finite number, and JSON cannot carry it.`,
    );
  }
  if (datatype === 'FP64') return written(floatText(number));
  // A finite double beyond the FP32 range would silently become infinite.
  return Number.isFinite(Math.fround(number)) ? written(fp32Text(number)) : notRepresentable(name, datatype);
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

function written(text: string): JsonText {
  return { ok: true, text };
}
