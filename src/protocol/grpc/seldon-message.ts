import { Buffer } from 'node:buffer';

import type { SeldonMeta } from '../seldon-meta.ts';
import { shortestFp32 } from '../shortest-fp32.ts';
import { entryFields } from './infer-message.ts';
import {
  feedbackFields,
  messageFields,
  metaFields,
  readSeldonMeta,
  type ReadMeta,
  VALUE_STRING,
} from './seldon-read.ts';
import { BYTES, FieldReader, FIXED32, VARINT, WireWriter } from './wire.ts';

const statusFields = { code: 1 } as const;

/** What a Feedback says, as far as it is about a decision. */
export interface FeedbackMessage {
  /** A float, as its shortest text reads; 0 when it is not there, as protobuf has it. */
  readonly reward: number;
  readonly response: { readonly meta: ReadMeta };
}

/**
 * The SeldonMessage with more in its `meta`; every other byte stays, but the lengths around it. An earlier tag or routing
 * of that name counts no more, as protobuf has it. The entries go into the last `meta` that is there, since some readers
 * take the last one instead of merging all. The same buffer comes back when the message or one of its `meta` is malformed.
 */
export function addToSeldonMessage(message: Buffer, { puid, tag, routing }: SeldonMeta): Buffer {
  let tagAt = message.length;
  let from = message.length;
  let to = message.length;
  let given: Buffer = NOTHING;
  let hasPuid = false;
  const field = new FieldReader(message);
  while (field.next()) {
    if (field.number !== messageFields.meta || field.type !== BYTES) continue;
    ({ tagAt, from, to } = field);
    hasPuid = false;
    const inner = new FieldReader(message, from, to);
    while (inner.next()) {
      if (inner.number !== metaFields.puid || inner.type !== BYTES) continue;
      given = message.subarray(inner.from, inner.to);
      hasPuid = given.length > 0;
    }
    if (!inner.isWell) return message;
  }
  if (!field.isWell) return message;
  const meta = new WireWriter(to - from + 256);
  meta.raw(message.subarray(from, to));
  if (!hasPuid) meta.bytes(metaFields.puid, given.length > 0 ? given : Buffer.from(puid));
  if (tag !== null) {
    const choice = new WireWriter(8 + tag.value.length);
    choice.text(VALUE_STRING, tag.value);
    const entry = new WireWriter(24 + tag.key.length + tag.value.length);
    entry.text(entryFields.key, tag.key);
    entry.bytes(entryFields.value, choice.finish());
    meta.bytes(metaFields.tags, entry.finish());
  }
  const entry = new WireWriter(16 + routing.node.length);
  entry.text(entryFields.key, routing.node);
  entry.tag(entryFields.value, VARINT);
  entry.varint(routing.child);
  meta.bytes(metaFields.routing, entry.finish());
  const writer = new WireWriter(message.length - (to - from) + meta.length + 16);
  writer.raw(message.subarray(0, tagAt));
  writer.bytes(messageFields.meta, meta.finish());
  writer.raw(message.subarray(to));
  return writer.finish();
}

/** Reads a Feedback as far as a decision is in it; null when that much of it is malformed. */
export function readFeedbackMessage(message: Buffer): FeedbackMessage | null {
  let reward = 0;
  const responses: number[] = [];
  const field = new FieldReader(message);
  while (field.next()) {
    const { number, type, from, to } = field;
    if (number === feedbackFields.reward && type === FIXED32) reward = message.readFloatLE(from);
    else if (number === feedbackFields.response && type === BYTES) responses.push(from, to);
  }
  const meta = field.isWell ? readSeldonMeta(message, responses) : null;
  return meta === null ? null : { reward: shortestFp32(reward), response: { meta } };
}

/** A SeldonMessage that says with a code of HTTP that all went well. */
export function seldonSuccess(code: number): Buffer {
  const status = new WireWriter(8);
  status.tag(statusFields.code, VARINT);
  status.varint(code);
  const writer = new WireWriter(16);
  writer.bytes(messageFields.status, status.finish());
  writer.bytes(messageFields.meta, NOTHING);
  return writer.finish();
}

const NOTHING = Buffer.alloc(0);
