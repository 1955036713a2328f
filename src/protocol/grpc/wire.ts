import { Buffer } from 'node:buffer';

/**
 * The wire format of protobuf (https://protobuf.dev/programming-guides/encoding/), as far as messages are read and
 * written here without a schema.
 */
export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

/** Groups, which end with a tag of their own; no message of today has them, but they may be among unknown fields. */
const GROUP_START = 3;
const GROUP_END = 4;
const groupDepthMax = 64;

/**
 * Goes through the fields of the message in `bytes[start, end)` in their order, without an object for each. For BYTES,
 * `[from, to)` is the content; for the other types it is the value as it stands, to be read with `readVarint` and the
 * like. Groups are skipped. Ranges never leave the message.
 */
export class FieldReader {
  number = 0;
  type = VARINT;
  tagAt = 0;
  from = 0;
  to: number;
  /** Whether the message is well formed, as far as it was read. */
  isWell = true;
  readonly #bytes: Buffer;
  readonly #end: number;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#end = end;
    this.to = start;
  }

  /** Moves on to the next field; false when there is none, or what follows is malformed. */
  next(): boolean {
    while (this.to < this.#end) {
      const to = this.#read();
      if (to === -1 || to > this.#end) {
        this.isWell = false;
        this.to = this.#end;
        return false;
      }
      this.to = to;
      if (this.type !== GROUP_START) return true;
    }
    return false;
  }

  /** Reads the tag that follows and returns the end of its value, -1 for none. */
  #read(): number {
    const bytes = this.#bytes;
    const end = this.#end;
    this.tagAt = this.to;
    this.from = varintEnd(bytes, this.tagAt, end);
    if (this.from === -1) return -1;
    const tag = readVarint(bytes, this.tagAt);
    if (tag < 8 || tag > 0xffffffff) return -1;
    this.number = tag >>> 3;
    this.type = tag & 7;
    switch (this.type) {
      case VARINT:
        return varintEnd(bytes, this.from, end);
      case FIXED64:
        return this.from + 8;
      case FIXED32:
        return this.from + 4;
      case BYTES: {
        const lengthAt = this.from;
        this.from = varintEnd(bytes, lengthAt, end);
        return this.from === -1 ? -1 : this.from + readVarint(bytes, lengthAt);
      }
      default:
        return this.type === GROUP_START ? groupEnd(bytes, this.from, end, this.number, 0) : -1;
    }
  }
}

/**
 * Visits the fields of the message in `bytes[start, end)` as `FieldReader` finds them. `visit` returns false to stop.
 * Returns whether the message is well formed, as far as it was read.
 */
export function eachField(
  bytes: Buffer,
  start: number,
  end: number,
  visit: (number: number, type: number, from: number, to: number, tagAt: number) => boolean | void,
): boolean {
  const field = new FieldReader(bytes, start, end);
  while (field.next()) {
    if (visit(field.number, field.type, field.from, field.to, field.tagAt) === false) return true;
  }
  return field.isWell;
}

/** Behind the end tag of a group, -1 when it does not end. */
function groupEnd(bytes: Buffer, start: number, end: number, number: number, depth: number): number {
  if (depth === groupDepthMax) return -1;
  for (let at = start; at < end;) {
    const tagEnd = varintEnd(bytes, at, end);
    if (tagEnd === -1) return -1;
    const tag = readVarint(bytes, at);
    const type = tag % 8;
    at = tagEnd;
    if (type === GROUP_END) return Math.floor(tag / 8) === number ? at : -1;
    if (type === VARINT) at = varintEnd(bytes, at, end);
    else if (type === FIXED64) at += 8;
    else if (type === FIXED32) at += 4;
    else if (type === BYTES) {
      const lengthEnd = varintEnd(bytes, at, end);
      if (lengthEnd === -1) return -1;
      at = lengthEnd + readVarint(bytes, at);
    } else if (type === GROUP_START) at = groupEnd(bytes, at, end, Math.floor(tag / 8), depth + 1);
    else return -1;
    if (at === -1 || at > end) return -1;
  }
  return -1;
}

/** Behind a varint of at most ten bytes, -1 when it does not end in time. */
export function varintEnd(bytes: Buffer, start: number, end: number): number {
  const last = Math.min(end, start + 10);
  for (let at = start; at < last; at++) if (bytes[at]! < 0x80) return at + 1;
  return -1;
}

/** An unsigned varint as a number: exact up to 2^53, the nearest double beyond. */
export function readVarint(bytes: Buffer, start: number): number {
  let value = 0;
  let scale = 1;
  for (let at = start; ; at++) {
    const byte = bytes[at]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 128;
  }
}

/** A varint as its 64 bits, unsigned. */
export function readVarint64(bytes: Buffer, start: number): bigint {
  let value = 0n;
  let shift = 0n;
  for (let at = start; ; at++) {
    const byte = bytes[at]!;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
    shift += 7n;
  }
}

/** The lower 32 bits of a varint, signed, as int32 is read; `>>> 0` makes them uint32. */
export function readVarint32(bytes: Buffer, start: number): number {
  let value = 0;
  for (let at = start, shift = 0; ; at++, shift += 7) {
    const byte = bytes[at]!;
    if (shift < 32) value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

/** An int64 or uint64 as a number, beyond 2^53 - 1 as its digits. */
export function readInteger(bytes: Buffer, start: number, isSigned: boolean): number | string {
  const small = readVarint(bytes, start);
  if (small <= Number.MAX_SAFE_INTEGER) return small;
  const bits = readVarint64(bytes, start);
  const value = isSigned ? BigInt.asIntN(64, bits) : bits;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** Writes protobuf into memory of its own, which grows. */
export class WireWriter {
  #bytes: Buffer;
  #length = 0;

  /** `capacity`: bytes that will probably be written. */
  constructor(capacity = 256) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** A view of what was written. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  tag(number: number, type: number): void {
    this.varint(number * 8 + type);
  }

  /** A number from 0 to 2^53. */
  varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  /** The 64 bits of an integer; negative ones in two's complement, as int32 and int64 have them. */
  varint64(value: bigint): void {
    this.#reserve(10);
    let rest = BigInt.asUintN(64, value);
    while (rest >= 128n) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) + 128;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  /** Four bytes of an integer, the lowest first. */
  fixed32(value: number): void {
    this.#reserve(4);
    this.#length = this.#bytes.writeUInt32LE(value >>> 0, this.#length);
  }

  /** Eight bytes of an integer, the lowest first; negative ones in two's complement. */
  fixed64(value: bigint): void {
    this.#reserve(8);
    this.#length = this.#bytes.writeBigUInt64LE(BigInt.asUintN(64, value), this.#length);
  }

  float32(value: number): void {
    this.#reserve(4);
    this.#length = this.#bytes.writeFloatLE(value, this.#length);
  }

  float64(value: number): void {
    this.#reserve(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A field of bytes. */
  bytes(number: number, content: Uint8Array): void {
    this.tag(number, BYTES);
    this.varint(content.length);
    this.raw(content);
  }

  /** A field of text, as UTF-8. */
  text(number: number, content: string): void {
    const length = Buffer.byteLength(content);
    this.tag(number, BYTES);
    this.varint(length);
    this.#reserve(length);
    this.#length += this.#bytes.write(content, this.#length, 'utf8');
  }

  #reserve(more: number): void {
    const wanted = this.#length + more;
    if (wanted <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(wanted, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
