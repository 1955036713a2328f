import { Buffer } from 'node:buffer';

import { renameInObject, renameTopString } from './rename.ts';

/** Longer lines pass as they are: what is held of a stream must stay small. */
const lineMax = 1 << 20;
const newline = 0x0a;
const carriageReturn = 0x0d;
const nothing = Buffer.alloc(0);

/**
 * Replaces the string value `from` of some keys by `to` in the outermost object of every `data:` line of a stream of
 * server-sent events, and of the object that is its member `inside`, if that is given (WHATWG HTML, "Server-sent events"; lines end with CR, LF or both). Lines may arrive in pieces; no
 * more than the one under way is held, at most 1 MiB. Every other byte stays as it is.
 */
export class EventRename {
  readonly #keys: readonly string[];
  readonly #from: string;
  readonly #to: string;
  readonly #inside: string | null;
  /** The beginning of a line whose end has not come, in memory that grows: it may come in very many pieces. */
  #memory = nothing;
  #held = 0;
  /** Inside a line that is too long. */
  #isPassing = false;

  constructor(keys: readonly string[], from: string, to: string, inside: string | null = null) {
    this.#inside = inside;
    this.#keys = keys;
    this.#from = from;
    this.#to = to;
  }

  /** The bytes that can leave now. Those that came are not kept. */
  take(chunk: Uint8Array): Buffer {
    const wholeEnd = Math.max(chunk.lastIndexOf(newline), chunk.lastIndexOf(carriageReturn)) + 1;
    const out: Buffer[] = [];
    if (wholeEnd > 0) {
      this.#hold(chunk.subarray(0, wholeEnd));
      this.#lines(this.#release(), out);
      this.#isPassing = false;
    }
    if (wholeEnd < chunk.length) this.#hold(chunk.subarray(wholeEnd));
    if (this.#isPassing || this.#held > lineMax) {
      this.#isPassing = true;
      out.push(this.#release());
    }
    return out.length === 1 ? out[0]! : Buffer.concat(out);
  }

  /** What is left of a stream that does not end with a whole line. */
  end(): Buffer {
    return this.#line(this.#release());
  }

  #hold(bytes: Uint8Array): void {
    const wanted = this.#held + bytes.length;
    if (wanted > this.#memory.length) {
      const grown = Buffer.allocUnsafe(Math.max(wanted, 2 * this.#memory.length));
      this.#memory.copy(grown, 0, 0, this.#held);
      this.#memory = grown;
    }
    this.#memory.set(bytes, this.#held);
    this.#held = wanted;
  }

  #release(): Buffer {
    const bytes = this.#memory.subarray(0, this.#held);
    this.#memory = nothing;
    this.#held = 0;
    return bytes;
  }

  /** Both ends of a line that ends with CR and LF count; the empty line between them changes nothing. */
  #lines(bytes: Buffer, out: Buffer[]): void {
    let start = 0;
    for (let i = 0; i < bytes.length; i++) {
      if (bytes[i] !== newline && bytes[i] !== carriageReturn) continue;
      const line = bytes.subarray(start, i + 1);
      // The end of a line whose beginning has left.
      out.push(start === 0 && this.#isPassing ? line : this.#line(line));
      start = i + 1;
    }
  }

  #line(line: Buffer): Buffer {
    if (line.toString('latin1', 0, 5) !== 'data:') return line;
    const data = line.subarray(5);
    let renamed = data;
    for (const key of this.#keys) {
      renamed = renameTopString(renamed, key, this.#from, this.#to);
      if (this.#inside !== null) renamed = renameInObject(renamed, this.#inside, key, this.#from, this.#to);
    }
    return renamed === data ? line : Buffer.concat([line.subarray(0, 5), renamed]);
  }
}
