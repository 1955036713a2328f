import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import { requestedFields, requestFields, responseFields } from '../grpc/infer-message.ts';
import { type InferTensor, readTensor } from '../grpc/infer-tensor.ts';
import { BYTES, FieldReader } from '../grpc/wire.ts';
import { checkRaw } from './datatypes.ts';
import type { RawTensor } from './oip-writer.ts';
import { encodeTyped } from './typed-contents.ts';
import { failUnsupported, shown } from './wording.ts';

/** Places of messages or entries in the outermost message, begin and end in turn. */
type Places = readonly number[];

/** A ModelInferRequest or ModelInferResponse, read. */
export interface InferDocument {
  readonly ok: true;
  readonly message: Buffer;
  /** `''` for none. */
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly parameters: Places;
  /** The inputs of a request, the outputs of an answer. */
  readonly tensors: readonly InferTensor[];
  /** Outputs that a request asks for. */
  readonly requested: readonly { readonly name: string; readonly parameters: Places }[];
  /** Raw contents; as many as tensors, or none. */
  readonly raws: readonly Buffer[];
}

/** Reads a message; unknown fields of a request fail, those of an answer are passed over. */
export function readInferMessage(message: Buffer, kind: 'input' | 'output'): InferDocument | CodecFailure {
  const isRequest = kind === 'input';
  const rawField = isRequest ? requestFields.rawContents : responseFields.rawContents;
  const texts = ['', '', '', ''];
  const parameters: number[] = [];
  const tensors: InferTensor[] = [];
  const requested: { name: string; parameters: number[] }[] = [];
  const raws: Buffer[] = [];
  const field = new FieldReader(message);
  while (field.next()) {
    const { number, from, to } = field;
    if (isRequest && number > rawField) return failUnsupported(`field ${number}`);
    if (field.type !== BYTES) continue;
    if (number <= requestFields.id) texts[number] = message.toString('utf8', from, to);
    else if (number === requestFields.parameters) parameters.push(from, to);
    else if (number === requestFields.inputs) {
      const tensor = readTensor(message, from, to);
      if (tensor === null) return failMalformed();
      tensors.push(tensor);
    } else if (number === rawField) raws.push(message.subarray(from, to));
    else if (number === requestFields.outputs) requested.push(readRequested(message, from, to));
  }
  if (!field.isWell) return failMalformed();
  if (raws.length > 0 && raws.length !== tensors.length) {
    return fail('BAD_BODY', 'RAW_COUNT', `There are raw contents for ${raws.length} of ${tensors.length} tensors.`);
  }
  const [, model = '', version = '', id = ''] = texts;
  return { ok: true, message, model, version, id, parameters, tensors, requested, raws };
}

/** The tensor at an index with its elements in the binary form; or the failure when they do not fit it. */
export function rawTensor(
  { message, tensors, raws }: InferDocument,
  index: number,
  kind: 'input' | 'output',
): RawTensor | CodecFailure {
  const tensor = tensors[index]!;
  const { name, datatype, shape } = tensor;
  const label = `${kind} ${shown(name)}`;
  if (shape.some((size) => !(size >= 0))) {
    return fail('BAD_BODY', 'SHAPE', `The ${label} has the shape [${shape.join(',')}]; sizes are integers from 0 on.`);
  }
  const raw = raws[index];
  if (raw !== undefined) return checkRaw(raw, datatype, shape, label) ?? { name, label, datatype, shape, raw };
  const encoded = encodeTyped(message, tensor, label);
  return 'ok' in encoded ? encoded : { name, label, datatype, shape, raw: encoded };
}

function readRequested(message: Buffer, from: number, to: number): { name: string; parameters: number[] } {
  const parameters: number[] = [];
  let name = '';
  const field = new FieldReader(message, from, to);
  while (field.next()) {
    if (field.type !== BYTES) continue;
    if (field.number === requestedFields.name) name = message.toString('utf8', field.from, field.to);
    else if (field.number === requestedFields.parameters) parameters.push(field.from, field.to);
  }
  return { name, parameters };
}

function failMalformed(): CodecFailure {
  return fail('BAD_BODY', 'MALFORMED', 'The message is not well-formed protobuf.');
}
