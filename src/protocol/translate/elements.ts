import { type Buffer, isUtf8 } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import { writeFp32, writeValue } from '../json-number.ts';
import { skipSpace, skipValue, type Span } from '../json-scan.ts';
import type { JsonWriter } from '../json-writer.ts';
import { failCount } from './datatypes.ts';
import { Nesting } from './nesting.ts';
import { bf16Value, fp16Value } from '../half-floats.ts';

/** The elements of one tensor, read one after the other in row-major order. */
export interface Elements {
  /** Writes the next ones as JSON, with commas between; the failure when there are fewer, or one has no such form. */
  write(out: JsonWriter, count: number): CodecFailure | null;
  /** The failure when there are elements left, or they are nested otherwise than their shape. */
  finish(): CodecFailure | null;
}

/** Elements in JSON, nested or flat, which are copied as they stand. The scanner must have accepted the span. */
export class JsonElements implements Elements {
  readonly #json: Buffer;
  readonly #end: number;
  readonly #label: string;
  readonly #shape: readonly number[];
  readonly #nesting: Nesting;
  #at: number;

  constructor(json: Buffer, { start, end }: Span, label: string, shape: readonly number[]) {
    this.#json = json;
    this.#at = start;
    this.#end = end;
    this.#label = label;
    this.#shape = shape;
    this.#nesting = new Nesting(shape, label);
  }

