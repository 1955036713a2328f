import { Buffer } from 'node:buffer';

import type { HeaderBlock } from '../header-block.ts';
import { EncodeMemo } from './encode-memo.ts';
import { type EncoderName, EncoderNames } from './encoder-names.ts';
import { EncodingTable } from './encoding-table.ts';
import { TABLE_SIZE_DEFAULT } from './hpack-decoder.ts';
import { escapeEnds, STATUS_MESSAGE } from './hpack-status-message.ts';
import { huffmanEncode, huffmanLength } from './huffman.ts';
import { staticNames, staticValues } from './static-table.ts';

/** Lower-case names of fields that are secrets. */
const secretNames: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
]);

export interface HpackEncoderOptions {
  /** Octets of the dynamic table, if the peer allows as much. */
  readonly tableSize: number;
  /** Lower-case names of fields that are never indexed, by nobody on the way (RFC 7541 7.1.3). */
  readonly neverIndexed: ReadonlySet<string>;
}

export const encoderDefaults: HpackEncoderOptions = { tableSize: TABLE_SIZE_DEFAULT, neverIndexed: secretNames };

/** First octets of the representations, RFC 7541 6, and the largest integers that fit into the rest of them. */
const INDEXED = 0x80;
const INDEXED_MAX = 0x7f;
const KEPT = 0x40;
const KEPT_MAX = 0x3f;
const TABLE_SIZE = 0x20;
const TABLE_SIZE_MAX = 0x1f;
const NEVER_KEPT = 0x10;
const NOT_KEPT = 0x00;
const NOT_KEPT_MAX = 0x0f;
const HUFFMAN = 0x80;
const LENGTH_MAX = 0x7f;

const SPACE = 0x20;
const TAB = 0x09;

/** Blocks that are remembered. */
const MEMOS = 4;

/** Most octets of a field beyond its text: what says that it is a literal, and three integers. */
const LITERAL_OVERHEAD = 20;

/** The static entries by their lines. */
const staticIndexes = new Map<string, number>();
for (let index = 1; index < staticNames.length; index++)
  staticIndexes.set(`${staticNames[index]}: ${staticValues[index]}\r\n`, index);

/**
 * Encodes blocks of fields, RFC 7541; one encoder for a connection and a direction. Blocks must be sent in the order in
 * which they were encoded.
 *
 * What comes again goes into the dynamic table and is one or two octets from then on; all else is written as it is: inside
 * a network octets are cheaper than the time that Huffman codes take. The last blocks are remembered with their octets, and
 * what is the same in the next one is not encoded again.
 */
export class HpackEncoder {
  /** What the last block is encoded to: the first `length` octets, the encoder's own until the next block. */
  bytes: Buffer = Buffer.allocUnsafe(256);
  length = 0;
  readonly #tableSize: number;
  readonly #names: EncoderNames;
  readonly #table: EncodingTable;
  readonly #memos: EncodeMemo[] = [];
  #nextMemo = -1;
  /** The sizes to tell with the next block: the smallest since the last one, and that in force. -1: none. */
  #smallestSize = -1;
  #newSize = -1;

  constructor(options: HpackEncoderOptions = encoderDefaults) {
    this.#tableSize = options.tableSize;
    this.#names = new EncoderNames(options.neverIndexed);
    this.#table = new EncodingTable(TABLE_SIZE_DEFAULT);
    this.setPeerTableSize(TABLE_SIZE_DEFAULT);
  }

