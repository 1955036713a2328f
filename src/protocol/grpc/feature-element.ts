import { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import type { FeatureDatatype, FeatureValue } from '../feature-layout.ts';
import { shortestFp32 } from '../shortest-fp32.ts';
import { parameterFields } from './infer-message.ts';
import { FIXED64, VARINT, type WireWriter } from './wire.ts';

const int32 = 2 ** 31;

/**
 * The writers of one feature value (not null) in a datatype, by the same rules as `writeValue` of JSON: booleans count
 * as 1 and 0 in numeric datatypes, 1 and 0 as booleans in BOOL, INT64 also comes as decimal text, BYTES takes any value
 * as text. Unlike JSON, NaN and infinities can be carried. They return the failure, naming the feature, for what the
 * datatype cannot hold, else null.
 */
export type ElementWriter = (
  writer: WireWriter,
  value: Exclude<FeatureValue, null>,
  datatype: FeatureDatatype,
  name: string,
) => CodecFailure | null;

/** Writes an element of packed InferTensorContents; of BYTES, which are not packed, the whole field. */
export const writeTyped: ElementWriter = (writer, value, datatype, name) => {
  const element = convert(value, datatype);
  if (element === null) return notRepresentable(name, datatype);
  if (typeof element === 'string') writer.text(8, element);
  else if (datatype === 'FP32') writer.float32(Number(element));
  else if (datatype === 'FP64') writer.float64(Number(element));
  else writeVarint(writer, element);
  return null;
};

/** Writes an element of raw contents. */
export const writeRaw: ElementWriter = (writer, value, datatype, name) => {
  const element = convert(value, datatype);
  if (element === null) return notRepresentable(name, datatype);
  if (typeof element === 'string') {
    const text = Buffer.from(element);
    writer.fixed32(text.length);
    writer.raw(text);
  } else if (datatype === 'FP32') writer.float32(Number(element));
  else if (datatype === 'FP64') writer.float64(Number(element));
  else if (datatype === 'INT64') writer.fixed64(BigInt(element));
  else if (datatype === 'INT32') writer.fixed32(Number(element));
  else writer.varint(Number(element));
  return null;
};

/**
 * Writes an InferParameter. Numbers with a fraction are `double_param`, which Triton added to the protocol; that of an
 * FP32 is what its shortest text reads as, so that a request in JSON says the same.
 */
export const writeParameter: ElementWriter = (writer, value, datatype, name) => {
  const element = convert(value, datatype);
  if (element === null) return notRepresentable(name, datatype);
  if (typeof element === 'string') {
    writer.text(parameterFields.string, element);
  } else if (datatype === 'FP32' || datatype === 'FP64') {
    writer.tag(parameterFields.double, FIXED64);
    writer.float64(datatype === 'FP32' ? shortestFp32(Number(element)) : Number(element));
  } else {
    writer.tag(datatype === 'BOOL' ? parameterFields.bool : parameterFields.int64, VARINT);
    writeVarint(writer, element);
  }
  return null;
};

function writeVarint(writer: WireWriter, element: number | bigint): void {
  if (typeof element === 'number' && element >= 0) writer.varint(element);
  else writer.varint64(BigInt(element));
}

/** The value as the datatype has it: text for BYTES, 1 and 0 for BOOL, else a number in its range; null for none. */
function convert(value: Exclude<FeatureValue, null>, datatype: FeatureDatatype): number | bigint | string | null {
  if (datatype === 'BYTES') return String(value);
  const number = typeof value === 'number' ? value : readInteger(value);
  switch (datatype) {
    case 'BOOL':
      if (typeof value === 'string') return null;
      return number === 1 || number === 1n ? 1 : number === 0 || number === 0n ? 0 : null;
    case 'FP64':
      return number === null ? null : Number(number);
    case 'FP32': {
      if (number === null) return null;
      const wide = Number(number);
      // A finite double beyond the FP32 range would silently become infinite.
      return Number.isFinite(wide) && !Number.isFinite(Math.fround(wide)) ? null : wide;
    }
    case 'INT32':
      return number !== null && number < int32 && number >= -int32 && isInteger(number) ? Number(number) : null;
    default: {
      if (number === null || Number.isSafeInteger(number)) return number;
      const wide = isInteger(number) ? BigInt(number) : null;
      return wide !== null && BigInt.asIntN(64, wide) === wide ? wide : null;
    }
  }
}

function isInteger(number: number | bigint): boolean {
  return typeof number === 'bigint' || Number.isInteger(number);
}

function readInteger(value: bigint | string | boolean): number | bigint | null {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  return /^-?[0-9]{1,20}$/.test(value) ? BigInt(value) : null;
}

function notRepresentable(name: string, datatype: FeatureDatatype): CodecFailure {
  return fail('FEATURE_MISSING', 'NOT_REPRESENTABLE', `The feature ${name} has a value that ${datatype} cannot hold.`);
}