  write(out: JsonWriter, count: number): CodecFailure | null {
    const json = this.#json;
    // Neighbours without a bracket between them are copied together.
    let runStart = -1;
    let runEnd = -1;
    let isFirst = true;
    const flush = (): void => {
      if (runStart === -1) return;
      if (!isFirst) out.byte(0x2c);
      out.raw(json.subarray(runStart, runEnd));
      isFirst = false;
      runStart = -1;
    };
    for (let left = count; left > 0;) {
      const i = this.#skipTo(flush);
      if (i === this.#end) return failCount(this.#label, this.#shape, 'fewer');
      if (json[i] === 0x7b) return failObject(this.#label);
      if (runStart === -1) runStart = i;
      runEnd = skipValue(json, i);
      this.#nesting.element();
      this.#at = runEnd;
      left--;
    }
    flush();
    return null;
  }

  finish(): CodecFailure | null {
    if (this.#skipTo(nothing) !== this.#end) return failCount(this.#label, this.#shape, 'more');
    return this.#nesting.finish();
  }

  /** To the next scalar or object, or to the end. */
  #skipTo(onBracket: () => void): number {
    const json = this.#json;
    let i = skipSpace(json, this.#at);
    while (i < this.#end) {
      const c = json[i];
      if (c === 0x5b || c === 0x5d) {
        onBracket();
        this.#nesting.bracket(c);
      } else if (c !== 0x2c) break;
      i = skipSpace(json, i + 1);
    }
    this.#at = Math.min(i, this.#end);
    return this.#at;
  }
}

function nothing(): void {}

/** The failure for an object among the elements of a tensor. */
export function failObject(label: string): CodecFailure {
  return fail('BAD_BODY', 'WRONG_TYPE', `The data of the ${label} hold an object; send scalars.`);
}

/** How one element at an offset of the binary form is written as JSON. */
type WriteElement = (out: JsonWriter, raw: Buffer, at: number) => void;

const writers: ReadonlyMap<string, readonly [size: number, write: WriteElement]> = new Map([
  ['BOOL', [1, (out, raw, at) => out.ascii(raw[at] === 0 ? 'false' : 'true')]],
  ['INT8', [1, (out, raw, at) => out.decimal(raw.readInt8(at), 0)]],
  ['INT16', [2, (out, raw, at) => out.decimal(raw.readInt16LE(at), 0)]],
  ['INT32', [4, (out, raw, at) => writeInteger(out, raw.readInt32LE(at))]],
  ['UINT8', [1, (out, raw, at) => out.decimal(raw.readUInt8(at), 0)]],
  ['UINT16', [2, (out, raw, at) => out.decimal(raw.readUInt16LE(at), 0)]],
  ['UINT32', [4, (out, raw, at) => writeInteger(out, raw.readUInt32LE(at))]],
  ['INT64', [8, (out, raw, at) => writeLong(out, raw, at, raw.readInt32LE(at + 4))]],
  ['UINT64', [8, (out, raw, at) => writeLong(out, raw, at, raw.readUInt32LE(at + 4))]],
  ['FP16', [2, (out, raw, at) => writeSingle(out, fp16Value(raw.readUInt16LE(at)))]],
  ['BF16', [2, (out, raw, at) => writeSingle(out, bf16Value(raw.readUInt16LE(at)))]],
  ['FP32', [4, (out, raw, at) => writeSingle(out, raw.readFloatLE(at))]],
  ['FP64', [8, (out, raw, at) => writeDouble(out, raw.readDoubleLE(at))]],
] satisfies [string, [number, WriteElement]][]);

/**
 * Elements in the binary form of the Open Inference Protocol; `checkRaw` must have accepted them. FP32 is written as the
 * shortest text that reads back the same, and so are FP16 and BF16 as the FP32 that they are; NaN and infinities are bare
 * tokens.
 */
export class RawElements implements Elements {
  readonly #raw: Buffer;
  readonly #datatype: string;
  readonly #label: string;
  readonly #shape: readonly number[];
  #at = 0;

  constructor(raw: Buffer, datatype: string, label: string, shape: readonly number[]) {
    this.#raw = raw;
    this.#datatype = datatype;
    this.#label = label;
    this.#shape = shape;
  }

  write(out: JsonWriter, count: number): CodecFailure | null {
    const writer = writers.get(this.#datatype);
    if (writer === undefined) return this.#writeStrings(out, count);
    const [size, write] = writer;
    const raw = this.#raw;
    if (count > (raw.length - this.#at) / size) return failCount(this.#label, this.#shape, 'fewer');
    let at = this.#at;
    for (let i = 0; i < count; i++, at += size) {
      if (i > 0) out.byte(0x2c);
      write(out, raw, at);
    }
    this.#at = at;
    return null;
  }

  finish(): CodecFailure | null {
    return this.#at === this.#raw.length ? null : failCount(this.#label, this.#shape, 'more');
  }

  #writeStrings(out: JsonWriter, count: number): CodecFailure | null {
    const raw = this.#raw;
    for (let i = 0; i < count; i++) {
      if (this.#at === raw.length) return failCount(this.#label, this.#shape, 'fewer');
      const start = this.#at + 4;
      const end = start + raw.readUInt32LE(this.#at);
      const bytes = raw.subarray(start, end);
      if (!isUtf8(bytes)) {
        const text = `The data of the ${this.#label} hold bytes that are not UTF-8 text, and JSON cannot carry them.`;
        return fail('BAD_BODY', 'NOT_REPRESENTABLE', text);
      }
      if (i > 0) out.byte(0x2c);
      out.text(JSON.stringify(bytes.toString('utf8')));
      this.#at = end;
    }
    return null;
  }
}

/** An integer of at most 53 bits. */
function writeInteger(out: JsonWriter, value: number): void {
  if (value < 2 ** 31 && value > -(2 ** 31)) out.decimal(value, 0);
  else out.ascii(String(value));
}

/** An integer of 64 bits, whose upper half is `high`, with its sign. */
function writeLong(out: JsonWriter, raw: Buffer, at: number, high: number): void {
  const low = raw.readUInt32LE(at);
  const value = high * 2 ** 32 + low;
  if (Number.isSafeInteger(value)) writeInteger(out, value);
  else out.ascii(String((BigInt(high) << 32n) + BigInt(low)));
}

/** With its point, because many parsers read `-0` as an integer, which has no sign of zero. */
const NEGATIVE_ZERO = '-0.0';

function writeSingle(out: JsonWriter, value: number): void {
  if (Object.is(value, -0)) out.ascii(NEGATIVE_ZERO);
  else if (Number.isFinite(value)) writeFp32(out, value);
  else out.ascii(String(value));
}

/** A double as JSON, with the bare tokens NaN, Infinity and -Infinity. */
export function writeDouble(out: JsonWriter, value: number): void {
  if (Object.is(value, -0)) out.ascii(NEGATIVE_ZERO);
  else if (Number.isFinite(value)) writeValue(out, value, 'FP64', '');
  else out.ascii(String(value));
}
