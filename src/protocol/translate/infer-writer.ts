import type { Buffer } from 'node:buffer';

import type { CodecFailure } from '../codec-result.ts';
import { requestFields, responseFields, tensorFields } from '../grpc/infer-message.ts';
import { BYTES, WireWriter } from '../grpc/wire.ts';
import { checkRaw } from './datatypes.ts';
import { writeInferParameters, writeKnownParameters } from './infer-parameters.ts';
import type { OipDocument } from './oip-document.ts';
import type { OipTensor } from './oip-tensors.ts';
import { encodeElements } from './raw-from-json.ts';
import { typedContents } from './typed-contents.ts';

/** Names and id of a message; the fields have the same numbers in request and answer. `''` is left out. */
export function writeNames(writer: WireWriter, model: string, version: string, id: string): void {
  if (model !== '') writer.text(requestFields.modelName, model);
  if (version !== '') writer.text(requestFields.modelVersion, version);
  if (id !== '') writer.text(requestFields.id, id);
}

/**
 * Writes the tensors of a request or an answer: with raw contents when `wantsRaw` or one of them is binary, since either
 * all have them or none, else with typed contents. Fails when elements do not fit datatype or shape.
 */
export function writeTensors(
  writer: WireWriter,
  { json, kind, tensors }: OipDocument,
  wantsRaw: boolean,
): CodecFailure | null {
  const isRaw = wantsRaw || tensors.some(({ raw }) => raw !== null);
  const raws: Buffer[] = [];
  for (const tensor of tensors) {
    const raw = rawOf(json, tensor);
    if ('ok' in raw) return raw;
    if (isRaw) raws.push(raw);
    const problem = writeTensor(writer, json, kind, tensor, isRaw ? null : raw);
    if (problem !== null) return problem;
  }
  const rawField = kind === 'input' ? requestFields.rawContents : responseFields.rawContents;
  for (const raw of raws) writer.bytes(rawField, raw);
  return null;
}

function rawOf(json: Buffer, { raw, data, datatype, shape, label }: OipTensor): Buffer | CodecFailure {
  if (data !== null) return encodeElements(json, data, datatype, shape, label);
  const bytes = raw ?? json.subarray(0, 0);
  return checkRaw(bytes, datatype, shape, label) ?? bytes;
}

function writeTensor(
  writer: WireWriter,
  json: Buffer,
  kind: 'input' | 'output',
  { name, label, datatype, shape, parameters }: OipTensor,
  typed: Buffer | null,
): CodecFailure | null {
  const tensor = new WireWriter((typed?.length ?? 0) + 64);
  tensor.text(tensorFields.name, name);
  tensor.text(tensorFields.datatype, datatype);
  writeShape(tensor, tensorFields.shape, shape);
  const field = tensorFields.parameters;
  if (kind === 'output') writeKnownParameters(tensor, field, json, parameters, 'binary_data_size');
  else {
    const problem = writeInferParameters(tensor, field, json, parameters, 'binary_data_size', `${label}: `);
    if (problem !== null) return problem;
  }
  if (typed !== null) tensor.bytes(tensorFields.contents, typedContents(typed, datatype));
  writer.bytes(requestFields.inputs, tensor.finish());
  return null;
}

/** A packed `repeated int64`. */
export function writeShape(writer: WireWriter, field: number, shape: readonly number[]): void {
  const sizes = new WireWriter(16);
  for (const size of shape) {
    if (size >= 0) sizes.varint(size);
    else sizes.varint64(BigInt(size));
  }
  writer.tag(field, BYTES);
  writer.varint(sizes.length);
  writer.raw(sizes.finish());
}
