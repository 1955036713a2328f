import { FIELD_OVERHEAD } from './field-section.ts';
import { STATIC_LENGTH } from './static-table.ts';

/** What the line of a field has beyond its name and its value. */
const LINE_OVERHEAD = 4;

/** Places for lines that may come a second time, two for each hash. A power of two. */
const SEEN = 256;

/**
 * The dynamic table of an encoder, RFC 7541 2.3.2: it knows its entries by their lines, `name: value` and CRLF. A line is
 * worth an entry when it comes a second time: request ids, tokens and deadlines do not, and would push out what does.
 */
export class EncodingTable {
  /** Counts the changes: as long as it stays, a line means the same index. */
  generation = 0;
  size = 0;
  maxSize: number;
  /** Numbers of entries in the order of their insertion, from 0 on. */
  readonly #numbers = new Map<string, number>();
  #inserted = 0;
  readonly #seen: string[] = [];

  constructor(maxSize: number) {
    this.maxSize = maxSize;
    for (let i = 0; i < SEEN; i++) this.#seen.push('');
  }

  /** The index of a line, or 0. */
  find(line: string): number {
    const number = this.#numbers.get(line);
    return number === undefined ? 0 : STATIC_LENGTH + this.#inserted - number;
  }

  /** Whether the line is worth an entry; it is remembered that it came. */
  isRepeated(line: string): boolean {
    // More than half of the table would push out most of it.
    if (sizeOf(line) * 2 > this.maxSize) return false;
    const seen = this.#seen;
    const place = placeOf(line);
    if (seen[place] === line || seen[place + 1] === line) return true;
    seen[place + 1] = seen[place]!;
    seen[place] = line;
    return false;
  }

  /** Adds a line that is not in the table and not larger than it. */
  insert(line: string): void {
    this.generation++;
    const size = sizeOf(line);
    this.#evict(this.maxSize - size);
    this.#numbers.set(line, this.#inserted++);
    this.size += size;
  }

  resize(maxSize: number): void {
    this.generation++;
    this.maxSize = maxSize;
    this.#evict(maxSize);
  }

  /** A map keeps the order of insertion: the first are the oldest. */
  #evict(size: number): void {
    if (this.size <= size) return;
    for (const line of this.#numbers.keys()) {
      this.#numbers.delete(line);
      this.size -= sizeOf(line);
      if (this.size <= size) return;
    }
  }
}

/** RFC 7541 4.1. */
function sizeOf(line: string): number {
  return line.length - LINE_OVERHEAD + FIELD_OVERHEAD;
}

/** A hash from a few characters: lines of one block differ by their names, lines of one name by their ends. */
function placeOf(line: string): number {
  const { length } = line;
  let hash = length;
  hash = Math.imul(hash, 31) + line.charCodeAt(0);
  hash = Math.imul(hash, 31) + line.charCodeAt(length >> 2);
  hash = Math.imul(hash, 31) + line.charCodeAt(length >> 1);
  hash = Math.imul(hash, 31) + line.charCodeAt(length - 4);
  hash = Math.imul(hash, 31) + line.charCodeAt(length - 3);
  return (hash & (SEEN / 2 - 1)) * 2;
}
