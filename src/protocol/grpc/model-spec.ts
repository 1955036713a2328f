import type { Buffer } from 'node:buffer';

import { editMessages } from './edit-messages.ts';
import { setStringField } from './string-field.ts';
import { BYTES, FieldReader, readVarint64, VARINT, WireWriter } from './wire.ts';

/** What a `tensorflow.serving.ModelSpec` names; `''` for none. */
export interface ModelNames {
  readonly model: string;
  /** The number, or the label. */
  readonly version: string;
  readonly isLabel: boolean;
}

/** Where requests of `tensorflow.serving` have the spec, and the spec has the name, the version and the label. */
const specField = 1;
const nameField = 1;
const versionField = 2;
const labelField = 4;
const none: ModelNames = { model: '', version: '', isLabel: false };

/**
 * Reads the names in a request of `tensorflow.serving`: ModelSpec{name = 1, version = 2 (Int64Value), version_label = 4}
 * in field 1, or, `isInTasks`, in field 1 of the first task in field 1. A spec in several pieces is read as protobuf
 * merges them. Null when something on the way is malformed.
 */
export function readModelSpec(message: Buffer, isInTasks: boolean): ModelNames | null {
  if (!isInTasks) return readSpecs(message, 0, message.length);
  const field = new FieldReader(message);
  while (field.next()) {
    if (field.number === specField && field.type === BYTES) return readSpecs(message, field.from, field.to);
  }
  return field.isWell ? none : null;
}

/** The request with these names in every spec that it has; null keeps what is there. No other byte changes. */
export function setModelSpec(
  message: Buffer,
  isInTasks: boolean,
  model: string | null,
  version: string | null,
): Buffer {
  const edit = (spec: Buffer): Buffer => {
    const named = model === null ? spec : setStringField(spec, nameField, model);
    return version === null ? named : setVersion(named, version);
  };
  if (!isInTasks) return editMessages(message, specField, edit);
  return editMessages(message, specField, (task) => editMessages(task, specField, edit));
}

/** The names in all pieces of the spec of the message in `bytes[start, end)`. */
function readSpecs(bytes: Buffer, start: number, end: number): ModelNames | null {
  let model = '';
  let version = '';
  let isLabel = false;
  const outer = new FieldReader(bytes, start, end);
  while (outer.next()) {
    if (outer.number !== specField || outer.type !== BYTES) continue;
    const field = new FieldReader(bytes, outer.from, outer.to);
    while (field.next()) {
      const { number, from, to } = field;
      if (field.type !== BYTES) continue;
      if (number === nameField) model = bytes.toString('utf8', from, to);
      // Version and label are one of the two: the last that is there.
      if (number === labelField) {
        version = bytes.toString('utf8', from, to);
        isLabel = version !== '';
      } else if (number === versionField) {
        const read = readVersion(bytes, from, to, isLabel ? '' : version);
        if (read === null) return null;
        version = read;
        isLabel = false;
      }
    }
    if (!field.isWell) return null;
  }
  return outer.isWell ? { model, version, isLabel } : null;
}

/** The number in the Int64Value at `[start, end)`; null when it is malformed. `known`: of an earlier piece, `''` for none. */
function readVersion(bytes: Buffer, start: number, end: number, known: string): string | null {
  let version = known === '' ? '0' : known;
  const field = new FieldReader(bytes, start, end);
  while (field.next()) {
    if (field.number !== 1 || field.type !== VARINT) continue;
    version = String(BigInt.asIntN(64, readVarint64(bytes, field.from)));
  }
  return field.isWell ? version : null;
}

/** The spec with the version, a number when it is written as one, in the place of version and label. */
function setVersion(spec: Buffer, version: string): Buffer {
  const writer = new WireWriter(spec.length + version.length + 32);
  let copied = 0;
  const field = new FieldReader(spec);
  while (field.next()) {
    if ((field.number !== versionField && field.number !== labelField) || field.type !== BYTES) continue;
    writer.raw(spec.subarray(copied, field.tagAt));
    copied = field.to;
  }
  if (!field.isWell) return spec;
  writer.raw(spec.subarray(copied));
  const number = /^\d{1,19}$/.test(version) ? BigInt(version) : -1n;
  if (number >= 0n && number < 1n << 63n) {
    const value = new WireWriter(16);
    value.tag(1, VARINT);
    value.varint64(number);
    writer.bytes(versionField, value.finish());
  } else writer.text(labelField, version);
  const written = writer.finish();
  return written.equals(spec) ? spec : written;
}
