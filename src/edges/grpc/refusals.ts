import { type ErrorCode, GatewayError } from '../../core/errors.ts';
import { grpcStatus } from '../../protocol/grpc/status.ts';
import type { HeaderBlock } from '../../protocol/header-block.ts';

/** Why a call ends before it is known what it asks for. */
export interface Refusal {
  readonly code: ErrorCode;
  /** Status code of gRPC, as its own libraries choose it. */
  readonly grpc: number;
  /** Safe for clients. */
  readonly text?: string;
  readonly headers?: HeaderBlock;
}

const refusals = {
  'large-head': { code: 'HEADERS_TOO_LARGE', grpc: grpcStatus.RESOURCE_EXHAUSTED },
  'unknown-method': {
    code: 'PATH_NOT_FOUND',
    grpc: grpcStatus.UNIMPLEMENTED,
    text: 'This gateway does not serve this method.',
  },
  'bad-timeout': { code: 'BAD_REQUEST', grpc: grpcStatus.INTERNAL, text: 'The field grpc-timeout is malformed.' },
  'bad-flag': { code: 'BAD_REQUEST', grpc: grpcStatus.INTERNAL, text: 'A message does not begin with a known flag.' },
  'too-large': { code: 'BODY_TOO_LARGE', grpc: grpcStatus.RESOURCE_EXHAUSTED },
  'cut-short': { code: 'BAD_REQUEST', grpc: grpcStatus.INTERNAL, text: 'The call ended in the middle of a message.' },
  'no-message': { code: 'BAD_REQUEST', grpc: grpcStatus.INTERNAL, text: 'The call ended without a message.' },
  'two-messages': { code: 'BAD_REQUEST', grpc: grpcStatus.INTERNAL, text: 'This method takes one message.' },
  'too-slow': { code: 'REQUEST_TIMEOUT', grpc: grpcStatus.DEADLINE_EXCEEDED },
  'no-encoding': {
    code: 'BAD_REQUEST',
    grpc: grpcStatus.INTERNAL,
    text: 'A message is compressed, but grpc-encoding does not say how.',
  },
  'unknown-encoding': {
    code: 'BAD_REQUEST',
    grpc: grpcStatus.UNIMPLEMENTED,
    text: 'This gateway does not know this grpc-encoding.',
    headers: 'grpc-accept-encoding: identity,deflate,gzip\r\n',
  },
  'two-names': {
    code: 'BAD_REQUEST',
    grpc: grpcStatus.INVALID_ARGUMENT,
    text: 'The message names one model in field 1 and another in field 2; one of them must be empty.',
  },
  'bad-spec': {
    code: 'BAD_REQUEST',
    grpc: grpcStatus.INVALID_ARGUMENT,
    text: 'The message is not well-formed protobuf as far as its model_spec, which names the model.',
  },
  'bad-feedback': {
    code: 'BAD_REQUEST',
    grpc: grpcStatus.INVALID_ARGUMENT,
    text: 'The message is not a well-formed Feedback.',
  },
  garbage: { code: 'BAD_REQUEST', grpc: grpcStatus.INTERNAL, text: 'A message cannot be decompressed.' },
} as const satisfies Record<string, Refusal>;

export type RefusalReason = keyof typeof refusals;

export function refusalOf(reason: RefusalReason): Refusal {
  return refusals[reason];
}

/** The same for a call that has an exchange. */
export function refusalError(reason: RefusalReason): GatewayError {
  const { code, text, grpc }: Refusal = refusals[reason];
  return new GatewayError(code, text, undefined, grpc);
}
