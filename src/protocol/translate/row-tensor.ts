import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import { skipSpace, skipValue } from '../json-scan.ts';
import { JsonWriter } from '../json-writer.ts';
import { maxRank } from './datatypes.ts';
import { takeBytes } from './json-body.ts';
import type { End } from './json-reader.ts';

/** Kinds of elements; a tensor has one of them. */
const kindNames = { number: 'a number', boolean: 'a boolean', string: 'a string' } as const;
type ElementKind = keyof typeof kindNames;

/** Tensors are read one after the other, each taken before the next, so that one writer will do. */
const shared = new JsonWriter();
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
  /** Where the first integer is that INT64 cannot hold. */
  #tooLarge = '';
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

  /** INT64 for integers, `float` for numbers of which some have a fraction or an exponent, and without elements. */
  datatype(float: 'FP32' | 'FP64'): string | CodecFailure {
    if (this.#kind === 'boolean') return 'BOOL';
    if (this.#kind === 'string') return 'BYTES';
    if (this.#kind === null || this.#hasFractions) return float;
    if (this.#tooLarge === '') return 'INT64';
    const text = `${this.#tooLarge} is an integer beyond 64 bits; write it with an exponent to send it as a fraction.`;
    return fail('BAD_BODY', 'NOT_REPRESENTABLE', text);
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
    if (kind === 'number' && !this.#hasFractions) this.#lookAtNumber(at, end, depth);
    if (this.#runStart === -1) this.#runStart = at;
    this.#runEnd = end;
    return end;
  }

  #lookAtNumber(at: number, end: number, depth: number): void {
    const json = this.#json;
    for (let i = at; i < end; i++) {
      const c = json[i]!;
      // A point, an exponent, or one of the bare tokens NaN and Infinity.
      if (c === 0x2e || c > 0x40) {
        this.#hasFractions = true;
        return;
      }
    }
    if (end - at > 18 && this.#tooLarge === '' && !fitsInt64(json, at, end)) this.#tooLarge = this.#place(depth);
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

function fitsInt64(json: Buffer, start: number, end: number): boolean {
  if (end - start > 20) return false;
  return BigInt.asIntN(64, BigInt(json.toString('latin1', start, end))) === BigInt(json.toString('latin1', start, end));
}
