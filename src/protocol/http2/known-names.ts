import type { Buffer } from 'node:buffer';

import { kindOfName } from './field-kind.ts';

/** A name that came, as text. */
export class KnownName {
  readonly text: string;
  readonly kind: number;

  constructor(text: string) {
    this.text = text;
    this.kind = kindOfName(text);
  }
}

/** Places for names; by chance one takes the place of another. A power of two. */
const PLACES = 256;
const LENGTH_MAX = 64;
const places: Array<KnownName | undefined> = Array.from<KnownName | undefined>({ length: PLACES });

/** The name `bytes[start, end)`. All connections bring the same few names, so most are found and not made. */
export function knownName(bytes: Buffer, start: number, end: number): KnownName {
  const length = end - start;
  if (length === 0 || length > LENGTH_MAX) return new KnownName(bytes.toString('latin1', start, end));
  const place = (length * 31 + bytes[start]! * 7 + bytes[start + (length >> 1)]! * 3 + bytes[end - 1]!) & (PLACES - 1);
  const known = places[place];
  if (known !== undefined && isName(known.text, bytes, start, length)) return known;
  const name = new KnownName(bytes.toString('latin1', start, end));
  places[place] = name;
  return name;
}

function isName(text: string, bytes: Buffer, start: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}
