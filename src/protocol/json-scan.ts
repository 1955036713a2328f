/**
 * A scanner over JSON bytes (RFC 8259) that finds where values begin and end without building them. It is strict, but
 * for the bare tokens `NaN`, `Infinity` and `-Infinity`, which TF Serving legally sends. Every function takes time
 * linear in the bytes read, allocates nothing, and does not recurse.
 */

/** Deeper nesting counts as malformed. */
export const maxDepth = 512;

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';

/** One value: bytes `start` (inclusive) to `end` (exclusive) of the body, without the white space around it. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly kind: JsonKind;
}

/** One byte per open container: 1 for an object. Scanning is synchronous and calls nothing back, so one will do. */
const openContainers = new Uint8Array(maxDepth);

/** Whether the bytes are exactly one JSON value (with the tokens above), white space around it allowed. */
export function isCompleteJson(body: Uint8Array): boolean {
  const end = skipValue(body, skipSpace(body, 0));
  return end !== -1 && skipSpace(body, end) === body.length;
}

/** The whole document as a span, or null when the bytes are not exactly one JSON value. */
export function findRoot(body: Uint8Array): Span | null {
  const start = skipSpace(body, 0);
  const end = skipValue(body, start);
  if (end === -1 || skipSpace(body, end) !== body.length) return null;
  return { start, end, kind: kindAt(body, start) };
}

/** The kind of the value that begins at `at`; only meaningful where a value begins. */
export function kindAt(body: Uint8Array, at: number): JsonKind {
  switch (body[at]) {
    case 0x7b:
      return 'object';
    case 0x5b:
      return 'array';
    case 0x22:
      return 'string';
    case 0x74:
    case 0x66:
      return 'boolean';
    case 0x6e:
      return 'null';
    default:
      return 'number';
  }
}

/** The first byte at or after `at` that is not JSON white space; the body's length when there is none. */
export function skipSpace(body: Uint8Array, at: number): number {
  const length = body.length;
  let i = at;
  while (i < length) {
    const c = body[i];
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break;
    i++;
  }
  return i;
}

/**
 * The end of the value that begins at `at` (no white space before it), or -1 when it is malformed, cut off or, counted
 * from `depth` open containers, nested deeper than `maxDepth`.
 */
export function skipValue(body: Uint8Array, at: number, depth = 0): number {
  let i = at;
  let open = 0;
  for (;;) {
    const c = body[i];
    if (c === 0x7b || c === 0x5b) {
      if (depth + open >= maxDepth) return -1;
      i = skipSpace(body, i + 1);
      if (body[i] === c + 2) {
        i++;
      } else {
        openContainers[open++] = c === 0x7b ? 1 : 0;
        if (c === 0x7b && (i = skipKey(body, i)) === -1) return -1;
        continue;
      }
    } else {
      i = c === 0x22 ? skipString(body, i) : skipPlain(body, i);
      if (i === -1) return -1;
    }
    for (;;) {
      if (open === 0) return i;
      i = skipSpace(body, i);
      const isObject = openContainers[open - 1] === 1;
      const next = body[i];
      if (next === 0x2c) {
        i = skipSpace(body, i + 1);
        if (isObject && (i = skipKey(body, i)) === -1) return -1;
        break;
      }
      if (next !== (isObject ? 0x7d : 0x5d)) return -1;
      open--;
      i++;
    }
  }
}

/** The beginning of the member's value, for a key whose quote is at `at`; -1 when key or colon is malformed. */
function skipKey(body: Uint8Array, at: number): number {
  if (body[at] !== 0x22) return -1;
  const end = skipString(body, at);
  if (end === -1) return -1;
  const colon = skipSpace(body, end);
  return body[colon] === 0x3a ? skipSpace(body, colon + 1) : -1;
}

/** The byte after the closing quote of the string whose opening quote is at `at`, or -1. */
export function skipString(body: Uint8Array, at: number): number {
  let i = at + 1;
  for (;;) {
    const c = body[i];
    if (c === 0x22) return i + 1;
    if (c === undefined || c < 0x20) return -1;
    if (c !== 0x5c) {
      i++;
      continue;
    }
    i = skipEscape(body, i);
    if (i === -1) return -1;
  }
}

function skipEscape(body: Uint8Array, at: number): number {
  switch (body[at + 1]) {
    case 0x22:
    case 0x5c:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return at + 2;
    case 0x75:
      for (let i = at + 2; i < at + 6; i++) if (!isHexDigit(body[i])) return -1;
      return at + 6;
    default:
      return -1;
  }
}

function skipPlain(body: Uint8Array, at: number): number {
  switch (body[at]) {
    case 0x74:
      return skipWord(body, at, 'true');
    case 0x66:
      return skipWord(body, at, 'false');
    case 0x6e:
      return skipWord(body, at, 'null');
    case 0x4e:
      return skipWord(body, at, 'NaN');
    case 0x49:
      return skipWord(body, at, 'Infinity');
    case 0x2d:
      return body[at + 1] === 0x49 ? skipWord(body, at + 1, 'Infinity') : skipNumber(body, at + 1);
    default:
      return skipNumber(body, at);
  }
}

function skipWord(body: Uint8Array, at: number, word: string): number {
  for (let i = 0; i < word.length; i++) if (body[at + i] !== word.charCodeAt(i)) return -1;
  return at + word.length;
}

/** The number grammar of RFC 8259 section 6, after the sign. */
function skipNumber(body: Uint8Array, at: number): number {
  let i = body[at] === 0x30 ? at + 1 : skipDigits(body, at);
  if (i !== -1 && body[i] === 0x2e) i = skipDigits(body, i + 1);
  if (i !== -1 && (body[i] === 0x65 || body[i] === 0x45)) {
    const sign = body[i + 1];
    i = skipDigits(body, sign === 0x2b || sign === 0x2d ? i + 2 : i + 1);
  }
  return i;
}

function skipDigits(body: Uint8Array, at: number): number {
  let i = at;
  while (isDigit(body[i])) i++;
  return i === at ? -1 : i;
}

function isDigit(c: number | undefined): boolean {
  return c !== undefined && c >= 0x30 && c <= 0x39;
}

function isHexDigit(c: number | undefined): boolean {
  return isDigit(c) || (c !== undefined && (c | 0x20) >= 0x61 && (c | 0x20) <= 0x66);
}
