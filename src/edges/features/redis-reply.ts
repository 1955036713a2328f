import { Buffer } from 'node:buffer';

import type { FeatureView } from '../../core/snapshot.ts';
import type { EntityValues, FeatureValue } from '../../gateway/ports.ts';
import { readEventTime } from './event-time.ts';
import { readText } from './typed-value.ts';

/** A stored value longer than this is not a feature; it is reported as unreadable and not passed on. */
export const maxValueBytes = 64 * 1024;

/** How one view is read from Redis: the names that HMGET asks for, made once. */
export interface HashLayout {
  readonly view: FeatureView;
  readonly names: readonly string[];
  /** Position of the time among the names, or -1. */
  readonly timeAt: number;
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
  return {
    view,
    names,
    timeAt,
    absent: { found: false, values, timeMs: null, bad: [] },
    broken: { found: false, values, timeMs: null, bad: view.fields.map((field) => field.name) },
  };
}

/**
 * Reads the reply of HMGET. What Redis holds is not trusted: text that is not of the field's type, or too long, is
 * named in `bad`. A hash that has none of the fields counts as not found, because HMGET answers the same for no hash.
 */
export function readReply(layout: HashLayout, reply: unknown): EntityValues {
  if (!Array.isArray(reply) || reply.length !== layout.names.length) return layout.broken;
  const fields = layout.view.fields;
  const values: (FeatureValue | undefined)[] = [];
  let bad: string[] | null = null;
  let isFound = false;
  for (let i = 0; i < fields.length; i++) {
    const text: unknown = reply[i];
    if (text === null) {
      values.push(undefined);
      continue;
    }
    isFound = true;
    const field = fields[i]!;
    const value = typeof text === 'string' && isShort(text) ? readText(text, field.type) : undefined;
    values.push(value);
    if (value === undefined) (bad ??= []).push(field.name);
  }
  if (!isFound) return layout.absent;
  let timeMs: number | null = null;
  const time: unknown = layout.timeAt === -1 ? null : reply[layout.timeAt];
  if (time !== null) {
    timeMs = readEventTime(time) ?? null;
    if (timeMs === null) (bad ??= []).push(layout.names[layout.timeAt]!);
  }
  return { found: true, values, timeMs, bad: bad ?? [] };
}

function isShort(text: string): boolean {
  return text.length * 3 <= maxValueBytes || Buffer.byteLength(text) <= maxValueBytes;
}
