import { type Buffer, isUtf8 } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import { skipString, type Span } from '../json-scan.ts';
import { isBinaryOnly } from './datatypes.ts';

const notFinite = 'holds NaN or infinities';

/**
 * Why JSON cannot carry the elements of a tensor in the binary form, as what its label is followed by in messages; null
 * when it can. `checkRaw` must have accepted them.
 */
export function whyBeyondJson(raw: Buffer, datatype: string): string | null {
  if (isBinaryOnly(datatype)) return `is ${datatype}`;
  if (datatype === 'BYTES') return areTexts(raw) ? null : 'holds bytes that are not UTF-8 text';
  const isFinite = datatype === 'FP32' ? areFinite(raw, 4, 0x80) : datatype !== 'FP64' || areFinite(raw, 8, 0xf0);
  return isFinite ? null : notFinite;
}

/** `low` are the bits of the exponent in its lower byte; the exponent of what is not finite has all bits set. */
function areFinite(raw: Buffer, size: number, low: number): boolean {
  for (let at = size - 1; at < raw.length; at += size) {
    if ((raw[at]! & 0x7f) === 0x7f && (raw[at - 1]! & low) === low) return false;
  }
  return true;
}

/** The failure for a tensor or field that JSON cannot carry, where nothing else is read. `label` such as `input "x"`. */
export function failBeyondJson(label: string, why: string): CodecFailure {
  const text = `The ${label} ${why}, which JSON cannot carry, and this model's server reads no binary tensors.`;
  return fail('BAD_BODY', 'NOT_REPRESENTABLE', text);
}

/** The failure for a value with the bare tokens NaN or Infinity, which are no JSON; null for none. */
export function checkFinite(json: Buffer, span: Span | null, label: string): CodecFailure | null {
  return span !== null && hasBareTokens(json, span) ? failBeyondJson(label, notFinite) : null;
}

/** Why a tensor of numbers that are not all finite is not written as JSON. */
export function failNotFinite(label: string): CodecFailure {
  return failBeyondJson(label, notFinite);
}

/** Whether a value that the scanner accepted has NaN, Infinity or -Infinity outside of its strings. */
function hasBareTokens(json: Buffer, { start, end }: Span): boolean {
  const value = json.subarray(start, end);
  if (!value.includes(0x4e) && !value.includes(0x49)) return false;
  for (let i = start; i < end;) {
    const c = json[i];
    if (c === 0x4e || c === 0x49) return true;
    i = c === 0x22 ? skipString(json, i) : i + 1;
  }
  return false;
}

/** Whether elements of BYTES in their binary form are all UTF-8. */
function areTexts(raw: Buffer): boolean {
  for (let at = 0; at + 4 <= raw.length;) {
    const end = at + 4 + raw.readUInt32LE(at);
    if (!isUtf8(raw.subarray(at + 4, end))) return false;
    at = end;
  }
  return true;
}
