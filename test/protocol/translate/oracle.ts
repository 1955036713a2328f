import { Buffer } from 'node:buffer';

import protobuf from 'protobufjs';

import type { Protocol } from '../../../src/core/facts.ts';
import type { NumberDatatype } from '../../../src/core/snapshot.ts';
import type { CodecFailure } from '../../../src/protocol/codec-result.ts';
import { findHeader } from '../../../src/protocol/header-block.ts';
import { findTranslator } from '../../../src/protocol/translate/table.ts';
import type {
  AnswerTranslator,
  TranslatableAnswer,
  TranslatableRequest,
  TranslatedAnswer,
  TranslatedRequest,
} from '../../../src/protocol/translate/translation.ts';

/** The messages of grpc_predict_v2.proto that are translated, with the parameters that Triton and MLServer add. */
const proto = `syntax = "proto3";
package inference;
message InferParameter { oneof parameter_choice {
  bool bool_param = 1; int64 int64_param = 2; string string_param = 3; double double_param = 4; uint64 uint64_param = 5;
} }
message InferTensorContents {
  repeated bool bool_contents = 1; repeated int32 int_contents = 2; repeated int64 int64_contents = 3;
  repeated uint32 uint_contents = 4; repeated uint64 uint64_contents = 5; repeated float fp32_contents = 6;
  repeated double fp64_contents = 7; repeated bytes bytes_contents = 8;
}
message Tensor {
  string name = 1; string datatype = 2; repeated int64 shape = 3; map<string, InferParameter> parameters = 4;
  InferTensorContents contents = 5;
}
message RequestedOutput { string name = 1; map<string, InferParameter> parameters = 2; }
message ModelInferRequest {
  string model_name = 1; string model_version = 2; string id = 3; map<string, InferParameter> parameters = 4;
  repeated Tensor inputs = 5; repeated RequestedOutput outputs = 6; repeated bytes raw_input_contents = 7;
}
message ModelInferResponse {
  string model_name = 1; string model_version = 2; string id = 3; map<string, InferParameter> parameters = 4;
  repeated Tensor outputs = 5; repeated bytes raw_output_contents = 6;
}
message ModelMetadataRequest { string name = 1; string version = 2; }
message TensorMetadata { string name = 1; string datatype = 2; repeated int64 shape = 3; map<string, InferParameter> parameters = 4; }
message ModelMetadataResponse {
  string name = 1; repeated string versions = 2; string platform = 3; repeated TensorMetadata inputs = 4;
  repeated TensorMetadata outputs = 5; map<string, InferParameter> parameters = 6;
}
message ModelReadyResponse { bool ready = 1; }`;

const { root } = protobuf.parse(proto, { keepCase: true });

/** Encodes a plain object as a message of package \`inference\`. */
export function encode(type: string, content: object): Buffer {
  const message = root.lookupType(`inference.${type}`);
  return Buffer.from(message.encode(message.fromObject(content)).finish());
}

/** Decodes a message: integers of 64 bits as text, bytes as Latin-1 text in `latin1:`, empty fields left out. */
export function decode(type: string, bytes: Buffer): Record<string, unknown> {
  const message = root.lookupType(`inference.${type}`);
  const content = message.toObject(message.decode(bytes), { longs: String, bytes: Buffer as never, oneofs: false });
  return plain(content) as Record<string, unknown>;
}

function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return `latin1:${value.toString('latin1')}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]));
}

export interface Sent {
  readonly operation?: TranslatableRequest['operation'];
  readonly model?: string;
  readonly version?: string;
  readonly contentType?: string;
  readonly jsonLength?: number | null;
  readonly float?: 'FP32' | 'FP64';
  readonly datatypes?: Readonly<Record<string, NumberDatatype>>;
  readonly binary?: boolean;
  readonly named?: TranslatableRequest['named'];
}

/** Translates a request for the model `m`; tensors without names are `input`. */
export function translate(
  from: Protocol,
  to: Protocol,
  body: Buffer | string,
  sent: Sent = {},
): TranslatedRequest | CodecFailure {
  const translator = findTranslator(from, to);
  if (translator === null) throw new Error(`no way from ${from} to ${to}`);
  const { operation = 'infer', model = 'm', version = '', contentType = '', jsonLength = null, float = 'FP32' } = sent;
  const request = {
    operation,
    model,
    version,
    named: sent.named ?? { model, version },
    contentType,
    body: Buffer.from(body as Buffer),
    inferenceHeaderLength: jsonLength,
  };
  const { datatypes = {}, binary = true } = sent;
  return translator(request, { tensor: 'input', float, datatypes: new Map(Object.entries(datatypes)), binary });
}

/** Like `translate`, for a request that has a translation. */
export function translated(from: Protocol, to: Protocol, body: Buffer | string, sent: Sent = {}): TranslatedRequest {
  const result = translate(from, to, body, sent);
  if (!result.ok) throw new Error(result.message);
  return result;
}

/** The body of a translated request as text, or the reason of the failure and its message. */
export function textOf(result: TranslatedRequest | TranslatedAnswer | CodecFailure): string {
  return result.ok ? (result.body ?? Buffer.alloc(0)).toString('latin1') : `${result.reason}: ${result.message}`;
}

/** An answer as it is received. */
export function received(body: Buffer | string, jsonLength: number | null = null): TranslatableAnswer {
  return { contentType: 'application/json', body: Buffer.from(body as Buffer), inferenceHeaderLength: jsonLength };
}

/** Translates an answer that has a translation. */
export function answered(
  answer: AnswerTranslator,
  body: Buffer | string,
  jsonLength: number | null = null,
): TranslatedAnswer {
  const result = answer(received(body, jsonLength));
  if (!result.ok) throw new Error(`${result.reason}: ${result.message}`);
  return result;
}

/** Translates an answer and gives its body as text, or the failure as `textOf` does. */
export function answerText(answer: AnswerTranslator, body: Buffer | string, jsonLength: number | null = null): string {
  return textOf(answer(received(body, jsonLength)));
}

/** The length of the JSON that a translated body says it has; null for none. */
export function jsonLengthOf(result: TranslatedRequest | TranslatedAnswer): number | null {
  const length = findHeader(result.headers, 'inference-header-content-length');
  return length === undefined ? null : Number(length);
}

/** Marks a number in a document that is parsed by \`parseExact\`. */
const mark = '\u0001';

/** As \`JSON.parse\`, but numbers, and the bare tokens NaN and Infinity, are their text behind a mark. */
export function parseExact(text: string): unknown {
  const strings = /"(?:[^"\\]|\\.)*"|-?(?:Infinity|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|NaN/g;
  return JSON.parse(text.replace(strings, (token) => (token.startsWith('"') ? token : `"\\u0001${token}"`)));
}

/** The text of a number that \`parseExact\` marked; null for what is none. */
export function numberText(value: unknown): string | null {
  return typeof value === 'string' && value.startsWith(mark) ? value.slice(1) : null;
}
