import { parametersPath } from './enrich-object.ts';
import type { FeatureLayout } from './feature-layout.ts';
import type { Span } from './json-scan.ts';
import { eachElement, eachMember } from './json-walk.ts';
import { findKey } from './member-merge.ts';
import type { RequestBody } from './request-body.ts';

/**
 * Which feature values a request brings itself, row by row: 1 at row * columns + column; null for none at all. By the
 * place where they would be put: a tensor's name counts for all rows (of `tensor`, for all features), a key of
 * `parameters` or of the object at a pointer for its row, a key of an object row for that row. Array rows cannot say
 * which feature a column is and supply none. A key with null counts as supplied. Never fails: a body that cannot be read
 * supplies nothing, and placing the values says why.
 */
export function suppliedFeatures(body: RequestBody, layout: FeatureLayout, rows: number): Uint8Array | null {
  const { into } = layout;
  const found = new Supplied(body.json, layout, rows);
  switch (into.kind) {
    case 'tensor':
    case 'tensors':
      for (const tensor of body.inputs().tensors) {
        for (const { key, first, width } of layout.tensors) if (tensor.isNamed(key)) found.markColumns(first, width);
      }
      break;
    case 'columns': {
      const read = body.rows();
      if (read.ok) found.markRows(read.rows);
      break;
    }
    default: {
      const place = body.find(into.kind === 'parameters' ? parametersPath : into.path);
      if (place?.kind === 'object') found.markRow(place, 0);
      if (place?.kind === 'array' && into.kind === 'pointer') found.markRows(place);
    }
  }
  return found.marks;
}

class Supplied {
  readonly #json: Uint8Array;
  readonly #columns: FeatureLayout['columns'];
  readonly #rows: number;
  marks: Uint8Array | null = null;

  constructor(json: Uint8Array, { columns }: FeatureLayout, rows: number) {
    this.#json = json;
    this.#columns = columns;
    this.#rows = rows;
  }

  markColumns(first: number, width: number): void {
    for (let row = 0; row < this.#rows; row++) {
      for (let column = first; column < first + width; column++) this.#mark(row, column);
    }
  }

  markRow(object: Span, row: number): void {
    eachMember(this.#json, object, (keyStart, keyEnd) => {
      const column = findKey(this.#json, keyStart, keyEnd, this.#columns);
      if (column !== -1) this.#mark(row, column);
    });
  }

  markRows(array: Span): void {
    eachElement(this.#json, array, (row, index) => {
      if (row.kind === 'object') this.markRow(row, index);
      return index + 1 < this.#rows;
    });
  }

  #mark(row: number, column: number): void {
    this.marks ??= new Uint8Array(this.#rows * this.#columns.length);
    this.marks[row * this.#columns.length + column] = 1;
  }
}