  /** Octets of the dynamic table, RFC 7541 4.1. */
  get tableSize(): number {
    return this.#table.size;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE is this. */
  setPeerTableSize(limit: number): void {
    const size = Math.min(limit, this.#tableSize);
    if (size === this.#table.maxSize && this.#newSize === -1) return;
    this.#smallestSize = this.#newSize === -1 ? size : Math.min(size, this.#smallestSize);
    this.#newSize = size;
  }

  /**
   * Encodes the head of a request: the length of the block in `bytes`. `''` leaves a pseudo field out. Names in the block
   * may have capitals, which become small; it has no fields of a connection (RFC 9113 8.2.2).
   */
  encodeRequest(method: string, scheme: string, authority: string, path: string, block: HeaderBlock): number {
    return this.#encode(method, scheme, authority, path, 0, block);
  }

  /** Encodes the head of a response; `status` has three digits. */
  encodeResponse(status: number, block: HeaderBlock): number {
    return this.#encode('', '', '', '', status, block);
  }

  /** Encodes trailers. */
  encodeTrailers(block: HeaderBlock): number {
    return this.#encode('', '', '', '', 0, block);
  }

  #encode(method: string, scheme: string, authority: string, path: string, status: number, block: HeaderBlock): number {
    this.length = 0;
    if (this.#newSize !== -1) this.#writeSizes();
    let memo = this.#recall(method, scheme, authority, path, status);
    if (memo !== null && memo.isSettled) {
      this.#encodeLike(memo, block);
      return this.length;
    }
    // What comes a second time gets its entries in the table: only when there are no more of them, octets are settled.
    const isSecond = memo !== null;
    memo ??= this.#freeMemo();
    memo.begin(method, scheme, authority, path, status, block);
    const hasSizes = this.length > 0;
    const { generation } = this.#table;
    if (status !== 0) this.#writeField(`:status: ${status}\r\n`);
    if (method !== '') this.#writeField(`:method: ${method}\r\n`);
    if (scheme !== '') this.#writeField(`:scheme: ${scheme}\r\n`);
    if (authority !== '') this.#writeField(`:authority: ${authority}\r\n`);
    if (path !== '') this.#writeField(`:path: ${path}\r\n`);
    const pseudoLength = this.length;
    for (let at = 0; at < block.length;) {
      at = this.#writeLine(block, at);
      memo.add(at, this.length);
    }
    if (!hasSizes && generation === this.#table.generation)
      memo.finish(this.bytes, this.length, pseudoLength, generation, isSecond);
    return this.length;
  }

  #recall(method: string, scheme: string, authority: string, path: string, status: number): EncodeMemo | null {
    for (let i = 0; i < this.#memos.length; i++) {
      const memo = this.#memos[i]!;
      if (memo.generation === this.#table.generation && memo.isOf(method, scheme, authority, path, status)) return memo;
    }
    return null;
  }

  /** A new memo, or the one that was made first. */
  #freeMemo(): EncodeMemo {
    this.#nextMemo = (this.#nextMemo + 1) % MEMOS;
    return (this.#memos[this.#nextMemo] ??= new EncodeMemo());
  }

  /** Encodes a block with the pseudo fields of one that is remembered, of which lines may be different. */
  #encodeLike(memo: EncodeMemo, block: HeaderBlock): void {
    if (memo.block === block) {
      this.#copy(memo, 0, memo.length);
      return;
    }
    const { generation } = memo;
    let line = memo.sameBeginning(block);
    let at = memo.textEnd(line - 1);
    let copied = line;
    // Lines that are the same and follow each other are copied in one go.
    let run = 0;
    let isBeginning = line === 0;
    while (at < block.length) {
      if (line < memo.lines && generation === this.#table.generation && memo.isSameLine(line, block, at)) {
        at += memo.textEnd(line) - memo.textEnd(line - 1);
        copied++;
        line++;
        continue;
      }
      if (isBeginning) memo.expectBeginning(line);
      isBeginning = false;
      this.#copy(memo, run, memo.byteEnd(Math.min(line, memo.lines) - 1));
      at = this.#writeLine(block, at);
      line++;
      run = line <= memo.lines ? memo.byteEnd(line - 1) : memo.length;
    }
    const end = memo.byteEnd(Math.min(line, memo.lines) - 1);
    if (run < end) this.#copy(memo, run, end);
    // Blocks are not like this one any more.
    if (copied * 2 < line) memo.generation = -1;
  }

  #copy(memo: EncodeMemo, from: number, to: number): void {
    this.#reserve(to - from);
    const { bytes } = this;
    let end = this.length;
    for (let i = from; i < to; i++) bytes[end++] = memo.bytes[i]!;
    this.length = end;
  }

  /** Writes the field whose line begins at `at`: where the next one begins. */
  #writeLine(block: HeaderBlock, at: number): number {
    const lineEnd = block.indexOf('\r\n', at);
    const end = lineEnd === -1 ? block.length : lineEnd + 2;
    this.#writeField(block.slice(at, end));
    return end;
  }

  /** Writes a field, of which the line is given. */
  #writeField(line: string): void {
    const colon = line.indexOf(':', 1);
    const written = line.slice(0, colon);
    const name = this.#names.of(written);
    if (name.isSecret || name.isVaried) {
      this.#writeLiteral(name.isSecret ? NEVER_KEPT : NOT_KEPT, NOT_KEPT_MAX, name, valueOf(line, colon, name));
      return;
    }
    const table = this.#table;
    const known = table.find(line);
    if (known !== 0) {
      name.noteHit();
      this.#writeInteger(INDEXED, INDEXED_MAX, known);
      return;
    }
    const value = valueOf(line, colon, name);
    // Entries have the size of what is sent, so they are known by lines that are just that.
    if (written !== name.text || name.text.length + value.length + 4 !== line.length) {
      this.#writeField(`${name.text}: ${value}\r\n`);
      return;
    }
    const index = staticIndexes.get(line);
    if (index !== undefined) this.#writeInteger(INDEXED, INDEXED_MAX, index);
    else if (table.isRepeated(line)) {
      name.noteEntry();
      this.#writeLiteral(KEPT, KEPT_MAX, name, value);
      table.insert(line);
    } else {
      name.noteMiss();
      this.#writeLiteral(NOT_KEPT, NOT_KEPT_MAX, name, value);
    }
  }

