import type { Buffer } from 'node:buffer';

import { compileKey, isKey } from './json-key.ts';
import { findField, pathOf } from './json-path.ts';
import { findRoot, type Span } from './json-scan.ts';
import { type Splice, startSplice } from './json-splice.ts';
import { eachMember } from './json-walk.ts';

/**
 * Sets a member of the object at `path`, keys from the root of a document; `value` is JSON. Objects on the way that are
 * absent or null are made; what the member was gives way. The same buffer when the document is no object, or has something
 * else than an object on the way. No other byte changes.
 */
export function setMember(json: Buffer, path: readonly string[], key: string, value: string): Buffer {
  const root = findRoot(json);
  if (root?.kind !== 'object') return json;
  const splice = startSplice();
  let member = `${JSON.stringify(key)}:${value}`;
  // From the inside out, to the first object that is there.
  for (let depth = path.length; depth >= 0; depth--) {
    const found = depth === 0 ? root : findField(json, pathOf(path.slice(0, depth)));
    if (found === null) {
      member = `${JSON.stringify(path[depth - 1])}:{${member}}`;
      continue;
    }
    if (found.kind === 'null') {
      splice.replace(found.start, found.end);
      splice.out.text(`{${member}}`);
    } else if (found.kind !== 'object') return json;
    else if (depth < path.length || !replaceValues(json, found, key, value, splice)) {
      splice.append(json, found);
      splice.out.text(member);
    }
    break;
  }
  return splice.apply(json);
}

/** False: the object has no member of this key. */
function replaceValues(json: Buffer, object: Span, key: string, value: string, splice: Splice): boolean {
  const wanted = compileKey(key);
  let isThere = false;
  eachMember(json, object, (keyStart, keyEnd, start, end) => {
    if (!isKey(json, keyStart, keyEnd, wanted)) return;
    isThere = true;
    splice.replace(start, end);
    splice.out.text(value);
  });
  return isThere;
}
