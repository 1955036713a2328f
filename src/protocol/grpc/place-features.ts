import { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import { failDuplicate } from '../entity-values.ts';
import type { TensorLayout } from '../feature-layout.ts';
import { type FeatureTable, findNull } from '../feature-table.ts';
import { type ElementWriter, writeParameter, writeRaw, writeTyped } from './feature-element.ts';
import { requestFields, tensorFields } from './infer-message.ts';
import { findColumn, type InferParts } from './infer-parts.ts';
import { writeEntry } from './parameters.ts';
import { contentsField } from './typed-contents.ts';
import { WireWriter } from './wire.ts';

/** Bytes of a message that give way to others. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array;
  /** Order among edits that begin at the same byte. */
  readonly rank: number;
}

const nothing = Buffer.alloc(0);

/** The failure for raw contents that cannot be told which tensor they belong to. */
export function failRawCount(): CodecFailure {
  return fail('BAD_BODY', 'RAW_COUNT', 'The raw_input_contents are not one for each input tensor.');
}

/**
 * Puts features into a ModelInferRequest as input tensors: with typed contents, or, when the request has raw contents,
 * with raw ones at the same position. An input of the same name is left alone or replaced, by `existing`. No other byte
 * changes.
 */
export function placeTensors(parts: InferParts, table: FeatureTable): Buffer | CodecFailure {
  const { message, inputs, raws } = parts;
  if (!parts.hasAllRaws()) return failRawCount();
  const isRaw = raws.length > 0;
  const edits: Edit[] = [];
  const added = new WireWriter();
  for (const tensor of table.layout.tensors) {
    const position = parts.findInput(tensor.key.bytes);
    if (position === -2) return failDuplicate(tensor.key);
    if (position !== -1 && table.existing === 'request') continue;
    const problem = findNull(table, tensor.first, tensor.width);
    if (problem !== null) return problem;
    const elements = new WireWriter();
    const failure = writeElements(elements, table, tensor, isRaw ? writeRaw : writeTyped);
    if (failure !== null) return failure;
    const field = writeTensor(table, tensor, isRaw ? null : elements.finish());
    if (position === -1) {
      added.raw(field);
      if (isRaw) added.bytes(requestFields.rawContents, elements.finish());
      continue;
    }
    edits.push({ start: inputs[3 * position]!, end: inputs[3 * position + 2]!, bytes: field, rank: position });
    if (isRaw) edits.push(rawEdit(parts, position, elements.finish()));
  }
  return applyEdits(message, edits, added);
}

/**
 * Puts the features of one row into the parameters of a ModelInferRequest. A parameter of the same name is left alone or
 * replaced, by `existing`. A null value, which parameters do not have, makes no parameter.
 */
export function placeParameters({ message, parameters }: InferParts, table: FeatureTable): Buffer | CodecFailure {
  const { columns } = table.layout;
  if (table.rows > 1) {
    const text = 'Features go into the parameters of this request, so it may name one entity only.';
    return fail('BAD_BODY', 'ROW_COUNT', text);
  }
  const edits: Edit[] = [];
  const present = new Uint8Array(columns.length);
  for (let i = 0; i < parameters.length; i += 3) {
    const [start, from, end] = [parameters[i]!, parameters[i + 1]!, parameters[i + 2]!];
    const column = findColumn(message, from, end, columns);
    if (column === -1) continue;
    present[column] = 1;
    if (table.existing === 'store') edits.push({ start, end, bytes: nothing, rank: i });
  }
  const added = new WireWriter();
  for (const [i, { key, datatype, name }] of columns.entries()) {
    const value = table.values[i] ?? null;
    if (value === null || (present[i] === 1 && table.existing === 'request')) continue;
    const parameter = new WireWriter(64);
    const failure = writeParameter(parameter, value, datatype, name);
    if (failure !== null) return failure;
    writeEntry(added, requestFields.parameters, key.text, parameter.finish());
  }
  return applyEdits(message, edits, added);
}

/** What gives the tensor at a position its raw contents; one in shared memory had none. */
function rawEdit(parts: InferParts, position: number, elements: Uint8Array): Edit {
  const { raws, message } = parts;
  const raw = parts.rawOf()[position]!;
  const writer = new WireWriter(elements.length + 16);
  writer.bytes(requestFields.rawContents, elements);
  const start = raws[3 * (raw >= 0 ? raw : -1 - raw)] ?? message.length;
  return { start, end: raw >= 0 ? raws[3 * raw + 2]! : start, bytes: writer.finish(), rank: position };
}

function writeElements(
  writer: WireWriter,
  { layout, rows, values }: FeatureTable,
  { first, width }: TensorLayout,
  write: ElementWriter,
): CodecFailure | null {
  const { columns } = layout;
  for (let row = 0; row < rows; row++) {
    for (let c = first; c < first + width; c++) {
      const value = values[row * columns.length + c] ?? null;
      const failure = value === null ? null : write(writer, value, columns[c]!.datatype, columns[c]!.name);
      if (failure !== null) return failure;
    }
  }
  return null;
}

/** The field of a new input; `elements` null for one whose contents are raw. */
function writeTensor({ layout, rows }: FeatureTable, tensor: TensorLayout, elements: Uint8Array | null): Buffer {
  const { datatype } = layout.columns[tensor.first]!;
  const content = new WireWriter(64 + tensor.key.bytes.length + (elements?.length ?? 0));
  content.bytes(tensorFields.name, tensor.key.bytes);
  content.text(tensorFields.datatype, datatype);
  const shape = new WireWriter(20);
  shape.varint(rows);
  shape.varint(tensor.width);
  content.bytes(tensorFields.shape, shape.finish());
  if (elements !== null) {
    let contents = elements;
    if (datatype !== 'BYTES') {
      const packed = new WireWriter(elements.length + 16);
      packed.bytes(contentsField(datatype), elements);
      contents = packed.finish();
    }
    content.bytes(tensorFields.contents, contents);
  }
  const field = new WireWriter(content.length + 16);
  field.bytes(requestFields.inputs, content.finish());
  return field.finish();
}

/** The message with the edits, and what is added behind it. */
function applyEdits(message: Buffer, edits: Edit[], added: WireWriter): Buffer {
  if (edits.length === 0 && added.length === 0) return message;
  edits.sort((a, b) => a.start - b.start || a.rank - b.rank);
  const kept: Uint8Array[] = [];
  let from = 0;
  for (const { start, end, bytes } of edits) {
    kept.push(message.subarray(from, start), bytes);
    from = end;
  }
  kept.push(message.subarray(from), added.finish());
  return Buffer.concat(kept);
}
