import type { Buffer } from 'node:buffer';

import type { EntityValues, FeatureValue } from '../../gateway/ports.ts';
import { type RespCursor, RespFailure } from '../redis/resp-cursor.ts';
import type { HashLayout } from './hash-layout.ts';
import { readBytes, readTimeBytes } from './stored-value.ts';

const none: readonly string[] = [];

/**
 * The values of one hash, one name of the layout after another. What Redis holds is not trusted: text that is not of the
 * field's type, or too long, is named in `bad`. A hash that has none of the fields counts as not found, because HMGET
 * answers the same for no hash.
 */
class HashValues {
  readonly #layout: HashLayout;
  readonly #values: (FeatureValue | undefined)[] = [];
  #bad: string[] | null = null;
  #isFound = false;
  #timeMs: number | null = null;

  constructor(layout: HashLayout) {
    this.#layout = layout;
  }

  addNothing(position: number): void {
    if (position < this.#layout.types.length) this.#values.push(undefined);
  }

  add(position: number, bytes: Buffer, start: number, end: number): void {
    const { types, names, timeAt } = this.#layout;
    if (position < types.length) {
      this.#isFound = true;
      const value = readBytes(bytes, start, end, types[position]!);
      this.#values.push(value);
      if (value === undefined) (this.#bad ??= []).push(names[position]!);
    }
    if (position === timeAt) {
      this.#timeMs = readTimeBytes(bytes, start, end) ?? null;
      if (this.#timeMs === null) (this.#bad ??= []).push(names[position]!);
    }
  }

  finish(): EntityValues {
    if (!this.#isFound) return this.#layout.absent;
    return { found: true, values: this.#values, timeMs: this.#timeMs, bad: this.#bad ?? none };
  }
}

/**
 * Reads the reply of HMGET from the bytes of a connection; undefined when it is not all there yet. A key that holds
 * something else than a hash is unreadable.
 */
export function readHashReply(cursor: RespCursor, layout: HashLayout): EntityValues | RespFailure | undefined {
  if (cursor.type !== 0x2a) return readOther(cursor, layout);
  const size = cursor.length();
  if (Number.isNaN(size)) return undefined;
  const values = new HashValues(layout);
  for (let i = 0; i < size; i++) {
    const length = cursor.length();
    if (Number.isNaN(length)) return undefined;
    if (length < 0) {
      values.addNothing(i);
      continue;
    }
    const start = cursor.bulk(length);
    if (start === -1) return undefined;
    values.add(i, cursor.bytes, start, start + length);
  }
  return size === layout.names.length ? values.finish() : layout.broken;
}

function readOther(cursor: RespCursor, layout: HashLayout): EntityValues | RespFailure | undefined {
  const reply = cursor.reply();
  if (reply === undefined) return undefined;
  return reply instanceof RespFailure && !isOtherType(reply) ? reply : layout.broken;
}

/** Reads what a client library made of the reply. */
export function readHashBuffers(reply: readonly (Buffer | null)[], layout: HashLayout): EntityValues {
  if (reply.length !== layout.names.length) return layout.broken;
  const values = new HashValues(layout);
  for (const [i, bytes] of reply.entries()) {
    if (bytes === null) values.addNothing(i);
    else values.add(i, bytes, 0, bytes.length);
  }
  return values.finish();
}

export function isOtherType(error: Error): boolean {
  return error.message.startsWith('WRONGTYPE');
}