  #writeLiteral(first: number, max: number, name: EncoderName, value: string): void {
    this.#reserve(name.text.length + value.length + LITERAL_OVERHEAD);
    this.#writeInteger(first, max, name.index);
    if (name.index === 0) this.#writeText(name.text, first === KEPT);
    this.#writeText(value, first === KEPT);
  }

  #writeText(text: string, isOnce: boolean): void {
    const { length } = text;
    const packed = isOnce ? huffmanLength(text) : length;
    if (packed < length) {
      this.#writeInteger(HUFFMAN, LENGTH_MAX, packed);
      this.length = huffmanEncode(text, this.bytes, this.length);
      return;
    }
    this.#writeInteger(0, LENGTH_MAX, length);
    const { bytes } = this;
    let end = this.length;
    for (let i = 0; i < length; i++) bytes[end++] = text.charCodeAt(i);
    this.length = end;
  }

  /** RFC 7541 4.2: when the table was smaller for a while, that is told as well. */
  #writeSizes(): void {
    if (this.#smallestSize < this.#newSize) this.#writeSize(this.#smallestSize);
    this.#writeSize(this.#newSize);
    this.#newSize = -1;
  }

  #writeSize(size: number): void {
    this.#writeInteger(TABLE_SIZE, TABLE_SIZE_MAX, size);
    this.#table.resize(size);
  }

  /** RFC 7541 5.1. There is room for it, but where a field is nothing else. */
  #writeInteger(first: number, max: number, value: number): void {
    if (this.length + LITERAL_OVERHEAD > this.bytes.length) this.#reserve(LITERAL_OVERHEAD);
    const { bytes } = this;
    if (value < max) {
      bytes[this.length++] = first | value;
      return;
    }
    bytes[this.length++] = first | max;
    let rest = value - max;
    for (; rest >= 0x80; rest >>>= 7) bytes[this.length++] = (rest & 0x7f) | 0x80;
    bytes[this.length++] = rest;
  }

  #reserve(more: number): void {
    const wanted = this.length + more;
    if (wanted <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(wanted * 2);
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}

/** The value of a line, without the blanks around it; in the text of an error they are escaped. */
function valueOf(line: string, colon: number, name: EncoderName): string {
  let start = colon + 1;
  let end = line.length - 2;
  if (name.text === STATUS_MESSAGE)
    return escapeEnds(line.slice(isBlank(line.charCodeAt(start)) ? start + 1 : start, end));
  while (start < end && isBlank(line.charCodeAt(start))) start++;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end--;
  return line.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
