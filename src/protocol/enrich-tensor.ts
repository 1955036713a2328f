import { Buffer } from 'node:buffer';

import { type CodecFailure, fail, failNotObject } from './codec-result.ts';
import type { EnrichedBody, EnrichRequest } from './enrich-body.ts';
import type { FeatureColumn, FeatureDatatype } from './feature-column.ts';
import { writeFeatures } from './feature-text.ts';
import { findField } from './json-path.ts';
import { findRoot, type Span } from './json-scan.ts';
import { appendItems, applyEdits, type Edit } from './json-splice.ts';
import { eachTensor, inputsPath, type TensorEntry } from './oip-tensor.ts';

/** A tensor to be put into the request. */
interface NewTensor {
  readonly name: string;
  readonly text: string;
}

/**
 * Puts features into the `inputs` of an Open Inference Protocol request, as JSON tensors (which may stand beside binary
 * ones). An input of the same name is left alone or replaced, by `existing`; the bytes of a replaced binary tensor are
 * cut from the tail. `json` and `tail` are the two parts of the body.
 */
export function enrichTensors(request: EnrichRequest, json: Buffer, tail: Buffer): EnrichedBody | CodecFailure {
  const tensors = newTensors(request);
  if ('ok' in tensors) return tensors;
  const inputs = findField(json, inputsPath);
  if (inputs === null || inputs.kind === 'null') return createInputs(json, tail, inputs, tensors);
  if (inputs.kind !== 'array') return fail('BAD_BODY', 'WRONG_TYPE', 'The "inputs" of the request must be an array.');

  const present = new Map<string, TensorEntry>();
  let repeated: string | null = null;
  const problem = eachTensor(json, inputs, tail.length, (tensor) => {
    if (!tensors.some((other) => other.name === tensor.name)) return;
    if (present.has(tensor.name)) repeated = tensor.name;
    present.set(tensor.name, tensor);
  });
  if (problem !== null) return problem;
  if (repeated !== null) {
    return fail('BAD_BODY', 'DUPLICATE_TENSOR', `Two inputs are named ${JSON.stringify(repeated)}; send one.`);
  }

  const edits: Edit[] = [];
  const cuts: { start: number; size: number }[] = [];
  const appended: string[] = [];
  for (const tensor of tensors) {
    const old = present.get(tensor.name);
    if (old === undefined) {
      appended.push(tensor.text);
    } else if (request.existing === 'store') {
      edits.push({ start: old.span.start, end: old.span.end, text: tensor.text });
      if (old.binary !== null) cuts.push(old.binary);
    }
  }
  if (appended.length > 0) edits.push(appendItems(json, inputs, appended.join(',')));
  return { json: applyEdits(json, edits), tail: cutBytes(tail, cuts) };
}

function newTensors({ into, columns, rows }: EnrichRequest): NewTensor[] | CodecFailure {
  if (into.kind === 'tensor') {
    const tensor = newTensor(into.name, into.datatype, columns, rows);
    return 'ok' in tensor ? tensor : [tensor];
  }
  const tensors: NewTensor[] = [];
  for (const column of columns) {
    const tensor = newTensor(column.name, column.datatype, [column], rows);
    if ('ok' in tensor) return tensor;
    tensors.push(tensor);
  }
  return tensors;
}

function newTensor(
  name: string,
  datatype: FeatureDatatype,
  columns: readonly FeatureColumn[],
  rows: number,
): NewTensor | CodecFailure {
  const written = writeFeatures(columns, rows, { tensor: true, datatype });
  if (!written.ok) return written;
  const data = written.rows.map((members) => members.map((member) => member.text).join(',')).join(',');
  const text =
    `{"name":${JSON.stringify(name)},"shape":[${rows},${columns.length}],` +
    `"datatype":"${datatype}","data":[${data}]}`;
  return { name, text };
}

function createInputs(
  json: Buffer,
  tail: Buffer,
  empty: Span | null,
  tensors: NewTensor[],
): EnrichedBody | CodecFailure {
  const root = findRoot(json);
  if (root?.kind !== 'object') return failNotObject();
  const array = `[${tensors.map((tensor) => tensor.text).join(',')}]`;
  const edit =
    empty === null ? appendItems(json, root, `"inputs":${array}`) : { start: empty.start, end: empty.end, text: array };
  return { json: applyEdits(json, [edit]), tail };
}

function cutBytes(tail: Buffer, cuts: readonly { start: number; size: number }[]): Buffer {
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
