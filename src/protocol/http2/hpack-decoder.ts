import { Buffer } from 'node:buffer';

import { DecodingTable, fieldText } from './decoding-table.ts';
import { BAD, isValue, kindOfField } from './field-kind.ts';
import { FIELD_OVERHEAD, FieldSection, SectionTexts } from './field-section.ts';
import { huffmanDecode, huffmanLengthMax } from './huffman.ts';
import { escapeEnds, STATUS_MESSAGE } from './hpack-status-message.ts';
import { knownName, KnownName } from './known-names.ts';

/** Verdicts of `HpackDecoder.decode`. `MALFORMED` and `TOO_LARGE` concern the message alone: the table is up to date. */
export const FINE = 0;
/** See `FieldSection.problem`. */
export const MALFORMED = 1;
/** More octets or more fields than the decoder takes. */
export const TOO_LARGE = 2;
/** The block cannot be decoded, and none after it: a connection error COMPRESSION_ERROR, RFC 9113 4.3. */
export const UNDECODABLE = 3;
export type DecodeVerdict = 0 | 1 | 2 | 3;

/** SETTINGS_HEADER_TABLE_SIZE where nothing else was agreed on. */
export const TABLE_SIZE_DEFAULT = 4096;

export interface HpackDecoderOptions {
  /** Octets of a section as RFC 9113 6.5.2 counts them (SETTINGS_MAX_HEADER_LIST_SIZE). */
  readonly maxListBytes: number;
  readonly maxFields: number;
}

/** Blocks that are remembered, and how long they may be. */
const MEMOS = 4;
const MEMO_BYTES = 256;

const SPACE = 0x20;

/** Seven bits and four octets more: 2^28, far beyond every length and index. */
const INTEGER_SHIFT_MAX = 21;

/** Texts are made whole in one go, so one place to decode Huffman codes in is enough for all connections. */
let scratch = Buffer.allocUnsafe(4096);

const noName = new KnownName('');

/**
 * Decodes blocks of fields, RFC 7541; one decoder for a connection and a direction. Clients send the same octets again and
 * again once their fields are in the table, so a block that changes nothing is remembered with what it means.
 */
export class HpackDecoder {
  /** What the last block meant; the decoder's own, until the next block. */
  section: FieldSection;
  /** What is wrong with a block that is undecodable; for logs. */
  problem = '';
  readonly #options: HpackDecoderOptions;
  readonly #table = new DecodingTable(TABLE_SIZE_DEFAULT);
  readonly #texts = new SectionTexts();
  readonly #memos: Memo[] = [];
  #nextMemo = 0;
  /** What we allow for the table, and whether the peer has still to say that it knows of a smaller one. */
  #sizeLimit = TABLE_SIZE_DEFAULT;
  #awaitsResize = false;
  #listBytes = 0;
  #fields = 0;
  /** The string that was read last, where its octets are; the name; the value, and whether it may be one. */
  #from: Buffer = scratch;
  #start = 0;
  #end = 0;
  #name = noName;
  #value = '';
  #isValue = true;
  /** The integer that was read last. */
  #integer = 0;

  constructor(options: HpackDecoderOptions) {
    this.#options = options;
    this.#memos.push(new Memo(this.#texts));
    this.section = this.#memos[0]!.section;
  }

  /** Octets of the dynamic table, RFC 7541 4.1. */
  get tableSize(): number {
    return this.#table.size;
  }

  /**
   * The peer has acknowledged this value of our SETTINGS_HEADER_TABLE_SIZE: its next block begins with a smaller size if
   * its table was larger (RFC 7541 4.2).
   */
  setTableSize(limit: number): void {
    this.#sizeLimit = limit;
    this.#awaitsResize = this.#table.maxSize > limit;
  }

