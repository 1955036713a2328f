import { Buffer } from 'node:buffer';

import { setMember } from './json-member.ts';
import { findField, pathOf } from './json-path.ts';
import { readScalar } from './json-scalar.ts';
import { findRoot } from './json-scan.ts';
import { startSplice } from './json-splice.ts';

/** What is added to the `meta` of a SeldonMessage (Seldon Core 1), over HTTP and gRPC alike. */
export interface SeldonMeta {
  /** Only where the answer has none. */
  readonly puid: string;
  /** A text for `tags`; null for none. */
  readonly tag: { readonly key: string; readonly value: string } | null;
  /** The child that was taken at a node of the graph, for `routing`. */
  readonly routing: { readonly node: string; readonly child: number };
}

const META = pathOf(['meta']);
const PUID = pathOf(['puid']);
const EMPTY = Buffer.from('{}');

/**
 * Adds to the `meta` of an answer in JSON. Earlier values under the same keys of tags and routing give way; no other byte
 * changes. The same buffer when the answer is no object, or its `meta` is none; tags and routing that are no objects stay.
 */
export function addSeldonMeta(json: Buffer, { puid, tag, routing }: SeldonMeta): Buffer {
  const root = findRoot(json);
  if (root?.kind !== 'object') return json;
  const found = findField(json, META);
  if (found !== null && found.kind !== 'object' && found.kind !== 'null') return json;
  // All is added to the few bytes of `meta`, so that a long answer is read and copied once.
  let meta = found?.kind === 'object' ? json.subarray(found.start, found.end) : EMPTY;
  if (!hasPuid(meta)) meta = setMember(meta, [], 'puid', JSON.stringify(puid));
  if (tag !== null) meta = setMember(meta, ['tags'], tag.key, JSON.stringify(tag.value));
  meta = setMember(meta, ['routing'], routing.node, String(routing.child));
  const splice = startSplice();
  if (found === null) splice.append(json, root);
  else splice.replace(found.start, found.end);
  splice.out.text(found === null ? '"meta":' : '');
  splice.out.raw(meta);
  return splice.apply(json);
}

function hasPuid(meta: Buffer): boolean {
  const found = findField(meta, PUID);
  if (found === null) return false;
  const value = readScalar(meta, found);
  return value !== null && value !== '';
}
