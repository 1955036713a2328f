import type { HeaderBlock } from '../header-block.ts';

/** Longer blocks are not remembered. */
const BYTES_MAX = 1024;
const LINES_MAX = 64;

/** A block that was encoded, with its octets line by line. */
export class EncodeMemo {
  /** Of the table that the octets are for; -1: it holds nothing. */
  generation = -1;
  /** Whether it was encoded twice, and the table stayed as it was. */
  isSettled = false;
  block: HeaderBlock = '';
  lines = 0;
  /** Octets of the pseudo fields, and of all. */
  pseudoLength = 0;
  length = 0;
  bytes = new Uint8Array(0);
  /** Where each line ends in the block and in the octets. */
  readonly #textEnds: number[] = [];
  readonly #byteEnds: number[] = [];
  readonly #lines: string[] = [];
  /** What the blocks have in common, see `sameBeginning`. */
  #beginning = '';
  #beginningLines = 0;
  #method = '';
  #scheme = '';
  #authority = '';
  #path = '';
  #status = 0;

  /** Begins to hold another block, which counts when `finish` is called. */
  begin(method: string, scheme: string, authority: string, path: string, status: number, block: HeaderBlock): void {
    this.generation = -1;
    this.#method = method;
    this.#scheme = scheme;
    this.#authority = authority;
    this.#path = path;
    this.#status = status;
    this.block = block;
    this.lines = 0;
    this.#lines.length = 0;
    this.#beginning = '';
  }

  /** The next line ends here. */
  add(textEnd: number, byteEnd: number): void {
    if (this.lines < LINES_MAX) {
      this.#lines.push(this.block.slice(this.textEnd(this.lines - 1), textEnd));
      this.#textEnds[this.lines] = textEnd;
      this.#byteEnds[this.lines] = byteEnd;
    }
    this.lines++;
  }

  finish(bytes: Uint8Array, length: number, pseudoLength: number, generation: number, isSettled: boolean): void {
    if (length > BYTES_MAX || this.lines > LINES_MAX) return;
    this.generation = generation;
    this.isSettled = isSettled;
    this.length = length;
    this.pseudoLength = pseudoLength;
    if (this.bytes.length < length) this.bytes = new Uint8Array(length * 2);
    for (let i = 0; i < length; i++) this.bytes[i] = bytes[i]!;
  }

  isOf(method: string, scheme: string, authority: string, path: string, status: number): boolean {
    return (
      status === this.#status &&
      path === this.#path &&
      authority === this.#authority &&
      method === this.#method &&
      scheme === this.#scheme
    );
  }

  textEnd(line: number): number {
    return line < 0 ? 0 : this.#textEnds[line]!;
  }

  byteEnd(line: number): number {
    return line < 0 ? this.pseudoLength : this.#byteEnds[line]!;
  }

  /** Takes the lines that another block begins with, as far as they were the same in the block before it, in one go. */
  sameBeginning(block: HeaderBlock): number {
    const beginning = this.#beginning;
    return beginning !== '' && block.slice(0, beginning.length) === beginning ? this.#beginningLines : 0;
  }

  /** Whether this line is the next one in another block, which is at `at`. */
  isSameLine(line: number, block: HeaderBlock, at: number): boolean {
    const text = this.#lines[line]!;
    return block.slice(at, at + text.length) === text;
  }

  /** Another block had only the first `lines` lines in common from its beginning on. */
  expectBeginning(lines: number): void {
    this.#beginningLines = lines;
    this.#beginning = this.block.slice(0, this.textEnd(lines - 1));
  }
}
