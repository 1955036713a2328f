import { Buffer } from 'node:buffer';

import { BYTES, FieldReader, WireWriter } from './wire.ts';

/** A text in the outermost message; `''` when it is absent, as protobuf has it, or the message is malformed. */
export function readStringField(message: Buffer, number: number): string {
  let from = 0;
  let to = 0;
  // Of a field that is there more than once the last counts.
  const field = new FieldReader(message);
  while (field.next()) if (field.number === number && field.type === BYTES) ({ from, to } = field);
  return field.isWell ? message.toString('utf8', from, to) : '';
}

/**
 * The message with this text in a field of it, in the place of the one that counts, or in front of all; every other byte
 * stays as it was. The same buffer comes back when nothing changes, or the message is malformed.
 */
export function setStringField(message: Buffer, number: number, text: string): Buffer {
  let start = 0;
  let end = 0;
  let isSame = text === '';
  const field = new FieldReader(message);
  while (field.next()) {
    if (field.number !== number || field.type !== BYTES) continue;
    start = field.tagAt;
    end = field.to;
    isSame = message.toString('utf8', field.from, field.to) === text;
  }
  if (!field.isWell || isSame) return message;
  const written = new WireWriter(16 + text.length);
  written.text(number, text);
  return Buffer.concat([message.subarray(0, start), written.finish(), message.subarray(end)]);
}

/** `setStringField` for a field that holds `from`; the same buffer for every other message. */
export function renameStringField(message: Buffer, number: number, from: string, to: string): Buffer {
  return readStringField(message, number) === from ? setStringField(message, number, to) : message;
}
