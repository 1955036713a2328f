import type { Buffer } from 'node:buffer';

import { BYTES, FieldReader, WireWriter } from './wire.ts';

/**
 * The message with the messages in a field of it changed by `edit`, which gives back the same buffer to leave one as it
 * is. Every other byte stays; the same buffer comes back when nothing changes, or the message is malformed.
 */
export function editMessages(message: Buffer, number: number, edit: (content: Buffer) => Buffer): Buffer {
  let writer: WireWriter | null = null;
  let copied = 0;
  const field = new FieldReader(message);
  while (field.next()) {
    if (field.number !== number || field.type !== BYTES) continue;
    const content = message.subarray(field.from, field.to);
    const edited = edit(content);
    if (edited === content) continue;
    writer ??= new WireWriter(message.length + 64);
    writer.raw(message.subarray(copied, field.tagAt));
    writer.bytes(number, edited);
    copied = field.to;
  }
  if (writer === null || !field.isWell) return message;
  writer.raw(message.subarray(copied));
  return writer.finish();
}
