import { Buffer } from 'node:buffer';

import { type CodecFailure, fail, failNotObject } from './codec-result.ts';
import type { EnrichedBody } from './enrich-body.ts';
import type { TensorLayout } from './feature-layout.ts';
import { type FeatureTable, findNull, writeElements } from './feature-table.ts';
import { findRoot, type Span } from './json-scan.ts';
import { type Splice, startSplice } from './json-splice.ts';
import { inputsPath, type TensorEntry } from './oip-tensor.ts';
import type { RequestBody } from './request-body.ts';

/** A part of the binary tail. */
interface Cut {
  readonly start: number;
  readonly size: number;
}

/**
 * Puts features into the `inputs` of an Open Inference Protocol request, as JSON tensors (which may stand beside binary
 * ones). An input of the same name is left alone or replaced, by `existing`; the bytes of a replaced binary tensor are
 * cut from the tail.
 */
export function enrichTensors(body: RequestBody, table: FeatureTable): EnrichedBody | CodecFailure {
  const span = body.find(inputsPath);
  if (span === null || span.kind === 'null') return createInputs(body, span, table);
  if (span.kind !== 'array') return fail('BAD_BODY', 'WRONG_TYPE', 'The "inputs" of the request must be an array.');
  const inputs = body.inputs();
  if (inputs.problem !== null) return inputs.problem;
  const splice = startSplice();
  const cuts: Cut[] = [];
  let absent: TensorLayout[] | null = null;
  for (const tensor of table.layout.tensors) {
    const old = findTensor(inputs.tensors, tensor);
    if (old !== null && 'ok' in old) return old;
    if (old === null) {
      (absent ??= []).push(tensor);
    } else if (table.existing === 'store') {
      splice.replace(old.span.start, old.span.end);
      const problem = writeTensor(splice, table, tensor);
      if (problem !== null) return problem;
      if (old.binary !== null) cuts.push(old.binary);
    }
  }
  if (absent !== null) {
    splice.append(body.json, span);
    const problem = writeTensors(splice, table, absent);
    if (problem !== null) return problem;
  }
  return { json: splice.apply(body.json), tail: cutBytes(body.tail, cuts) };
}

/** The input that has the tensor's name; null for none. */
function findTensor(inputs: readonly TensorEntry[], { key }: TensorLayout): TensorEntry | CodecFailure | null {
  let found: TensorEntry | null = null;
  for (const input of inputs) {
    if (!input.isNamed(key)) continue;
    if (found !== null) {
      return fail('BAD_BODY', 'DUPLICATE_TENSOR', `Two inputs are named ${JSON.stringify(key.text)}; send one.`);
    }
    found = input;
  }
  return found;
}

function createInputs(body: RequestBody, empty: Span | null, table: FeatureTable): EnrichedBody | CodecFailure {
  const { json } = body;
  const root = findRoot(json);
  if (root?.kind !== 'object') return failNotObject();
  const splice = startSplice();
  if (empty === null) {
    splice.append(json, root);
    splice.out.ascii('"inputs":');
  } else {
    splice.replace(empty.start, empty.end);
  }
  splice.out.byte(0x5b);
  const problem = writeTensors(splice, table, table.layout.tensors);
  if (problem !== null) return problem;
  splice.out.byte(0x5d);
  return { json: splice.apply(json), tail: null };
}

function writeTensors(splice: Splice, table: FeatureTable, tensors: readonly TensorLayout[]): CodecFailure | null {
  for (let i = 0; i < tensors.length; i++) {
    if (i > 0) splice.out.byte(0x2c);
    const problem = writeTensor(splice, table, tensors[i]!);
    if (problem !== null) return problem;
  }
  return null;
}

function writeTensor({ out }: Splice, table: FeatureTable, tensor: TensorLayout): CodecFailure | null {
  const { first, width } = tensor;
  let problem = findNull(table, first, width);
  out.raw(tensor.head);
  out.decimal(table.rows, 0);
  out.raw(tensor.middle);
  for (let row = 0; row < table.rows && problem === null; row++) {
    if (row > 0) out.byte(0x2c);
    problem = writeElements(out, table, row, first, width);
  }
  out.ascii(']}');
  return problem;
}

function cutBytes(tail: Buffer, cuts: readonly Cut[]): Buffer {
  if (cuts.length === 0) return tail;
  const kept: Buffer[] = [];
  let from = 0;
  for (const cut of cuts.toSorted((a, b) => a.start - b.start)) {
    kept.push(tail.subarray(from, cut.start));
    from = cut.start + cut.size;
  }
  kept.push(tail.subarray(from));
  return Buffer.concat(kept);
}
