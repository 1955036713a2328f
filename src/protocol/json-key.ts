import { Buffer } from 'node:buffer';

import { readString } from './json-scalar.ts';

/** A key prepared for comparison with key tokens in bytes. */
export interface Key {
  readonly text: string;
  readonly bytes: Buffer;
  /** Whether the key's bytes can stand in a JSON string as they are. */
  readonly isPlain: boolean;
}

/** Prepares a key (any text) for `isKey`. */
export function compileKey(text: string): Key {
  // oxlint-disable-next-line no-control-regex -- Control characters are what it looks for.
  return { text, bytes: Buffer.from(text, 'utf8'), isPlain: !/["\\\u0000-\u001f]/.test(text) };
}

/**
 * Whether the string token at [start, end) (quotes included) has the key's text, however it is escaped. A token is
 * decoded only when it is short enough to be that key with every UTF-16 unit escaped, so a huge key costs nothing.
 */
export function isKey(body: Uint8Array, start: number, end: number, key: Key): boolean {
  const length = end - start - 2;
  const size = key.bytes.length;
  if (length < size) return false;
  if (length === size) return key.isPlain && hasBytes(body, start + 1, key.bytes);
  if (length > 6 * key.text.length) return false;
  for (let i = start + 1; i < end - 1; i++) {
    if (body[i] === 0x5c) return readString(body, start, end) === key.text;
  }
  return false;
}

function hasBytes(body: Uint8Array, at: number, bytes: Buffer): boolean {
  for (let i = 0; i < bytes.length; i++) if (body[at + i] !== bytes[i]) return false;
  return true;
}
