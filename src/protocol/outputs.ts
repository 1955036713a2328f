import type { Buffer } from 'node:buffer';

import { findField, pathOf } from './json-path.ts';
import { readScalar, readString } from './json-scalar.ts';
import { kindAt, type Span } from './json-scan.ts';
import { eachElement, eachMember, eachScalar } from './json-walk.ts';
import { eachTensor } from './oip-tensor.ts';
import { decodeTensor } from './tensor-bytes.ts';

/**
 * One named output of a model, flattened. Numbers: booleans read as 1 and 0, null as NaN, integers beyond 2^53 as the
 * nearest double. Strings: as soon as one element is a string, all are written as text.
 */
export interface Output {
  readonly name: string;
  /** The shape that an Open Inference Protocol answer states; null where the answer has none. */
  readonly shape: readonly number[] | null;
  readonly values: readonly number[] | readonly string[];
  /** Whether elements beyond the cap were left out. */
  readonly isTruncated: boolean;
}

const outputsPath = pathOf(['outputs']);
const predictionsPath = pathOf(['predictions']);

/** Names kept of an answer whose rows are objects; more are left out, so that no answer makes the table large. */
const maxNames = 256;
/** No model has so many outputs; to compare them would hold up requests. */
const maxTensors = 1024;

/**
 * Reads the outputs of an answer for comparison: `outputs` of the Open Inference Protocol (JSON data, or the binary tail
 * behind the first `inferenceHeaderLength` bytes; null when all is JSON), or V1 `predictions` (scalars, nested arrays,
 * objects of scalars or arrays: one output per key). At most `maxElements` elements are kept in all. Bare NaN and
 * Infinity are read. Null when the answer is malformed, has another form or more than 1024 tensors; data of unknown datatypes are left out.
 */
export function readOutputs(
  body: Buffer,
  inferenceHeaderLength: number | null,
  protocol: 'oip' | 'v1',
  maxElements: number,
): Output[] | null {
  const length = inferenceHeaderLength ?? body.length;
  if (length > body.length) return null;
  const json = body.subarray(0, length);
  return protocol === 'oip'
    ? readTensors(json, body.subarray(length), maxElements)
    : readPredictions(json, maxElements);
}

function readTensors(json: Buffer, tail: Buffer, maxElements: number): Output[] | null {
  const outputs = findField(json, outputsPath);
  if (outputs?.kind !== 'array') return null;
  const answer: Output[] = [];
  let left = maxElements;
  let isReadable = true;
  const problem = eachTensor(json, outputs, tail.length, (tensor) => {
    if (answer.length === maxTensors) return (isReadable = false);
    const collected = new Collector(left);
    if (tensor.binary !== null) {
      const { start, size } = tensor.binary;
      const decoded = decodeTensor(tail.subarray(start, start + size), tensor.datatype, left + 1);
      if (decoded === null) return true;
      for (const value of decoded) collected.add(value);
    } else if (tensor.data !== null) {
      isReadable = eachScalar(json, tensor.data, (scalar) => collected.addScalar(json, scalar));
    }
    left -= collected.count;
    answer.push(collected.finish(tensor.name, tensor.shape === null ? null : readShape(json, tensor.shape)));
    return isReadable;
  });
  return problem === null && isReadable ? answer : null;
}

function readPredictions(json: Buffer, maxElements: number): Output[] | null {
  const predictions = findField(json, predictionsPath);
  if (predictions?.kind !== 'array' && predictions?.kind !== 'object') return null;
  const collectors = new Map<string, Collector>();
  let left = maxElements;
  let isReadable = true;
  const collect = (name: string, value: Span) => {
    let collected = collectors.get(name);
    if (collected === undefined) {
      if (collectors.size >= maxNames) return;
      collectors.set(name, (collected = new Collector(maxElements)));
    }
    const into = collected;
    isReadable &&= eachScalar(json, value, (scalar) => {
      if (left <= 0) into.isTruncated = true;
      if (into.isTruncated) return false;
      left--;
      return into.addScalar(json, scalar);
    });
  };
  const collectObject = (object: Span) =>
    eachMember(json, object, (keyStart, keyEnd, start, end) => {
      collect(readString(json, keyStart, keyEnd), { start, end, kind: kindAt(json, start) });
    });
  if (predictions.kind === 'object') collectObject(predictions);
  eachElement(json, predictions, (row) => {
    if (row.kind === 'object') collectObject(row);
    else collect('predictions', row);
    return isReadable;
  });
  return isReadable ? Array.from(collectors, ([name, collected]) => collected.finish(name, null)) : null;
}

function readShape(json: Buffer, span: Span): number[] {
  const shape: number[] = [];
  eachScalar(json, span, (scalar) => {
    shape.push(Number(readScalar(json, scalar)));
    return shape.length < 32;
  });
  return shape;
}

/** Elements of one output, up to a cap. */
class Collector {
  readonly #max: number;
  readonly #values: (number | string)[] = [];
  #hasStrings = false;
  isTruncated = false;

  constructor(max: number) {
    this.#max = max;
  }

  get count(): number {
    return this.#values.length;
  }

  add(value: number | bigint | string): void {
    if (this.#values.length >= this.#max) {
      this.isTruncated = true;
      return;
    }
    this.#hasStrings ||= typeof value === 'string';
    this.#values.push(typeof value === 'bigint' ? Number(value) : value);
  }

  /** Returns whether there is room for more. */
  addScalar(json: Buffer, scalar: Span): boolean {
    const value = readScalar(json, scalar);
    if (value === null || value === undefined) this.add(NaN);
    else this.add(scalar.kind === 'string' ? value.toString() : Number(value));
    return !this.isTruncated;
  }

  finish(name: string, shape: readonly number[] | null): Output {
    const values = this.#hasStrings ? this.#values.map(String) : this.#values.map(Number);
    return { name, shape, values, isTruncated: this.isTruncated };
  }
}
