import type { Buffer } from 'node:buffer';

import type { Scalar } from '../../core/facts.ts';
import { entryFields, parameterFields } from './infer-message.ts';
import { BYTES, FieldReader, FIXED64, readInteger, readVarint, VARINT, WireWriter } from './wire.ts';

/** An entry of a `map<string, InferParameter>`. */
export interface Parameter {
  readonly key: string;
  /** Integers beyond 2^53 - 1 are their digits; undefined when none of the values is set. */
  readonly value: Scalar | undefined;
}

/**
 * Reads the entry of a map of parameters in `message[from, to)`. As protobuf has it, the last of a repeated field
 * counts, and fields of another wire type than theirs are unknown ones. Null when it is malformed.
 */
export function readParameter(message: Buffer, from: number, to: number): Parameter | null {
  let key = '';
  let value: Scalar | undefined;
  const field = new FieldReader(message, from, to);
  while (field.next()) {
    if (field.type !== BYTES) continue;
    if (field.number === entryFields.key) {
      key = message.toString('utf8', field.from, field.to);
    } else if (field.number === entryFields.value) {
      const inner = new FieldReader(message, field.from, field.to);
      while (inner.next()) {
        const choice = readChoice(message, inner);
        if (choice !== undefined) value = choice;
      }
      if (!inner.isWell) return null;
    }
  }
  return field.isWell ? { key, value } : null;
}

function readChoice(message: Buffer, { number, type, from, to }: FieldReader): Scalar | undefined {
  switch (number) {
    case parameterFields.bool:
      return type === VARINT ? readVarint(message, from) !== 0 : undefined;
    case parameterFields.int64:
      return type === VARINT ? readInteger(message, from, true) : undefined;
    case parameterFields.string:
      return type === BYTES ? message.toString('utf8', from, to) : undefined;
    case parameterFields.double:
      return type === FIXED64 ? message.readDoubleLE(from) : undefined;
    case parameterFields.uint64:
      return type === VARINT ? readInteger(message, from, false) : undefined;
    default:
      return undefined;
  }
}

/** Whether the entry of a map in `message[from, to)` has this key; false when it is malformed. */
export function hasKey(message: Buffer, from: number, to: number, key: Buffer): boolean {
  let isSame = key.length === 0;
  const field = new FieldReader(message, from, to);
  while (field.next()) {
    if (field.number !== entryFields.key || field.type !== BYTES) continue;
    isSame = isEqual(message, field.from, field.to, key);
  }
  return field.isWell && isSame;
}

/** Whether `message[from, to)` are these bytes. */
export function isEqual(message: Buffer, from: number, to: number, bytes: Buffer): boolean {
  if (to - from !== bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) if (message[from + i] !== bytes[i]) return false;
  return true;
}

/**
 * The message with one more entry in the `map<string, InferParameter>` of this field, a text. An earlier entry with the
 * same key stays and counts no more, as protobuf has it. The same buffer comes back when the message is malformed.
 */
export function addStringParameter(message: Buffer, field: number, key: string, value: string): Buffer {
  const fields = new FieldReader(message);
  while (fields.next());
  if (!fields.isWell) return message;
  const parameter = new WireWriter(8 + value.length);
  parameter.text(parameterFields.string, value);
  const writer = new WireWriter(message.length + key.length + value.length + 32);
  writer.raw(message);
  writeEntry(writer, field, key, parameter.finish());
  return writer.finish();
}

/** Writes an entry of the map in this field, whose value is the InferParameter. */
export function writeEntry(writer: WireWriter, field: number, key: string, parameter: Uint8Array): void {
  const entry = new WireWriter(16 + key.length + parameter.length);
  entry.text(entryFields.key, key);
  entry.bytes(entryFields.value, parameter);
  writer.bytes(field, entry.finish());
}
