import { Buffer } from 'node:buffer';

import type { Scalar } from '../core/facts.ts';
import { batchSize } from './batch-size.ts';
import { type CodecFailure, fail, failNotObject } from './codec-result.ts';
import { enrichBody } from './enrich-body.ts';
import { readEntityColumn, readEntityField, readEntityValues } from './entity-values.ts';
import type { EntityValues, FeatureBody, FieldValue } from './feature-body.ts';
import type { FeatureLayout } from './feature-layout.ts';
import type { BodyForm } from './feature-places.ts';
import type { FeatureTable } from './feature-table.ts';
import type { Key } from './json-key.ts';
import { compilePaths, findField, findFields, type Path, type PathSet, pathOf } from './json-path.ts';
import { findRoot, isCompleteJson, type Span } from './json-scan.ts';
import { joinBinary } from './oip-binary.ts';
import { eachTensor, inputsPath, type TensorEntry } from './oip-tensor.ts';
import { countDataRows } from './row-columns.ts';
import { suppliedFeatures } from './supplied-features.ts';
import { checkBinaryTensor } from './tensor-sizes.ts';

/** Places that are wanted of every body, found in one scan. */
export interface Places {
  readonly paths: readonly Path[];
  readonly set: PathSet;
}

/** The tensors of a request as far as they could be read, and what ended the reading. */
export interface Inputs {
  readonly tensors: readonly TensorEntry[];
  readonly problem: CodecFailure | null;
}

/** The rows of a KServe V1 request. */
export type Rows = { readonly ok: true; readonly rows: Span } | CodecFailure;

const instancesPath = pathOf(['instances']);
const noInputs: Inputs = { tensors: [], problem: null };

/** Joins paths into places; those of rows and tensors are always among them. */
export function compilePlaces(paths: readonly Path[]): Places {
  const all = [...new Set([inputsPath, instancesPath, ...paths])];
  return { paths: all, set: compilePaths(all) };
}

const usualPlaces = compilePlaces([]);

/**
 * A JSON request body in its two parts: JSON and binary tail. Its bytes are scanned when something is looked for, once for
 * all prepared places, and what was found is kept.
 */
export class RequestBody implements FeatureBody {
  readonly json: Buffer;
  readonly tail: Buffer;
  /** Whether there is a header that says how long the JSON is. */
  readonly isDivided: boolean;
  readonly form: BodyForm;
  readonly #places: Places;
  #whole: Buffer | null;
  #spans: readonly (Span | null)[] | null = null;
  #inputs: Inputs | null = null;

  /** `whole` is the two parts in one buffer, when there is one. */
  constructor(
    json: Buffer,
    tail: Buffer,
    isDivided: boolean,
    places: Places,
    form: BodyForm = 'tensors',
    whole: Buffer | null = null,
  ) {
    this.json = json;
    this.tail = tail;
    this.isDivided = isDivided;
    this.form = form;
    this.#places = places;
    this.#whole = whole;
  }

  /** The same places in other bytes. */
  with(json: Buffer, tail: Buffer): RequestBody {
    return new RequestBody(json, tail, this.isDivided, this.#places, this.form);
  }

  get bytes(): Buffer {
    return (this.#whole ??= joinBinary(this.json, this.tail));
  }

  get inferenceHeaderLength(): number | null {
    return this.isDivided ? this.json.length : null;
  }

  /** As `findField`; quick for the prepared places. */
  find(path: Path): Span | null {
    const { paths, set } = this.#places;
    for (let i = 0; i < paths.length; i++) {
      if (paths[i] === path) return (this.#spans ??= findFields(this.json, set))[i] ?? null;
    }
    return findField(this.json, path);
  }

  isObject(): boolean {
    return findRoot(this.json)?.kind === 'object';
  }

  /** The input tensors of an Open Inference Protocol request. */
  inputs(): Inputs {
    return (this.#inputs ??= this.#readInputs());
  }

  /** Where a KServe V1 request has its rows, whatever is there. */
  findRows(): Span | null {
    return this.find(instancesPath) ?? this.find(inputsPath);
  }

  /** The rows of a KServe V1 request: the array `instances`, or `inputs` when there are no instances. */
  rows(): Rows {
    const rows = this.findRows();
    if (rows?.kind === 'array') return { ok: true, rows };
    if (rows) return fail('BAD_BODY', 'WRONG_TYPE', 'The rows of the request ("instances") must be an array.');
    if (!this.isObject()) return failNotObject();
    return fail('BAD_BODY', 'MISSING', 'The request needs an array "instances" with one element per row.');
  }

  problem(): CodecFailure | null {
    return isCompleteJson(this.json) ? null : fail('BAD_BODY', 'NOT_JSON', 'The body is not valid JSON.');
  }

  readField(path: Path, maxRows: number): FieldValue {
    return readEntityField(this, path, maxRows);
  }

  readColumn(path: Path | null, maxRows: number): readonly (Scalar | undefined)[] | CodecFailure {
    return readEntityColumn(this, path, maxRows);
  }

  readTensor(name: Key, maxRows: number): EntityValues {
    return readEntityValues(this, name, maxRows);
  }

  countRows(own: Key | null, minDimensions: 1 | 2): number {
    return this.form === 'tensors' ? batchSize(this, own, minDimensions) : countDataRows(this);
  }

  supplied(layout: FeatureLayout, rows: number): Uint8Array | null {
    return suppliedFeatures(this, layout, rows);
  }

  place(table: FeatureTable): RequestBody | CodecFailure {
    return enrichBody(this, table);
  }

  /** Also checks that the sizes of binary tensors add up: what is added behind others must not get their bytes. */
  #readInputs(): Inputs {
    const { json, tail } = this;
    const inputs = this.find(inputsPath);
    if (inputs === null) return tail.length === 0 ? noInputs : { tensors: [], problem: failLeftBytes() };
    const tensors: TensorEntry[] = [];
    let unfit: CodecFailure | null = null;
    let used = 0;
    const problem = eachTensor(json, inputs, tail.length, (tensor) => {
      tensors.push(tensor);
      used += tensor.binary?.size ?? 0;
      unfit = checkBinaryTensor(json, tensor);
      return unfit === null;
    });
    return { tensors, problem: problem ?? unfit ?? (used === tail.length ? null : failLeftBytes()) };
  }
}

function failLeftBytes(): CodecFailure {
  return fail(
    'BAD_BODY',
    'BINARY_LENGTH',
    'There are more bytes behind the JSON than its inputs say in binary_data_size.',
  );
}

const nothing = Buffer.alloc(0);

/**
 * Opens a body in which features can be put. `inferenceHeaderLength` is the length of the JSON in a body with binary
 * tensors, null when all is JSON. Fails for a raw binary request (length 0) and for a length beyond the body.
 */
export function openBody(
  body: Buffer,
  inferenceHeaderLength: number | null,
  places: Places = usualPlaces,
  form: BodyForm = 'tensors',
): RequestBody | CodecFailure {
  if (inferenceHeaderLength === null) return new RequestBody(body, nothing, false, places, form, body);
  if (inferenceHeaderLength === 0) {
    const text = 'Features cannot be added to a raw binary request; send the JSON form.';
    return fail('BAD_BODY', 'RAW_REQUEST', text);
  }
  if (inferenceHeaderLength > body.length) {
    return fail('BAD_REQUEST', 'BINARY_LENGTH', 'Inference-Header-Content-Length is larger than the body.');
  }
  const json = body.subarray(0, inferenceHeaderLength);
  return new RequestBody(json, body.subarray(inferenceHeaderLength), true, places, form, body);
}
