import { Buffer } from 'node:buffer';

import protobuf from 'protobufjs';

/** The messages that the codecs read without a schema, for an independent implementation of protobuf. */
const inferenceText = `
syntax = "proto3";
package inference;
message InferParameter {
  oneof parameter_choice {
    bool bool_param = 1;
    int64 int64_param = 2;
    string string_param = 3;
    double double_param = 4;
    uint64 uint64_param = 5;
  }
}
message InferTensorContents {
  repeated bool bool_contents = 1;
  repeated int32 int_contents = 2;
  repeated int64 int64_contents = 3;
  repeated uint32 uint_contents = 4;
  repeated uint64 uint64_contents = 5;
  repeated float fp32_contents = 6;
  repeated double fp64_contents = 7;
  repeated bytes bytes_contents = 8;
}
message ModelInferRequest {
  message InferInputTensor {
    string name = 1;
    string datatype = 2;
    repeated int64 shape = 3;
    map<string, InferParameter> parameters = 4;
    InferTensorContents contents = 5;
  }
  message InferRequestedOutputTensor {
    string name = 1;
    map<string, InferParameter> parameters = 2;
  }
  string model_name = 1;
  string model_version = 2;
  string id = 3;
  map<string, InferParameter> parameters = 4;
  repeated InferInputTensor inputs = 5;
  repeated InferRequestedOutputTensor outputs = 6;
  repeated bytes raw_input_contents = 7;
}
message ModelInferResponse {
  message InferOutputTensor {
    string name = 1;
    string datatype = 2;
    repeated int64 shape = 3;
    map<string, InferParameter> parameters = 4;
    InferTensorContents contents = 5;
  }
  string model_name = 1;
  string model_version = 2;
  string id = 3;
  map<string, InferParameter> parameters = 4;
  repeated InferOutputTensor outputs = 5;
  repeated bytes raw_output_contents = 6;
}
message ModelStreamInferResponse {
  string error_message = 1;
  ModelInferResponse infer_response = 2;
}
`;

const servingText = `
syntax = "proto3";
package tensorflow.serving;
message Int64Value { int64 value = 1; }
message ModelSpec {
  string name = 1;
  oneof version_choice {
    Int64Value version = 2;
    string version_label = 4;
  }
  string signature_name = 3;
}
message PredictRequest {
  ModelSpec model_spec = 1;
  repeated string output_filter = 3;
}
message InferenceTask {
  ModelSpec model_spec = 1;
  string method_name = 2;
}
message MultiInferenceRequest {
  repeated InferenceTask tasks = 1;
  bytes input = 2;
}
`;

const options = { keepCase: true };
const inference = protobuf.parse(inferenceText, options).root;
const unpacked = protobuf.parse(
  inferenceText.replaceAll(/(repeated (?!bytes)[a-z0-9]+ \w+ = \d+);/g, '$1 [packed = false];'),
  options,
).root;
const serving = protobuf.parse(servingText, options).root;

export interface ProtoParameter {
  readonly bool_param?: boolean;
  /** Decimal digits. */
  readonly int64_param?: string;
  readonly string_param?: string;
  readonly double_param?: number;
  readonly uint64_param?: string;
}

export interface ProtoContents {
  readonly bool_contents?: readonly boolean[];
  readonly int_contents?: readonly number[];
  readonly int64_contents?: readonly string[];
  readonly uint_contents?: readonly number[];
  readonly uint64_contents?: readonly string[];
  readonly fp32_contents?: readonly number[];
  readonly fp64_contents?: readonly number[];
  readonly bytes_contents?: readonly Buffer[];
}

export interface ProtoTensor {
  readonly name?: string;
  readonly datatype?: string;
  readonly shape?: readonly (string | number)[];
  readonly parameters?: Readonly<Record<string, ProtoParameter>>;
  readonly contents?: ProtoContents;
}

export interface ProtoRequest {
  readonly model_name?: string;
  readonly model_version?: string;
  readonly id?: string;
  readonly parameters?: Readonly<Record<string, ProtoParameter>>;
  readonly inputs?: readonly ProtoTensor[];
  readonly outputs?: readonly {
    readonly name?: string;
    readonly parameters?: Readonly<Record<string, ProtoParameter>>;
  }[];
  readonly raw_input_contents?: readonly Buffer[];
}

export interface ProtoResponse extends Omit<ProtoRequest, 'inputs' | 'outputs' | 'raw_input_contents'> {
  readonly outputs?: readonly ProtoTensor[];
  readonly raw_output_contents?: readonly Buffer[];
}

export interface ProtoSpec {
  readonly name?: string;
  readonly version?: { readonly value?: string };
  readonly version_label?: string;
  readonly signature_name?: string;
}

/** A message type: writes plain objects and reads them back, with 64-bit integers as digits. */
export class ProtoType<T extends object> {
  readonly #type: protobuf.Type;

  constructor(root: protobuf.Root, name: string) {
    this.#type = root.lookupType(name);
  }

  encode(value: T): Buffer {
    return Buffer.from(this.#type.encode(this.#type.fromObject(value)).finish());
  }

  /** Fields that are absent are left out; throws on malformed bytes. */
  decode(bytes: Uint8Array): T {
    return this.#type.toObject(this.#type.decode(bytes), { longs: String }) as T;
  }
}

export const modelInferRequest = new ProtoType<ProtoRequest>(inference, 'inference.ModelInferRequest');
export const modelInferResponse = new ProtoType<ProtoResponse>(inference, 'inference.ModelInferResponse');
/** Writes each number as a field of its own, which every reader must take as well. */
export const unpackedInferRequest = new ProtoType<ProtoRequest>(unpacked, 'inference.ModelInferRequest');
export const unpackedInferResponse = new ProtoType<ProtoResponse>(unpacked, 'inference.ModelInferResponse');
export const modelStreamInferResponse = new ProtoType<{
  readonly error_message?: string;
  readonly infer_response?: ProtoResponse;
}>(inference, 'inference.ModelStreamInferResponse');
export const predictRequest = new ProtoType<{
  readonly model_spec?: ProtoSpec;
  readonly output_filter?: readonly string[];
}>(serving, 'tensorflow.serving.PredictRequest');
export const multiInferenceRequest = new ProtoType<{
  readonly tasks?: readonly { readonly model_spec?: ProtoSpec; readonly method_name?: string }[];
  readonly input?: Buffer;
}>(serving, 'tensorflow.serving.MultiInferenceRequest');