  /** Decodes the whole block `bytes[start, end)` into `section`. */
  decode(bytes: Buffer, start: number, end: number): DecodeVerdict {
    const memo = this.#recall(bytes, start, end);
    if (memo !== null) {
      this.section = memo.section;
      return FINE;
    }
    const fresh = (this.#memos[this.#nextMemo] ??= new Memo(this.#texts));
    fresh.length = -1;
    this.section = fresh.section;
    this.section.clear();
    this.#listBytes = 0;
    this.#fields = 0;
    const { generation } = this.#table;
    if (!this.#readFields(bytes, start, end)) return UNDECODABLE;
    if (this.#listBytes > this.#options.maxListBytes || this.#fields > this.#options.maxFields) return TOO_LARGE;
    if (this.section.problem !== '') return MALFORMED;
    this.section.finish();
    if (generation === this.#table.generation && end - start <= MEMO_BYTES) {
      fresh.keep(bytes, start, end, generation);
      this.#nextMemo = (this.#nextMemo + 1) % MEMOS;
    }
    return FINE;
  }

  #recall(bytes: Buffer, start: number, end: number): Memo | null {
    if (this.#awaitsResize) return null;
    for (let i = 0; i < this.#memos.length; i++) {
      const memo = this.#memos[i]!;
      if (memo.generation === this.#table.generation && memo.isOf(bytes, start, end)) return memo;
    }
    return null;
  }

  #readFields(bytes: Buffer, start: number, end: number): boolean {
    const table = this.#table;
    let at = start;
    while (at < end) {
      const octet = bytes[at]!;
      // A change of the table size is only allowed before the first field, RFC 7541 4.2.
      if ((octet & 0xe0) === 0x20) {
        if (this.#fields > 0) return this.#refuse('a table size after a field');
        at = this.#readInteger(bytes, at, end, 0x1f);
        if (at === -1) return false;
        if (this.#integer > this.#sizeLimit) return this.#refuse('a too large table');
        table.resize(this.#integer);
        this.#awaitsResize = false;
        continue;
      }
      if (this.#awaitsResize) return this.#refuse('a table that is still too large');
      if (octet < 0x80) at = this.#readLiteral(bytes, at, end, (octet & 0x40) !== 0);
      else {
        at = this.#readInteger(bytes, at, end, 0x7f);
        if (at === -1) return false;
        const place = table.find(this.#integer);
        if (place === -1) return this.#refuse('an index beyond the table');
        this.#take(table.kind(place), table.text(place), table.entrySize(place));
      }
      if (at === -1) return false;
    }
    return true;
  }

  /** A field whose value, and perhaps whose name, stands here, RFC 7541 6.2: the position after it, or -1. */
  #readLiteral(bytes: Buffer, start: number, end: number, isKept: boolean): number {
    const table = this.#table;
    let at = this.#readInteger(bytes, start, end, isKept ? 0x3f : 0x0f);
    if (at === -1) return -1;
    let name: string;
    let nameKind: number;
    if (this.#integer === 0) {
      at = this.#readName(bytes, at, end);
      if (at === -1) return -1;
      name = this.#name.text;
      nameKind = this.#name.kind;
    } else {
      const place = table.find(this.#integer);
      if (place === -1) return this.#fail('an index beyond the table');
      name = table.name(place);
      nameKind = table.nameKind(place);
    }
    at = this.#readValue(bytes, at, end);
    if (at === -1) return -1;
    const value = this.#value;
    const isMessage = name === STATUS_MESSAGE;
    const kind = this.#isValue || (isMessage && this.#isMessage()) ? kindOfField(nameKind, value) : BAD;
    const text = fieldText(kind, name, isMessage ? escapeEnds(value) : value);
    const size = name.length + value.length + FIELD_OVERHEAD;
    if (isKept) table.insert(name, nameKind, kind, text, size);
    this.#take(kind, text, size);
    return at;
  }

  /** What is too much is counted, but not kept: one octet may stand for a field of the size of the table. */
  #take(kind: number, text: string, size: number): void {
    this.#listBytes += size;
    this.#fields++;
    if (this.#listBytes > this.#options.maxListBytes || this.#fields > this.#options.maxFields) return;
    this.section.add(kind, text);
  }

  #readName(bytes: Buffer, start: number, end: number): number {
    const to = this.#readString(bytes, start, end);
    if (to !== -1) this.#name = knownName(this.#from, this.#start, this.#end);
    return to;
  }

  #readValue(bytes: Buffer, start: number, end: number): number {
    const to = this.#readString(bytes, start, end);
    if (to === -1) return -1;
    this.#isValue = isValue(this.#from, this.#start, this.#end);
    this.#value = this.#start === this.#end ? '' : this.#from.toString('latin1', this.#start, this.#end);
    return to;
  }

  /** Whether the value is one but for spaces before it: texts of errors are let through as they are written. */
  #isMessage(): boolean {
    let start = this.#start;
    while (start < this.#end && this.#from[start] === SPACE) start++;
    return isValue(this.#from, start, this.#end);
  }

  /** A string literal, RFC 7541 5.2, to `#from[#start, #end)`: the position after it, or -1. */
  #readString(bytes: Buffer, start: number, end: number): number {
    if (start >= end) return this.#fail('a block that ends too soon');
    const isHuffman = bytes[start]! >= 0x80;
    const from = this.#readInteger(bytes, start, end, 0x7f);
    if (from === -1) return -1;
    const to = from + this.#integer;
    if (to > end) return this.#fail('a block that ends too soon');
    this.#from = bytes;
    this.#start = from;
    this.#end = to;
    if (!isHuffman) return to;
    const lengthMax = huffmanLengthMax(to - from);
    if (lengthMax > scratch.length) scratch = Buffer.allocUnsafe(lengthMax * 2);
    const length = huffmanDecode(bytes, from, to, scratch);
    if (length === -1) return this.#fail('a bad Huffman code');
    this.#from = scratch;
    this.#start = 0;
    this.#end = length;
    return to;
  }

  /** An integer whose first bits are those of `mask`, RFC 7541 5.1: the position after it, or -1. */
  #readInteger(bytes: Buffer, start: number, end: number, mask: number): number {
    let value = bytes[start]! & mask;
    let at = start + 1;
    if (value === mask) {
      for (let shift = 0; ; shift += 7) {
        if (at >= end) return this.#fail('a block that ends too soon');
        if (shift > INTEGER_SHIFT_MAX) return this.#fail('a too large integer');
        const octet = bytes[at++]!;
        value += (octet & 0x7f) << shift;
        if (octet < 0x80) break;
      }
    }
    this.#integer = value;
    return at;
  }

  #refuse(problem: string): boolean {
    this.problem = problem;
    return false;
  }

  #fail(problem: string): -1 {
    this.problem = problem;
    return -1;
  }
}

/** A block and what it means, as long as the table stays as it was. */
class Memo {
  readonly section: FieldSection;
  generation = -1;
  /** -1: it holds nothing. */
  length = -1;
  readonly #bytes = new Uint8Array(MEMO_BYTES);

  constructor(texts: SectionTexts) {
    this.section = new FieldSection(texts);
  }

  isOf(bytes: Buffer, start: number, end: number): boolean {
    const { length } = this;
    if (end - start !== length) return false;
    const own = this.#bytes;
    // What differs in blocks that are nearly the same is mostly at their ends.
    for (let i = length - 1; i >= 0; i--) if (own[i] !== bytes[start + i]) return false;
    return true;
  }

  keep(bytes: Buffer, start: number, end: number, generation: number): void {
    this.generation = generation;
    this.length = end - start;
    for (let i = 0; i < this.length; i++) this.#bytes[i] = bytes[start + i]!;
  }
}
