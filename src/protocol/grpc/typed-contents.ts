import type { Buffer } from 'node:buffer';

import type { Scalar } from '../../core/facts.ts';
import {
  BYTES,
  FieldReader,
  FIXED32,
  FIXED64,
  readInteger,
  readVarint,
  readVarint32,
  VARINT,
  varintEnd,
} from './wire.ts';

/** Where InferTensorContents has the elements of a datatype. */
const fields: ReadonlyMap<string, number> = new Map([
  ['BOOL', 1],
  ['INT8', 2],
  ['INT16', 2],
  ['INT32', 2],
  ['INT64', 3],
  ['UINT8', 4],
  ['UINT16', 4],
  ['UINT32', 4],
  ['UINT64', 5],
  ['FP32', 6],
  ['FP64', 7],
  ['BYTES', 8],
]);
const types = [-1, VARINT, VARINT, VARINT, VARINT, VARINT, FIXED32, FIXED64, BYTES];

/** The field of InferTensorContents with the elements of a datatype; 0 for unknown ones, FP16 and BF16, which have none. */
export function contentsField(datatype: string): number {
  return fields.get(datatype) ?? 0;
}

/** The wire type of an element in a field (1 to 8) of InferTensorContents. */
export function elementType(field: number): number {
  return types[field] ?? -1;
}

/**
 * Visits the elements of a field in the InferTensorContents at `message[start, end)`, packed or one by one; each is
 * `[from, to)`, for `readElement`. `visit` returns false to stop. Returns whether all was well formed that was read.
 */
export function eachElement(
  message: Buffer,
  start: number,
  end: number,
  field: number,
  visit: (from: number, to: number) => boolean | void,
): boolean {
  const type = elementType(field);
  const reader = new FieldReader(message, start, end);
  while (reader.next()) {
    if (reader.number !== field) continue;
    if (reader.type === type) {
      if (visit(reader.from, reader.to) === false) return true;
    } else if (reader.type === BYTES) {
      for (let at = reader.from; at < reader.to;) {
        const next = elementEnd(message, at, reader.to, type);
        if (next === -1) return false;
        if (visit(at, next) === false) return true;
        at = next;
      }
    }
  }
  return reader.isWell;
}

/** Elements in a packed run of a wire type (not BYTES) at `message[start, end)`; -1 when it does not end with a whole one. */
export function countPacked(message: Buffer, start: number, end: number, type: number): number {
  if (type !== VARINT) {
    const size = type === FIXED32 ? 4 : 8;
    return (end - start) % size === 0 ? (end - start) / size : -1;
  }
  let count = 0;
  for (let at = start; at < end; count++) {
    at = varintEnd(message, at, end);
    if (at === -1) return -1;
  }
  return count;
}

function elementEnd(message: Buffer, at: number, end: number, type: number): number {
  if (type === VARINT) return varintEnd(message, at, end);
  const next = at + (type === FIXED32 ? 4 : 8);
  return next > end ? -1 : next;
}

/** The element at `[from, to)` of a field of InferTensorContents. Integers beyond 2^53 - 1 are their digits. */
export function readElement(message: Buffer, field: number, from: number, to: number): Exclude<Scalar, null> {
  switch (field) {
    case 1:
      return readVarint(message, from) !== 0;
    case 2:
      return readVarint32(message, from);
    case 3:
      return readInteger(message, from, true);
    case 4:
      return readVarint32(message, from) >>> 0;
    case 5:
      return readInteger(message, from, false);
    case 6:
      return message.readFloatLE(from);
    case 7:
      return message.readDoubleLE(from);
    default:
      return message.toString('utf8', from, to);
  }
}
