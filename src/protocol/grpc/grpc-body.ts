import type { Buffer } from 'node:buffer';

import type { Scalar } from '../../core/facts.ts';
import { type CodecFailure, fail } from '../codec-result.ts';
import { checkEntityValues, decodeKeys, failDatatype, failDuplicate, isKeyDatatype } from '../entity-values.ts';
import type { EntityValues, FeatureBody, FieldValue } from '../feature-body.ts';
import type { FeatureLayout } from '../feature-layout.ts';
import { failPlace } from '../feature-places.ts';
import type { FeatureTable } from '../feature-table.ts';
import type { Key } from '../json-key.ts';
import type { Path } from '../json-path.ts';
import { failElementCount } from '../tensor-sizes.ts';
import { InferFields } from './infer-fields.ts';
import { findColumn, InferParts } from './infer-parts.ts';
import { eachTensorElement, type InferTensor, readTensor } from './infer-tensor.ts';
import { failRawCount, placeParameters, placeTensors } from './place-features.ts';
import { contentsField, readElement } from './typed-contents.ts';

const nothing: EntityValues = { ok: true, values: [] };

/**
 * A ModelInferRequest into which features go. Entities are in `parameters`, `id` or a tensor; features go into tensors or
 * `parameters`. Every byte that no feature replaces stays as it is.
 */
export class GrpcBody implements FeatureBody {
  readonly bytes: Buffer;
  readonly inferenceHeaderLength = null;
  #parts: InferParts | null = null;

  constructor(message: Buffer) {
    this.bytes = message;
  }

  problem(): CodecFailure | null {
    return this.#read().isWell ? null : failMalformed();
  }

  /** The places that `InferFields` knows, which hold scalars. */
  readField(path: Path): FieldValue {
    return new InferFields(this.bytes).field(path.steps.map((step) => step.key.text)) ?? null;
  }

  readColumn(): CodecFailure {
    const text = 'The entities of this route are named in the rows of a JSON body, so it takes no gRPC requests.';
    return fail('BAD_BODY', 'UNSUPPORTED_FIELD', `${text} Send the request as JSON.`);
  }

  /** Typed or raw contents; a tensor in shared memory has no values. */
  readTensor(name: Key, maxRows: number): EntityValues {
    const parts = this.#read();
    const position = parts.findInput(name.bytes);
    if (position === -1) return nothing;
    if (position === -2) return failDuplicate(name);
    const tensor = readTensor(this.bytes, parts.inputs[3 * position + 1]!, parts.inputs[3 * position + 2]!);
    if (tensor === null) return failMalformed();
    if (!parts.hasAllRaws()) return failRawCount();
    if (!isKeyDatatype(tensor.datatype)) return failDatatype();
    const values =
      parts.rawCount === 0
        ? this.#readTyped(tensor, maxRows + 1)
        : this.#readRaw(parts.rawOf()[position]!, tensor, maxRows + 1);
    const checked = checkEntityValues(values, maxRows);
    if (!checked.ok || checked.values.length === 0) return checked;
    const count = tensor.shape.reduce((product, size) => product * size, 1);
    return count === checked.values.length ? checked : failElementCount(name.text, checked.values.length, count);
  }

  countRows(own: Key | null, minDimensions: 1 | 2): number {
    const { inputs } = this.#read();
    for (let i = 0; i < inputs.length; i += 3) {
      const tensor = readTensor(this.bytes, inputs[i + 1]!, inputs[i + 2]!);
      if (tensor === null || tensor.name === own?.text) continue;
      const { shape } = tensor;
      const [first = 0] = shape;
      if (shape.length >= minDimensions && Number.isSafeInteger(first) && first >= 1) return first;
    }
    return 1;
  }

  supplied({ into, columns, tensors }: FeatureLayout, rows: number): Uint8Array | null {
    const parts = this.#read();
    let marks: Uint8Array | null = null;
    if (into.kind === 'tensor' || into.kind === 'tensors') {
      for (const { key, first, width } of tensors) {
        if (parts.findInput(key.bytes) === -1) continue;
        marks ??= new Uint8Array(rows * columns.length);
        for (let row = 0; row < rows; row++) {
          const start = row * columns.length + first;
          marks.fill(1, start, start + width);
        }
      }
    } else if (into.kind === 'columns' && parts.inputCount > 1) {
      // As rows, several tensors are objects with their names.
      for (const [column, { key }] of columns.entries()) {
        if (parts.findInput(key.bytes) === -1) continue;
        marks ??= new Uint8Array(rows * columns.length);
        for (let row = 0; row < rows; row++) marks[row * columns.length + column] = 1;
      }
    } else if (into.kind === 'parameters') {
      const { parameters } = parts;
      for (let i = 0; i < parameters.length; i += 3) {
        const column = findColumn(this.bytes, parameters[i + 1]!, parameters[i + 2]!, columns);
        if (column === -1) continue;
        marks ??= new Uint8Array(rows * columns.length);
        marks[column] = 1;
      }
    }
    return marks;
  }

  place(table: FeatureTable): GrpcBody | CodecFailure {
    const { layout, rows, values } = table;
    const { length } = layout.columns;
    if (length === 0) return this;
    if (values.length !== rows * length) {
      const text = `There are ${values.length} values of ${length} features for ${rows} rows.`;
      return fail('BAD_BODY', 'ROW_COUNT', text);
    }
    const placed = this.#place(table);
    if ('ok' in placed) return placed;
    return placed === this.bytes ? this : new GrpcBody(placed);
  }

  #place(table: FeatureTable): Buffer | CodecFailure {
    const parts = this.#read();
    if (!parts.isWell) return failMalformed();
    switch (table.layout.into.kind) {
      case 'tensor':
      case 'tensors':
        return placeTensors(parts, table);
      case 'parameters':
        return placeParameters(parts, table);
      default:
        return failPlace('oip-grpc', table.layout.into.kind);
    }
  }

  #readTyped(tensor: InferTensor, max: number): Scalar[] | null {
    const number = contentsField(tensor.datatype);
    const values: Scalar[] = [];
    const isWell = eachTensorElement(this.bytes, tensor, (from, to) => {
      return values.push(readElement(this.bytes, number, from, to)) < max;
    });
    return isWell ? values : null;
  }

  #readRaw(raw: number, { datatype }: InferTensor, max: number): Scalar[] | null {
    if (raw < 0) return [];
    const { raws } = this.#read();
    return decodeKeys(this.bytes.subarray(raws[3 * raw + 1], raws[3 * raw + 2]), datatype, max);
  }

  #read(): InferParts {
    return (this.#parts ??= new InferParts(this.bytes));
  }
}

function failMalformed(): CodecFailure {
  return fail('BAD_BODY', 'MALFORMED', 'The request is not a well-formed protobuf message.');
}
