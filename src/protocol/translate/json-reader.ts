import { type Buffer, isUtf8 } from 'node:buffer';

import { type CodecFailure, fail, failNotObject } from '../codec-result.ts';
import { kindAt, maxDepth, skipSpace, skipString, skipValue, type Span } from '../json-scan.ts';
import { readString } from '../json-scalar.ts';

/** Where a value ends; -1 when it is malformed; or what is wrong with what it says. */
export type End = number | CodecFailure;

/**
 * Reads the one object of a body, strictly and in one pass: `visit` gets each key and where its value begins, and says
 * where it ends. Null when all is well, else the failure of `visit`, or that the body is not one JSON object in UTF-8.
 */
export function readRoot(json: Buffer, visit: (key: string, at: number) => End): CodecFailure | null {
  const start = skipSpace(json, 0);
  if (json[start] !== 0x7b) return failNotObject();
  const end = readMembers(json, start, visit);
  if (typeof end !== 'number') return end;
  return end === -1 || skipSpace(json, end) !== json.length || !isUtf8(json) ? failNotJson(json) : null;
}

/** Reads the object at `at` like `readRoot`; anything else than an object counts as malformed. */
export function readMembers(json: Buffer, at: number, visit: (key: string, at: number) => End): End {
  if (json[at] !== 0x7b) return -1;
  let i = skipSpace(json, at + 1);
  if (json[i] === 0x7d) return i + 1;
  for (;;) {
    const keyEnd = json[i] === 0x22 ? skipString(json, i) : -1;
    if (keyEnd === -1) return -1;
    const colon = skipSpace(json, keyEnd);
    if (json[colon] !== 0x3a) return -1;
    const end = visit(readString(json, i, keyEnd), skipSpace(json, colon + 1));
    if (typeof end !== 'number' || end === -1) return end;
    i = skipSpace(json, end);
    if (json[i] === 0x7d) return i + 1;
    if (json[i] !== 0x2c) return -1;
    i = skipSpace(json, i + 1);
  }
}

/** Reads the array at `at`: `visit` gets where an element begins and says where it ends. */
export function readElements(json: Buffer, at: number, visit: (at: number, index: number) => End): End {
  if (json[at] !== 0x5b) return -1;
  let i = skipSpace(json, at + 1);
  if (json[i] === 0x5d) return i + 1;
  for (let index = 0; ; index++) {
    const end = visit(i, index);
    if (typeof end !== 'number' || end === -1) return end;
    i = skipSpace(json, end);
    if (json[i] === 0x5d) return i + 1;
    if (json[i] !== 0x2c) return -1;
    i = skipSpace(json, i + 1);
  }
}

/** The whole value at `at`; null when it is malformed. */
export function spanAt(json: Buffer, at: number): Span | null {
  const end = skipValue(json, at);
  return end === -1 ? null : { start: at, end, kind: kindAt(json, at) };
}

/** The failure for a body that the scanner does not accept: it is not JSON, or nested too deep. */
export function failNotJson(json: Buffer): CodecFailure {
  const text = isTooDeep(json)
    ? `The body is nested too deep; send at most ${maxDepth} levels.`
    : 'The body is not valid JSON in UTF-8.';
  return fail('BAD_BODY', 'NOT_JSON', text);
}

/** Whether more brackets are open at once than the scanner follows. */
function isTooDeep(json: Buffer): boolean {
  let open = 0;
  for (let i = 0; i !== -1 && i < json.length;) {
    const c = json[i]!;
    // `[` and `{`, which differ by one bit, and the brackets that close them.
    if ((c | 0x20) === 0x7b && ++open > maxDepth) return true;
    if ((c | 0x20) === 0x7d) open--;
    i = c === 0x22 ? skipString(json, i) : i + 1;
  }
  return false;
}

/** The failure for a field of another type than it has; `wanted` such as `an array`. */
export function failType(field: string, wanted: string): CodecFailure {
  return fail('BAD_BODY', 'WRONG_TYPE', `The field ${JSON.stringify(field)} must be ${wanted}.`);
}

/** A member of an object that the scanner accepted, of duplicates the last; null for none, and without an object. */
export function findMember(json: Buffer, object: Span | null, name: string): Span | null {
  let found: Span | null = null;
  if (object === null) return null;
  readMembers(json, object.start, (key, at) => {
    const span = spanAt(json, at);
    if (key === name) found = span;
    return span === null ? -1 : span.end;
  });
  return found;
}
