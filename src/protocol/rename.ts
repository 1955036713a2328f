import type { Buffer } from 'node:buffer';

import { compileKey, isKey } from './json-key.ts';
import { readString } from './json-scalar.ts';
import { findRoot, kindAt } from './json-scan.ts';
import { applyEdits, type Edit } from './json-splice.ts';
import { eachElement, eachMember } from './json-walk.ts';
import { joinBinary } from './oip-binary.ts';

/**
 * Replaces the string value `from` by `to` where a member of the outermost object has this key (`model_name` in answers,
 * `name` in metadata), each time if the key is repeated. No other byte changes. The same buffer comes back when there is
 * nothing to do, also when the body is not one JSON object.
 */
export function renameTopString(body: Buffer, key: string, from: string, to: string): Buffer {
  if (from === to) return body;
  const root = findRoot(body);
  if (root === null) return body;
  const wanted = compileKey(key);
  const edits: Edit[] = [];
  eachMember(body, root, (keyStart, keyEnd, start, end) => {
    if (body[start] !== 0x22 || end - start - 2 > 6 * from.length || !isKey(body, keyStart, keyEnd, wanted)) return;
    if (readString(body, start, end) === from) edits.push({ start, end, text: JSON.stringify(to) });
  });
  return applyEdits(body, edits);
}

/** `renameTopString` for an object in the outermost object, such as `response`. */
export function renameInObject(body: Buffer, object: string, key: string, from: string, to: string): Buffer {
  const root = findRoot(body);
  if (root === null || from === to) return body;
  const [holder, wanted] = [compileKey(object), compileKey(key)];
  const edits: Edit[] = [];
  eachMember(body, root, (keyStart, keyEnd, start, end) => {
    if (body[start] !== 0x7b || !isKey(body, keyStart, keyEnd, holder)) return;
    eachMember(body, { start, end, kind: kindAt(body, start) }, (nameStart, nameEnd, valueStart, valueEnd) => {
      if (body[valueStart] !== 0x22 || !isKey(body, nameStart, nameEnd, wanted)) return;
      if (readString(body, valueStart, valueEnd) !== from) return;
      edits.push({ start: valueStart, end: valueEnd, text: JSON.stringify(to) });
    });
  });
  return applyEdits(body, edits);
}

/** `renameTopString` for each object of an array in the outermost object, such as `model_stats`. */
export function renameInArray(body: Buffer, array: string, key: string, from: string, to: string): Buffer {
  const root = findRoot(body);
  if (root === null || from === to) return body;
  const [list, wanted] = [compileKey(array), compileKey(key)];
  const edits: Edit[] = [];
  eachMember(body, root, (keyStart, keyEnd, start, end) => {
    if (!isKey(body, keyStart, keyEnd, list)) return;
    eachElement(body, { start, end, kind: kindAt(body, start) }, (element) => {
      eachMember(body, element, (nameStart, nameEnd, valueStart, valueEnd) => {
        if (body[valueStart] !== 0x22 || !isKey(body, nameStart, nameEnd, wanted)) return;
        if (readString(body, valueStart, valueEnd) !== from) return;
        edits.push({ start: valueStart, end: valueEnd, text: JSON.stringify(to) });
      });
    });
  });
  return applyEdits(body, edits);
}

/**
 * `renameTopString` for an answer of the binary tensor extension, whose first `inferenceHeaderLength` bytes are JSON
 * (null: all of them). Returns the new body and the new value of Inference-Header-Content-Length. A length beyond the
 * body leaves everything as it is.
 */
export function renameAnswer(
  body: Buffer,
  inferenceHeaderLength: number | null,
  key: string,
  from: string,
  to: string,
): { readonly body: Buffer; readonly inferenceHeaderLength: number | null } {
  if (inferenceHeaderLength === null) {
    return { body: renameTopString(body, key, from, to), inferenceHeaderLength };
  }
  if (inferenceHeaderLength > body.length) return { body, inferenceHeaderLength };
  const json = body.subarray(0, inferenceHeaderLength);
  const renamed = renameTopString(json, key, from, to);
  if (renamed === json) return { body, inferenceHeaderLength };
  return {
    body: joinBinary(renamed, body.subarray(inferenceHeaderLength)),
    inferenceHeaderLength: renamed.length,
  };
}
