import { Buffer } from 'node:buffer';

import type { Span } from './json-scan.ts';

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
  if (edits.length === 0) return body;
  const ordered = edits.toSorted((a, b) => a.start - b.start);
  let size = body.length;
  for (const edit of ordered) size += Buffer.byteLength(edit.text, 'utf8') - (edit.end - edit.start);
  const out = Buffer.allocUnsafe(size);
  let from = 0;
  let to = 0;
  for (const edit of ordered) {
    to += body.copy(out, to, from, edit.start);
    to += out.write(edit.text, to, 'utf8');
    from = edit.end;
  }
  body.copy(out, to, from);
  return out;
}

/** An insertion behind the last item of an array or object span that the scanner accepted. `items` is comma-joined. */
export function appendItems(body: Uint8Array, container: Span, items: string): Edit {
  const at = contentEnd(body, container);
  return { start: at, end: at, text: at === container.start + 1 ? items : `,${items}` };
}

/** An insertion before the first item of an array or object span that the scanner accepted. `items` is comma-joined. */
export function prependItems(body: Uint8Array, container: Span, items: string): Edit {
  const at = container.start + 1;
  return { start: at, end: at, text: contentEnd(body, container) === at ? items : `${items},` };
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
