import protobuf from 'protobufjs';

import { ProtoType } from './grpc-protos.ts';

/** `seldon.protos` as far as it is used, with google.protobuf.Value under the names that it has on the wire: numbers. */
const text = `
syntax = "proto3";
package seldon.protos;
message ListValue { repeated Value values = 1; }
message Value {
  oneof kind {
    int32 null_value = 1;
    double number_value = 2;
    string string_value = 3;
    bool bool_value = 4;
    ListValue list_value = 6;
  }
}
message Tensor { repeated int32 shape = 1 [packed = true]; repeated double values = 2 [packed = true]; }
message DefaultData { repeated string names = 1; Tensor tensor = 2; }
message Meta {
  string puid = 1;
  map<string, Value> tags = 2;
  map<string, int32> routing = 3;
  map<string, string> requestPath = 4;
}
message Status { int32 code = 1; string info = 2; string reason = 3; int32 status = 4; }
message SeldonMessage {
  Status status = 1;
  Meta meta = 2;
  oneof data_oneof { DefaultData data = 3; bytes binData = 4; string strData = 5; }
}
message Feedback {
  SeldonMessage request = 1;
  SeldonMessage response = 2;
  float reward = 3;
  SeldonMessage truth = 4;
}
`;

const { root } = protobuf.parse(text, { keepCase: true });

export interface SeldonValue {
  readonly null_value?: number;
  readonly number_value?: number;
  readonly string_value?: string;
  readonly bool_value?: boolean;
  readonly list_value?: { readonly values?: readonly SeldonValue[] };
}

export interface SeldonProto {
  readonly status?: { readonly code?: number; readonly info?: string; readonly status?: number };
  readonly meta?: {
    readonly puid?: string;
    readonly tags?: Readonly<Record<string, SeldonValue>>;
    readonly routing?: Readonly<Record<string, number>>;
  };
  readonly data?: {
    readonly names?: readonly string[];
    readonly tensor?: { readonly shape?: readonly number[]; readonly values?: readonly number[] };
  };
  readonly strData?: string;
}

export interface FeedbackProto {
  readonly request?: SeldonProto;
  readonly response?: SeldonProto;
  readonly reward?: number;
  readonly truth?: SeldonProto;
}

export const seldonMessage = new ProtoType<SeldonProto>(root, 'seldon.protos.SeldonMessage');
export const seldonFeedback = new ProtoType<FeedbackProto>(root, 'seldon.protos.Feedback');
