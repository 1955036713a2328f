import { octetClass, TOKEN, VALUE } from '../http1/octet-class.ts';

/** What a field is to a section of fields. */
export const PLAIN = 0;
export const METHOD = 1;
export const SCHEME = 2;
export const AUTHORITY = 3;
export const PATH = 4;
export const STATUS = 5;
export const CONTENT_LENGTH = 6;
export const TE = 7;
/** Makes its message malformed, RFC 9113 8.1.1: no name, no value, or of a connection. */
export const BAD = 8;

const SPACE = 0x20;
const TAB = 0x09;
/** Lengths with more digits are no lengths of this world, and no safe integers. */
const LENGTH_DIGITS_MAX = 15;

const kinds: ReadonlyMap<string, number> = new Map([
  [':method', METHOD],
  [':scheme', SCHEME],
  [':authority', AUTHORITY],
  [':path', PATH],
  [':status', STATUS],
  ['content-length', CONTENT_LENGTH],
  ['te', TE],
  // RFC 9113 8.2.2.
  ['connection', BAD],
  ['keep-alive', BAD],
  ['proxy-connection', BAD],
  ['transfer-encoding', BAD],
  ['upgrade', BAD],
]);

/** The kind of fields of this name: a token without capitals (RFC 9113 8.2.1), or one of the pseudo fields known here. */
export function kindOfName(name: string): number {
  const kind = kinds.get(name);
  if (kind !== undefined) return kind;
  if (name === '') return BAD;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if ((octetClass[code]! & TOKEN) === 0 || (code >= 0x41 && code <= 0x5a)) return BAD;
  }
  return PLAIN;
}

/**
 * What a name is made of is seen octet by octet; a value is looked at where its octets are. A space at its end, which RFC
 * 9113 8.2.1 forbids, is let through: texts of errors that grpcio sends have it, and their call would be lost.
 */
export function isValue(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((octetClass[bytes[at]!]! & VALUE) === 0) return false;
  return start === end || !(bytes[start] === SPACE || bytes[start] === TAB || bytes[end - 1] === TAB);
}

/** The kind of a field: that of its name, or BAD when this is no value for it. `isValue` holds for the value. */
export function kindOfField(nameKind: number, value: string): number {
  if (nameKind === PLAIN || nameKind === BAD) return nameKind;
  return isFor(nameKind, value) ? nameKind : BAD;
}

/**
 * The pseudo fields by RFC 9113 8.3.1, as strict as the line of an HTTP/1 request: what is in them may become one.
 * A status has three digits; 101 does not exist here (8.6).
 */
function isFor(nameKind: number, value: string): boolean {
  switch (nameKind) {
    case METHOD:
      return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(value);
    case SCHEME:
      return /^[A-Za-z][A-Za-z0-9+\-.]*$/.test(value);
    case AUTHORITY:
      return /^[A-Za-z0-9._~%!$&'()*+,;=:@[\]-]*$/.test(value);
    case PATH:
      // No fragment; visible ASCII, RFC 9112 3.2.
      return /^(?:\/[!"$-~]*|\*)$/.test(value);
    case STATUS:
      return /^[1-9][0-9][0-9]$/.test(value) && value !== '101';
    case CONTENT_LENGTH:
      return /^[0-9]+$/.test(value) && value.length <= LENGTH_DIGITS_MAX;
    default:
      return value === 'trailers';
  }
}
