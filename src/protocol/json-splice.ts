import { Buffer } from 'node:buffer';

import type { Span } from './json-scan.ts';
import { JsonWriter } from './json-writer.ts';

/** Replace bytes [start, end) by text; start = end inserts. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * The body with the edits applied, every other byte as it was. Edits may come in any order but must not overlap; several
 * insertions at one place keep their order. Without edits the same buffer is returned.
 */
export function applyEdits(body: Buffer, edits: readonly Edit[]): Buffer {
  const splice = startSplice();
  for (const { start, end, text } of edits) {
    splice.replace(start, end);
    splice.out.text(text);
  }
  return splice.apply(body);
}

/**
 * Edits of a body whose new bytes are written right where they are needed: an edit is opened, and what is written to
 * `out` until the next one is opened is its content. Edits may come in any order but must not overlap; several
 * insertions at one place keep their order.
 */
export class Splice {
  readonly out = new JsonWriter();
  /** Per edit: start, end, and where its content begins in `out`. */
  readonly #edits: number[] = [];

  reset(): void {
    this.#edits.length = 0;
    this.out.reset();
  }

  /** Opens an edit in place of the bytes [start, end); start = end inserts. */
  replace(start: number, end: number): void {
    this.#edits.push(start, end, this.out.length);
  }

  /** Opens an insertion behind the last item of an array or object span that the scanner accepted. */
  append(body: Uint8Array, container: Span): void {
    const at = contentEnd(body, container);
    this.replace(at, at);
    if (at !== container.start + 1) this.out.byte(0x2c);
  }

  /** Opens an insertion before the first item; returns whether a comma must follow the new ones. */
  prepend(body: Uint8Array, container: Span): boolean {
    const at = container.start + 1;
    this.replace(at, at);
    return contentEnd(body, container) !== at;
  }

  /** The body with the edits, every other byte as it was; the same buffer without edits. */
  apply(body: Buffer): Buffer {
    const edits = this.#edits;
    if (edits.length === 0) return body;
    const order = this.#order();
    let size = body.length + this.out.length;
    for (let i = 0; i < edits.length; i += 3) size -= edits[i + 1]! - edits[i]!;
    const result = Buffer.allocUnsafe(size);
    let from = 0;
    let to = 0;
    for (const at of order) {
      const start = edits[at]!;
      to += body.copy(result, to, from, start);
      to += this.out.copy(result, to, edits[at + 2]!, edits[at + 5] ?? this.out.length);
      from = edits[at + 1]!;
    }
    body.copy(result, to, from);
    return result;
  }

  /** Positions of the edits in the order of the body. */
  #order(): number[] {
    const order: number[] = [];
    let isOrdered = true;
    for (let i = 0; i < this.#edits.length; i += 3) {
      order.push(i);
      if (i > 0 && this.#edits[i]! < this.#edits[i - 3]!) isOrdered = false;
    }
    return isOrdered ? order : order.sort((a, b) => this.#edits[a]! - this.#edits[b]!);
  }
}

/** Splicing is synchronous and calls nothing back, so one will do. */
const shared = new Splice();

/** An empty splice; it is good until the next call. */
export function startSplice(): Splice {
  shared.reset();
  return shared;
}

/** The byte behind the last item, or behind the opening bracket when the container is empty. */
function contentEnd(body: Uint8Array, container: Span): number {
  let i = container.end - 2;
  while (i > container.start && isSpace(body[i])) i--;
  return i + 1;
}

function isSpace(c: number | undefined): boolean {
  return c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;
}
