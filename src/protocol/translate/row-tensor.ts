import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import { skipSpace, skipValue } from '../json-scan.ts';
import { JsonWriter } from '../json-writer.ts';
import { maxRank } from './datatypes.ts';
import { takeBytes } from './json-body.ts';
import type { End } from './json-reader.ts';
import { isWellFormedText } from './raw-from-json.ts';

/** Kinds of elements; a tensor has one of them. */
const kindNames = { number: 'a number', boolean: 'a boolean', string: 'a string' } as const;
type ElementKind = keyof typeof kindNames;

/** Tensors are read one after the other, each taken before the next, so that one writer will do. */
const shared = new JsonWriter();
/** Numbers without an exponent of at most so many octets are within FP32. */
const longestPlain = 38;
/** Elements of the open arrays of a row. */
const counts = new Uint32Array(maxRank);

/**
 * Collects rows of JSON, each a scalar or nested arrays, into one tensor: its shape by the nesting, its elements flat and
 * as they are written, its datatype by what they are. Good until the next one is made.
 */
export class RowTensor {
  readonly #json: Buffer;
  /** Names a row in messages. */
  readonly #where: (row: number) => string;
  readonly #sizes: number[] = [];
  #rows = 0;
  /** Dimensions of a row; -1 as long as none is known. */
  #rank = -1;
  #kind: ElementKind | null = null;
  #hasFractions = false;
  #hasTokens = false;
  /** Where the first integer is that INT64 cannot hold, and the first that UINT64 cannot. */
  #beyondSigned = '';
  #beyondUnsigned = '';
  #hasNegatives = false;
  /** Where the largest number is that may be beyond FP32, and how large it is. */
  #largestAt = '';
  #largest = 0;
  /** Elements that stand side by side are copied together. */
  #runStart = -1;
  #runEnd = -1;

  constructor(json: Buffer, where: (row: number) => string) {
    this.#json = json;
    this.#where = where;
    shared.reset();
  }

