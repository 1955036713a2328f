import { Buffer } from 'node:buffer';

import type { FeatureView, FieldType } from '../../core/snapshot.ts';
import type { EntityValues } from '../../gateway/ports.ts';

/** How one view is read from Redis, made once. */
export interface HashLayout {
  readonly view: FeatureView;
  /** The names that HMGET asks for: the fields, and the time where it is none of them. */
  readonly names: readonly string[];
  readonly types: readonly FieldType[];
  /** Position of the time among the names, or -1. */
  readonly timeAt: number;
  /** The command up to the length of the key, and behind the key. */
  readonly head: string;
  readonly tail: string;
  readonly isAscii: boolean;
  /** The answer for an entity that has no hash. */
  readonly absent: EntityValues;
  /** The answer for an entity whose key cannot be read. */
  readonly broken: EntityValues;
}

export function layOutHash(view: FeatureView): HashLayout {
  const names = view.fields.map((field) => field.name);
  let timeAt = -1;
  if (view.timestamp !== null) {
    timeAt = names.indexOf(view.timestamp);
    if (timeAt === -1) timeAt = names.push(view.timestamp) - 1;
  }
  const values = view.fields.map(() => undefined);
  const tail = names.map((name) => `$${Buffer.byteLength(name)}\r\n${name}\r\n`).join('');
  return {
    view,
    names,
    types: view.fields.map((field) => field.type),
    timeAt,
    head: `*${names.length + 2}\r\n$5\r\nHMGET\r\n$`,
    tail: `\r\n${tail}`,
    isAscii: Buffer.byteLength(tail) === tail.length,
    absent: { found: false, values, timeMs: null, bad: [] },
    broken: { found: false, values, timeMs: null, bad: view.fields.map((field) => field.name) },
  };
}
