import { parametersPath } from './enrich-object.ts';
import type { FeatureLayout } from './feature-layout.ts';
import type { Span } from './json-scan.ts';
import { eachElement, eachMember } from './json-walk.ts';
import { findKey } from './member-merge.ts';
import type { TensorEntry } from './oip-tensor.ts';
import type { RequestBody } from './request-body.ts';
import { eachDataName } from './row-columns.ts';

/**
 * Which feature values a request brings itself, row by row: 1 at row * columns + column; null for none at all. By the
 * place where they would be put: a tensor's name counts for all rows (of `tensor`, for all features), a key of
 * `parameters` or of the object at a pointer for its row, a key of an object row for that row. Array rows cannot say
 * which feature a column is and supply none. In a request that will be translated the name of a tensor or column counts
 * as what it becomes. A key with null counts as supplied. Never fails: a body that cannot be read supplies nothing, and
 * placing the values says why.
 */
export function suppliedFeatures(body: RequestBody, layout: FeatureLayout, rows: number): Uint8Array | null {
  const { into } = layout;
  const found = new Supplied(body.json, layout, rows);
  switch (into.kind) {
    case 'tensor':
    case 'tensors':
      if (body.form === 'tensors') found.markTensors(body.inputs().tensors);
      else eachDataName(body, (start, end) => found.markTensor(start, end));
      break;
    case 'columns': {
      const read = body.form === 'rows' ? body.rows() : null;
      if (read === null) found.markInputs(body.inputs().tensors);
      else if (read.ok) found.markRows(read.rows);
      else eachDataName(body, (start, end) => found.markColumn(start, end));
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
  readonly #tensors: FeatureLayout['tensors'];
  readonly #rows: number;
  marks: Uint8Array | null = null;

  constructor(json: Uint8Array, { columns, tensors }: FeatureLayout, rows: number) {
    this.#json = json;
    this.#tensors = tensors;
    this.#columns = columns;
    this.#rows = rows;
  }

  /** The inputs of a request that tensors go into. */
  markTensors(inputs: readonly TensorEntry[]): void {
    for (const input of inputs) {
      for (const { key, first, width } of this.#tensors) if (input.isNamed(key)) this.#markColumns(first, width);
    }
  }

  /** The inputs of a request that becomes rows: several make objects with their names. */
  markInputs(inputs: readonly TensorEntry[]): void {
    if (inputs.length < 2) return;
    for (const input of inputs) {
      for (const [column, { key }] of this.#columns.entries()) if (input.isNamed(key)) this.#markColumns(column, 1);
    }
  }

  /** The string token [start, end) names a column that becomes a tensor. */
  markTensor(start: number, end: number): void {
    const tensor = this.#tensors[findKey(this.#json, start, end, this.#tensors)];
    if (tensor !== undefined) this.#markColumns(tensor.first, tensor.width);
  }

  /** The string token [start, end) names a column that becomes a key of every row. */
  markColumn(start: number, end: number): void {
    const column = findKey(this.#json, start, end, this.#columns);
    if (column !== -1) this.#markColumns(column, 1);
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

  #markColumns(first: number, width: number): void {
    for (let row = 0; row < this.#rows; row++) {
      for (let column = first; column < first + width; column++) this.#mark(row, column);
    }
  }

  #mark(row: number, column: number): void {
    this.marks ??= new Uint8Array(this.#rows * this.#columns.length);
    this.marks[row * this.#columns.length + column] = 1;
  }
}