  get shape(): readonly number[] {
    return [this.#rows, ...this.#sizes.slice(0, Math.max(this.#rank, 0))];
  }

  /** Whether no number is NaN or infinite. */
  get isFinite(): boolean {
    return !this.#hasTokens;
  }

  /** Whether all elements are integers. */
  get isWhole(): boolean {
    return this.#kind === 'number' && !this.#hasFractions;
  }

  /** `float` for numbers of all kinds, and without elements. */
  floatDatatype(float: 'FP32' | 'FP64'): string | CodecFailure {
    if (this.#kind === 'boolean') return 'BOOL';
    return this.#kind === 'string' ? 'BYTES' : this.#fitting(float);
  }

  /**
   * INT64 for integers, UINT64 where they are too large for that; `float` for numbers of which some have a fraction or an
   * exponent, and without elements.
   */
  datatype(float: 'FP32' | 'FP64'): string | CodecFailure {
    if (!this.isWhole) return this.floatDatatype(float);
    if (this.#beyondSigned === '') return 'INT64';
    if (this.#beyondUnsigned === '' && !this.#hasNegatives) return 'UINT64';
    const what =
      this.#beyondUnsigned === ''
        ? `${this.#beyondSigned} is an integer beyond INT64, and others are negative`
        : `${this.#beyondUnsigned} is an integer beyond 64 bits`;
    const text = `${what}; write it with an exponent to send it as a fraction.`;
    return fail('BAD_BODY', 'NOT_REPRESENTABLE', text);
  }

  /** What is beyond the datatype would silently become infinite. */
  #fitting(float: 'FP32' | 'FP64'): string | CodecFailure {
    const held = float === 'FP32' ? Math.fround(this.#largest) : this.#largest;
    if (Number.isFinite(held)) return float;
    return fail('BAD_BODY', 'NOT_REPRESENTABLE', `${this.#largestAt} is a number beyond ${float}; send a smaller one.`);
  }

  /** The elements with commas between. */
  takeData(): Buffer {
    this.#flush();
    return takeBytes(shared);
  }

  /** Adds a value as one row, as `addRow` does, that does not stand beside the one before it. */
  addCell(at: number): End {
    const end = this.addRow(at);
    this.#flush();
    return end;
  }

  /** Adds the value that begins at `at` as one row; it must be the next element of the same array. */
  addRow(at: number): End {
    const json = this.#json;
    let depth = 0;
    let i = at;
    for (;;) {
      if (json[i] === 0x5b) {
        if (depth === this.#rank || depth === maxRank - 1) return this.#failRagged(depth);
        this.#flush();
        counts[depth++] = 0;
        i = skipSpace(json, i + 1);
        if (json[i] !== 0x5d) continue;
      } else {
        const end = this.#addElement(i, depth);
        if (typeof end !== 'number' || end === -1) return end;
        i = end;
        if (depth > 0) counts[depth - 1]!++;
      }
      for (;;) {
        if (depth === 0) {
          this.#rows++;
          return i;
        }
        i = skipSpace(json, i);
        if (json[i] === 0x2c) {
          i = skipSpace(json, i + 1);
          break;
        }
        if (json[i] !== 0x5d) return -1;
        this.#flush();
        depth--;
        if (!this.#closes(depth)) return this.#failRagged(depth);
        if (depth > 0) counts[depth - 1]!++;
        i++;
      }
    }
  }

  /** Whether an array that ends here has as many elements as the others of its dimension. */
  #closes(depth: number): boolean {
    const size = counts[depth]!;
    if (size === 0 && this.#rank === -1) this.#rank = depth + 1;
    const known = this.#sizes[depth];
    if (known === undefined) this.#sizes[depth] = size;
    return known === undefined || known === size;
  }

  #addElement(at: number, depth: number): End {
    const json = this.#json;
    const end = skipValue(json, at);
    if (end === -1) return -1;
    const kind = elementKind(json[at]);
    if (kind === null) return this.#failElement(at, depth);
    if (this.#rank === -1) this.#rank = depth;
    else if (this.#rank !== depth) return this.#failRagged(depth);
    this.#kind ??= kind;
    if (this.#kind !== kind) {
      const text = `${this.#place(depth)} is ${kindNames[kind]}, and an element before it is ${kindNames[this.#kind]}; send one type.`;
      return fail('BAD_BODY', 'WRONG_TYPE', text);
    }
    if (kind === 'number') this.#lookAtNumber(at, end, depth);
    else if (kind === 'string' && !isWellFormedText(json, at, end)) {
      const text = `${this.#place(depth)} has half of a surrogate pair, which is no text; send whole characters.`;
      return fail('BAD_BODY', 'NOT_REPRESENTABLE', text);
    }
    if (this.#runStart === -1) this.#runStart = at;
    this.#runEnd = end;
    return end;
  }

  #lookAtNumber(at: number, end: number, depth: number): void {
    const json = this.#json;
    let isInteger = true;
    for (let i = at; i < end; i++) {
      const c = json[i]!;
      if (c === 0x2e) isInteger = false;
      else if (c > 0x40) {
        // An exponent, or one of the bare tokens NaN and Infinity.
        isInteger = false;
        if (c === 0x65 || c === 0x45) this.#noteSize(at, end, depth);
        else this.#hasTokens = true;
      }
    }
    if (end - at > longestPlain) this.#noteSize(at, end, depth);
    if (!isInteger) this.#hasFractions = true;
    else if (!this.#hasFractions) this.#noteInteger(at, end, depth);
  }

  #noteInteger(at: number, end: number, depth: number): void {
    const json = this.#json;
    if (json[at] === 0x2d) this.#hasNegatives = true;
    if (end - at < 19 || this.#beyondUnsigned !== '') return;
    const value = end - at > 20 ? null : BigInt(json.toString('latin1', at, end));
    if (value !== null && BigInt.asIntN(64, value) === value) return;
    if (this.#beyondSigned === '') this.#beyondSigned = this.#place(depth);
    if (value === null || BigInt.asUintN(64, value) !== value) this.#beyondUnsigned = this.#place(depth);
  }

  /** A number that may be too large for a float. */
  #noteSize(at: number, end: number, depth: number): void {
    const size = Math.abs(Number(this.#json.toString('latin1', at, end)));
    // The tokens of what is not finite are as they are meant.
    if (!(size > this.#largest)) return;
    this.#largest = size;
    this.#largestAt = this.#place(depth);
  }

  #flush(): void {
    if (this.#runStart === -1) return;
    if (shared.length > 0) shared.byte(0x2c);
    shared.raw(this.#json.subarray(this.#runStart, this.#runEnd));
    this.#runStart = -1;
  }

  #failElement(at: number, depth: number): CodecFailure {
    const isNull = this.#json[at] === 0x6e;
    const text = `${this.#place(depth)} is ${isNull ? 'null' : 'an object'}; send numbers, booleans or strings.`;
    return fail('BAD_BODY', isNull ? 'NULL_VALUE' : 'WRONG_TYPE', text);
  }

  #failRagged(depth: number): CodecFailure {
    if (depth === maxRank - 1 && this.#rank !== depth)
      return fail('BAD_BODY', 'SHAPE', `${this.#where(this.#rows)} has more than ${maxRank} dimensions.`);
    const text = `${this.#where(this.#rows)} has another nesting or length than the rows before it; send rows of one shape.`;
    return fail('BAD_BODY', 'SHAPE', text);
  }

  #place(depth: number): string {
    let place = this.#where(this.#rows);
    for (let i = 0; i < depth; i++) place += `[${counts[i]}]`;
    return place;
  }
}

function elementKind(first: number | undefined): ElementKind | null {
  switch (first) {
    case 0x22:
      return 'string';
    case 0x74:
    case 0x66:
      return 'boolean';
    case 0x6e:
    case 0x7b:
      return null;
    default:
      return 'number';
  }
}
