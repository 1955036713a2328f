import { Buffer } from 'node:buffer';

/** A reply of Redis that says that a command failed. */
export class RespFailure extends Error {}

/** Bytes that are no RESP: the connection cannot be read any further. */
export class RespSyntaxError extends Error {}

/** A reply: status and bulk text, integer, nothing, failure, or a list (maps as key, value, key ...). */
export type Reply = string | number | null | RespFailure | readonly Reply[];

/** Deeper replies are refused. */
const maxDepth = 16;
/** No line but that of an error is longer. */
const maxLineBytes = 64 * 1024;

const CR = 0x0d;
const nothing = Buffer.alloc(0);

/**
 * Reads replies of RESP2 and RESP3 from bytes that may end in the middle of one. `undefined` (from `length`: NaN) stands
 * for "not all there yet"; then `lack` says up to where bytes must have come before it is worth trying again, and the
 * reply has to be read anew from its beginning. Throws RespSyntaxError.
 */
export class RespCursor {
  bytes: Buffer = nothing;
  at = 0;
  end = 0;
  lack = 0;

  load(bytes: Buffer, at: number, end: number): void {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
    this.lack = 0;
  }

  /** The type byte at the cursor, which is left where it is; NaN at the end. */
  get type(): number {
    return this.at < this.end ? this.bytes[this.at]! : this.#incomplete(1);
  }

  /** The integer of the line at the cursor, behind its type byte; -1 also for the empty reply of RESP3 (`_`). */
  length(): number {
    const { bytes, end } = this;
    let i = this.at + 1;
    if (i >= end) return this.#incomplete(3);
    const isNegative = bytes[i] === 0x2d;
    if (isNegative) i++;
    let value = bytes[this.at] === 0x5f ? -1 : 0;
    for (; i < end; i++) {
      const digit = bytes[i]! - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (i + 1 >= end) return this.#incomplete(i + 2 - this.at);
    if (bytes[i] !== CR || bytes[i + 1] !== 0x0a) throw new RespSyntaxError('Redis sent a line that is no number');
    this.at = i + 2;
    return isNegative ? -value : value;
  }

  /** Where the bulk of `size` bytes at the cursor begins; the cursor goes behind it. -1 when it is not all there. */
  bulk(size: number): number {
    const start = this.at;
    const end = start + size;
    if (end + 2 > this.end) {
      this.lack = end + 2;
      return -1;
    }
    if (this.bytes[end] !== CR) throw new RespSyntaxError('Redis sent text of another length than it said');
    this.at = end + 2;
    return start;
  }

  reply(depth = 0): Reply | undefined {
    if (depth > maxDepth) throw new RespSyntaxError('Redis sent a reply that is nested too deeply');
    const { type } = this;
    switch (type) {
      case 0x2a: // *
      case 0x7e: // ~
      case 0x3e: // >
        return this.#list(this.length(), depth);
      case 0x25: // %
        return this.#list(this.length() * 2, depth);
      case 0x24: // $
      case 0x3d: // =
        return this.#text(this.length());
      case 0x21: {
        const text = this.#text(this.length());
        return typeof text === 'string' ? new RespFailure(text) : text;
      }
      case 0x3a: // :
      case 0x5f: {
        const value = this.length();
        return Number.isNaN(value) ? undefined : type === 0x5f ? null : value;
      }
      case 0x2d: {
        const text = this.#line();
        return text === undefined ? undefined : new RespFailure(text);
      }
      case 0x2b: // +
      case 0x2c: // ,
      case 0x23: // #
      case 0x28: // (
        return this.#line();
      default:
        if (Number.isNaN(type)) return undefined;
        throw new RespSyntaxError('Redis sent something that is no reply');
    }
  }

  #list(size: number, depth: number): Reply | undefined {
    if (Number.isNaN(size)) return undefined;
    if (size < 0) return null;
    const items: Reply[] = [];
    for (let i = 0; i < size; i++) {
      const item = this.reply(depth + 1);
      if (item === undefined) return undefined;
      items.push(item);
    }
    return items;
  }

  #text(size: number): string | null | undefined {
    if (Number.isNaN(size)) return undefined;
    if (size < 0) return null;
    const start = this.bulk(size);
    return start === -1 ? undefined : this.bytes.toString('utf8', start, start + size);
  }

  #line(): string | undefined {
    const end = this.bytes.indexOf(CR, this.at + 1);
    if (end !== -1 && end + 1 < this.end) {
      const text = this.bytes.toString('utf8', this.at + 1, end);
      this.at = end + 2;
      return text;
    }
    if (this.end - this.at > maxLineBytes) throw new RespSyntaxError('Redis sent a line that is too long');
    this.lack = this.end + 1;
    return undefined;
  }

  #incomplete(size: number): number {
    this.lack = Math.max(this.at + size, this.end + 1);
    return Number.NaN;
  }
}
