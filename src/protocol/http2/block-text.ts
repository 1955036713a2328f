import type { HeaderBlock } from '../header-block.ts';

/**
 * Puts lines together to blocks. The blocks of a connection begin alike, with fields that stand in its table: those lines
 * are cut out of an earlier block in one piece, which costs less than to join them, and to read what was joined.
 */
export class BlockText {
  /** The earlier block: its lines, where they end, and all of it. */
  readonly #lines: string[] = [];
  readonly #ends: number[] = [];
  #whole: HeaderBlock = '';
  /** Lines that are the same, and those after them. */
  #same = 0;
  readonly #rest: string[] = [];
  #text: HeaderBlock = '';

  begin(): void {
    this.#same = 0;
    this.#rest.length = 0;
  }

  add(line: string): void {
    if (this.#rest.length === 0) {
      // The lines of a table are the same strings each time, so this mostly compares two addresses.
      if (this.#same < this.#lines.length && this.#lines[this.#same] === line) {
        this.#same++;
        return;
      }
      this.#text = this.#beginning();
    }
    this.#rest.push(line);
    this.#text += line;
  }

  finish(): HeaderBlock {
    if (this.#rest.length === 0) return this.#beginning();
    // When most is different, the later blocks are more likely to be like this one.
    if (this.#rest.length > this.#same) this.#keep();
    return this.#text;
  }

  #beginning(): HeaderBlock {
    return this.#same === 0 ? '' : this.#whole.slice(0, this.#ends[this.#same - 1]);
  }

  #keep(): void {
    this.#lines.length = this.#same;
    this.#ends.length = this.#same;
    let end = this.#text.length;
    for (const line of this.#rest) end -= line.length;
    for (const line of this.#rest) {
      end += line.length;
      this.#lines.push(line);
      this.#ends.push(end);
    }
    this.#whole = this.#text;
  }
}
