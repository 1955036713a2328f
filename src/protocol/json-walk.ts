import { kindAt, skipSpace, skipString, skipValue, type Span } from './json-scan.ts';

/**
 * Calls `visit` for each member of an object span that the scanner accepted, in order, duplicates included: the key
 * token [keyStart, keyEnd) with its quotes, and the value. Stops when `visit` returns false. For any other kind: no call.
 */
export function eachMember(
  body: Uint8Array,
  span: Span,
  visit: (keyStart: number, keyEnd: number, start: number, end: number) => boolean | void,
): void {
  if (span.kind !== 'object') return;
  let i = skipSpace(body, span.start + 1);
  while (body[i] === 0x22) {
    const keyEnd = skipString(body, i);
    const start = keyEnd === -1 ? -1 : skipSpace(body, skipSpace(body, keyEnd) + 1);
    const end = start === -1 ? -1 : skipValue(body, start);
    if (end === -1 || visit(i, keyEnd, start, end) === false) return;
    i = nextItem(body, end);
  }
}

/**
 * Calls `visit` for each element of an array span that the scanner accepted, in order, with its index. Stops when
 * `visit` returns false. For any other kind: no call.
 */
export function eachElement(
  body: Uint8Array,
  span: Span,
  visit: (element: Span, index: number) => boolean | void,
): void {
  if (span.kind !== 'array') return;
  let start = skipSpace(body, span.start + 1);
  for (let index = 0; start < span.end - 1; index++) {
    const end = skipValue(body, start);
    if (end === -1 || visit({ start, end, kind: kindAt(body, start) }, index) === false) return;
    start = nextItem(body, end);
  }
}

/**
 * Calls `visit` for each scalar of a value that the scanner accepted, in document order, with nested arrays flattened;
 * a scalar itself is one call. Stops when `visit` returns false. Returns false when an object was met, which ends the
 * walk: such data is no tensor.
 */
export function eachScalar(body: Uint8Array, span: Span, visit: (scalar: Span) => boolean | void): boolean {
  let isFlat = true;
  eachLeaf(body, span, (leaf) => {
    if (leaf.kind !== 'object') return visit(leaf);
    isFlat = false;
    return false;
  });
  return isFlat;
}

/** As `eachScalar`, but an object is visited like a scalar, and the walk goes on behind it. */
export function eachLeaf(body: Uint8Array, span: Span, visit: (leaf: Span) => boolean | void): void {
  let i = span.start;
  while (i < span.end) {
    const c = body[i];
    if (c === 0x5b || c === 0x5d || c === 0x2c) {
      i = skipSpace(body, i + 1);
      continue;
    }
    const end = skipValue(body, i);
    if (end === -1 || visit({ start: i, end, kind: kindAt(body, i) }) === false) return;
    i = skipSpace(body, end);
  }
}

/**
 * As `eachElement`, but `visit` gets where an element begins and returns where it ends, as it finds out itself; -1 stops.
 */
export function eachStart(body: Uint8Array, span: Span, visit: (start: number) => number): void {
  if (span.kind !== 'array') return;
  let start = skipSpace(body, span.start + 1);
  while (start < span.end - 1) {
    const end = visit(start);
    if (end === -1) return;
    start = nextItem(body, end);
  }
}

/** From the end of one item to the beginning of the next, or to the container's closing byte. */
function nextItem(body: Uint8Array, end: number): number {
  const i = skipSpace(body, end);
  return body[i] === 0x2c ? skipSpace(body, i + 1) : i;
}
