import type { Buffer } from 'node:buffer';

import { findField, pathOf } from './json-path.ts';
import { findRoot } from './json-scan.ts';
import { startSplice } from './json-splice.ts';
import { joinBinary } from './oip-binary.ts';

/** Where an answer has room for texts of others. */
export type AnswerPlace = 'parameters' | 'meta.tags';

/** The place as a whole, and the objects that it is in, from the inside out. */
const places = {
  parameters: placeOf(['parameters']),
  'meta.tags': placeOf(['meta', 'tags']),
};

/**
 * Adds a text to the `parameters` of an Open Inference Protocol answer or the `meta.tags` of a Seldon one, whose first
 * `inferenceHeaderLength` bytes are JSON (null: all of them). Returns the new body and length; the same buffer when the
 * answer is no object, or has something else than an object there. No other byte changes.
 */
export function addAnswerText(
  body: Buffer,
  inferenceHeaderLength: number | null,
  place: AnswerPlace,
  key: string,
  value: string,
): { readonly body: Buffer; readonly inferenceHeaderLength: number | null } {
  if (inferenceHeaderLength === null) return { body: addTo(body, place, key, value), inferenceHeaderLength };
  if (inferenceHeaderLength > body.length) return { body, inferenceHeaderLength };
  const json = body.subarray(0, inferenceHeaderLength);
  const added = addTo(json, place, key, value);
  if (added === json) return { body, inferenceHeaderLength };
  return { body: joinBinary(added, body.subarray(inferenceHeaderLength)), inferenceHeaderLength: added.length };
}

function addTo(json: Buffer, place: AnswerPlace, key: string, value: string): Buffer {
  const root = findRoot(json);
  if (root?.kind !== 'object') return json;
  let member = `${JSON.stringify(key)}:${JSON.stringify(value)}`;
  const splice = startSplice();
  for (const { path, name } of places[place]) {
    const found = findField(json, path);
    if (found === null) {
      member = `${JSON.stringify(name)}:{${member}}`;
      continue;
    }
    if (found.kind === 'null') {
      splice.replace(found.start, found.end);
      splice.out.text(`{${member}}`);
    } else if (found.kind === 'object') {
      splice.append(json, found);
      splice.out.text(member);
    } else return json;
    return splice.apply(json);
  }
  splice.append(json, root);
  splice.out.text(member);
  return splice.apply(json);
}

function placeOf(names: readonly string[]) {
  return names.map((name, i) => ({ path: pathOf(names.slice(0, i + 1)), name })).toReversed();
}
