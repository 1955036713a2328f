import type { Buffer } from 'node:buffer';

import type { CodecFailure } from '../codec-result.ts';
import { entryFields, parameterFields } from '../grpc/infer-message.ts';
import { writeEntry } from '../grpc/parameters.ts';
import { BYTES, FieldReader, FIXED64, readVarint, readVarint64, VARINT, WireWriter } from '../grpc/wire.ts';
import { readScalar } from '../json-scalar.ts';
import { skipValue, type Span } from '../json-scan.ts';
import { JsonWriter } from '../json-writer.ts';
import { writeDouble } from './elements.ts';
import { readMembers, spanAt } from './json-reader.ts';
import { failUnsupported } from './wording.ts';

const int64Max = (1n << 63n) - 1n;

/**
 * Writes a JSON object of parameters as the entries of a `map<string, InferParameter>`: booleans, strings, integers as
 * int64 (uint64 beyond), other numbers as double. Null counts as absent, and so does the key `dropped`. Fails for arrays
 * and objects; `where` such as `inputs[0].`.
 */
export function writeInferParameters(
  writer: WireWriter,
  field: number,
  json: Buffer,
  parameters: Span | null,
  dropped: string,
  where = '',
): CodecFailure | null {
  if (parameters === null) return null;
  const end = readMembers(json, parameters.start, (key, at) => {
    const span = spanAt(json, at);
    if (span === null) return -1;
    if (span.kind === 'object' || span.kind === 'array') {
      return failUnsupported(`${where}parameters.${key}`, 'must be a string, a number or a boolean');
    }
    if (key !== dropped && span.kind !== 'null') writeEntry(writer, field, key, inferParameter(json, span));
    return span.end;
  });
  return typeof end === 'number' ? null : end;
}

/**
 * Writes those parameters that an InferParameter can hold, but not the key `dropped`: for answers, of which the client
 * should not lose the tensors for a hint of its server's, such as MLServer's `headers`.
 */
export function writeKnownParameters(
  writer: WireWriter,
  field: number,
  json: Buffer,
  parameters: Span | null,
  dropped = '',
): void {
  if (parameters === null) return;
  readMembers(json, parameters.start, (key, at) => {
    const span = spanAt(json, at);
    if (span === null) return -1;
    const isScalar = span.kind === 'string' || span.kind === 'number' || span.kind === 'boolean';
    if (isScalar && key !== dropped) writeEntry(writer, field, key, inferParameter(json, span));
    return skipValue(json, at);
  });
}

function inferParameter(json: Buffer, span: Span): Buffer {
  const writer = new WireWriter(32);
  const value = readScalar(json, span);
  if (typeof value === 'boolean') {
    writer.tag(parameterFields.bool, VARINT);
    writer.varint(value ? 1 : 0);
  } else if (span.kind === 'string') writer.text(parameterFields.string, String(value));
  else writeNumber(writer, json.toString('latin1', span.start, span.end));
  return writer.finish();
}

function writeNumber(writer: WireWriter, text: string): void {
  const integer = /^-?[0-9]{1,20}$/.test(text) ? BigInt(text) : null;
  if (integer !== null && integer >= -int64Max - 1n && integer < 1n << 64n) {
    writer.tag(integer > int64Max ? parameterFields.uint64 : parameterFields.int64, VARINT);
    writer.varint64(integer);
    return;
  }
  writer.tag(parameterFields.double, FIXED64);
  writer.float64(Number(text));
}

/**
 * The entries of a `map<string, InferParameter>` at these places (begin and end in turn) as the members of a JSON object,
 * without its braces; `''` for none. Entries without a value or one that JSON can carry are left out, and so is the key
 * `dropped`; of entries with the same key the last counts. Integers are exact, doubles have a point or an exponent.
 */
export function inferParameters(message: Buffer, places: readonly number[], dropped = ''): string {
  if (places.length === 0) return '';
  const members: string[] = [];
  for (const [key, value] of readEntries(message, places)) {
    if (value !== NOT_JSON && key !== dropped) members.push(`${JSON.stringify(key)}:${value}`);
  }
  return members.join(',');
}

/** The key of a parameter at these places that is NaN or infinite, which JSON cannot carry; null for none. */
export function unwritableParameter(message: Buffer, places: readonly number[]): string | null {
  if (places.length === 0) return null;
  for (const [key, value] of readEntries(message, places)) if (value === NOT_JSON) return key;
  return null;
}

/** In place of a value that JSON cannot carry. */
const NOT_JSON = '';

/** The values as JSON by their keys; those of entries that have one. */
function readEntries(message: Buffer, places: readonly number[]): Map<string, string> {
  const members = new Map<string, string>();
  for (let i = 0; i < places.length; i += 2) {
    const entry = new FieldReader(message, places[i], places[i + 1]);
    let key = '';
    let value: string | null = null;
    while (entry.next()) {
      if (entry.type !== BYTES) continue;
      if (entry.number === entryFields.key) key = message.toString('utf8', entry.from, entry.to);
      else if (entry.number === entryFields.value) {
        const parameter = new FieldReader(message, entry.from, entry.to);
        while (parameter.next()) value = choiceText(message, parameter) ?? value;
      }
    }
    if (value !== null) members.set(key, value);
  }
  return members;
}

/** The choice that a field is, as JSON; null for an unknown field. */
function choiceText(message: Buffer, { number, type, from, to }: FieldReader): string | null {
  if (number === parameterFields.string && type === BYTES) return JSON.stringify(message.toString('utf8', from, to));
  if (number === parameterFields.double && type === FIXED64) return doubleText(message.readDoubleLE(from));
  if (type !== VARINT) return null;
  if (number === parameterFields.bool) return readVarint(message, from) === 0 ? 'false' : 'true';
  if (number === parameterFields.int64) return String(BigInt.asIntN(64, readVarint64(message, from)));
  return number === parameterFields.uint64 ? String(readVarint64(message, from)) : null;
}

function doubleText(value: number): string {
  if (!Number.isFinite(value)) return NOT_JSON;
  const out = new JsonWriter();
  writeDouble(out, value);
  const text = out.toString();
  // A whole number keeps its point, or it would come back as an integer.
  return /^-?[0-9]+$/.test(text) ? `${text}.0` : text;
}
