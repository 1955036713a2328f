import type { Buffer } from 'node:buffer';

import { entryFields } from './infer-message.ts';
import { BYTES, FieldReader, readVarint32, VARINT } from './wire.ts';

/** Field numbers of `seldon.protos` (prediction.proto of Seldon Core 1) and of google.protobuf.Value. */
export const messageFields = { status: 1, meta: 2 } as const;
export const metaFields = { puid: 1, tags: 2, routing: 3 } as const;
export const feedbackFields = { response: 2, reward: 3 } as const;
export const VALUE_STRING = 3;

/** The `meta` of a SeldonMessage, as far as it is read. */
export interface ReadMeta {
  /** `''` for none. */
  readonly puid: string;
  /** Those of `tags` that are texts. */
  readonly tags: Readonly<Record<string, string>>;
  readonly routing: Readonly<Record<string, number>>;
}

interface Found {
  puid: string;
  readonly tags: Map<string, string>;
  readonly routing: Map<string, number>;
}

/**
 * Reads the `meta` of a SeldonMessage, which is in the parts `[from, to)` of `bytes`, a flat list. All parts, and all
 * `meta` in them, are one, as protobuf has it. Null when they are malformed.
 */
export function readSeldonMeta(bytes: Buffer, parts: readonly number[]): ReadMeta | null {
  const found: Found = { puid: '', tags: new Map(), routing: new Map() };
  for (let i = 0; i < parts.length; i += 2) {
    const field = new FieldReader(bytes, parts[i], parts[i + 1]);
    while (field.next()) {
      if (field.number !== messageFields.meta || field.type !== BYTES) continue;
      if (!readMeta(bytes, field.from, field.to, found)) return null;
    }
    if (!field.isWell) return null;
  }
  return { puid: found.puid, tags: Object.fromEntries(found.tags), routing: Object.fromEntries(found.routing) };
}

function readMeta(bytes: Buffer, start: number, end: number, found: Found): boolean {
  const field = new FieldReader(bytes, start, end);
  while (field.next()) {
    const { number, type, from, to } = field;
    if (type !== BYTES) continue;
    if (number === metaFields.puid) found.puid = bytes.toString('utf8', from, to);
    else if (number === metaFields.tags && !readTag(bytes, from, to, found.tags)) return false;
    else if (number === metaFields.routing && !readRouting(bytes, from, to, found.routing)) return false;
  }
  return field.isWell;
}

/** A tag that is not a text takes the place of one that is. */
function readTag(bytes: Buffer, start: number, end: number, tags: Map<string, string>): boolean {
  let key = '';
  let text: string | null = null;
  const field = new FieldReader(bytes, start, end);
  while (field.next()) {
    if (field.type !== BYTES) continue;
    if (field.number === entryFields.key) key = bytes.toString('utf8', field.from, field.to);
    else if (field.number === entryFields.value) {
      const choice = new FieldReader(bytes, field.from, field.to);
      while (choice.next()) {
        const isText = choice.number === VALUE_STRING && choice.type === BYTES;
        text = isText ? bytes.toString('utf8', choice.from, choice.to) : null;
      }
      if (!choice.isWell) return false;
    }
  }
  if (text === null) tags.delete(key);
  else tags.set(key, text);
  return field.isWell;
}

function readRouting(bytes: Buffer, start: number, end: number, routing: Map<string, number>): boolean {
  let key = '';
  let child = 0;
  const field = new FieldReader(bytes, start, end);
  while (field.next()) {
    if (field.number === entryFields.key && field.type === BYTES) key = bytes.toString('utf8', field.from, field.to);
    else if (field.number === entryFields.value && field.type === VARINT) child = readVarint32(bytes, field.from);
  }
  routing.set(key, child);
  return field.isWell;
}
