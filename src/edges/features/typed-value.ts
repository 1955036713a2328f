import type { FieldType } from '../../core/snapshot.ts';
import type { FeatureValue } from '../../gateway/ports.ts';

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
/** Data frames that once held a gap write whole numbers as `5.0`; the fraction of zeros loses nothing. */
const whole = /^([+-]?\d{1,19})(?:\.0+)?$/;
const smallestInt = -(2n ** 63n);
const largestInt = 2n ** 63n - 1n;

/**
 * Reads stored text as a feature of a type; undefined when it is not one. Floats must be finite (JSON tensors carry
 * neither NaN nor infinities), and a `float` must be finite in 32 bits. An `int` is 64 bit and exact: a number as long
 * as it is safe, else a bigint.
 */
export function readText(text: string, type: FieldType): FeatureValue | undefined {
  switch (type) {
    case 'string':
      return text;
    case 'int':
      return readInt(text);
    case 'bool':
      return readBool(text);
    default:
      return decimal.test(text) ? checkFloat(Number(text), type) : undefined;
  }
}

/** The same for a value of a JSON document; objects and arrays are no features. */
export function readJson(value: unknown, type: FieldType): FeatureValue | undefined {
  if (value === null) return null;
  if (typeof value === 'string') return readText(value, type);
  if (typeof value === 'boolean') return type === 'bool' ? value : type === 'string' ? String(value) : undefined;
  if (typeof value !== 'number' && typeof value !== 'bigint') return undefined;
  if (type === 'float' || type === 'double') return checkFloat(Number(value), type);
  return readText(String(value), type);
}

function checkFloat(value: number, type: 'float' | 'double'): number | undefined {
  return Number.isFinite(type === 'float' ? Math.fround(value) : value) ? value : undefined;
}

function readInt(text: string): number | bigint | undefined {
  const match = whole.exec(text);
  if (match === null) return undefined;
  const digits = match[1]!;
  const value = Number(digits);
  if (Number.isSafeInteger(value)) return value + 0;
  const exact = BigInt(digits);
  return exact >= smallestInt && exact <= largestInt ? exact : undefined;
}

function readBool(text: string): boolean | undefined {
  switch (text) {
    case 'true':
    case 'True':
    case '1':
      return true;
    case 'false':
    case 'False':
    case '0':
      return false;
    default:
      return undefined;
  }
}
