import { Buffer } from 'node:buffer';

import type { Protocol } from '../core/facts.ts';
import { grpcMessage, httpStatusToGrpc } from './grpc/status.ts';
import type { HeaderBlock } from './header-block.ts';
import { isGrpc } from './protocols.ts';

/** An error as the clients of one protocol read it. */
export interface ErrorAnswer {
  /** On the wire: 200 for gRPC, whose status is a field. */
  readonly status: number;
  readonly headers: HeaderBlock;
  readonly body: Buffer | null;
}

export interface ErrorContent {
  /** HTTP status. */
  readonly status: number;
  /** gRPC status code; by default what `httpStatusToGrpc` makes of the HTTP status. */
  readonly grpc?: number;
  /** Code of the registry. */
  readonly code: string;
  /** Safe for clients. */
  readonly message: string;
}

/** The error body of the Open Inference Protocol, KServe V1 and TF Serving: `{"error": message}` as UTF-8 JSON. */
export function errorBody(message: string): Buffer {
  return jsonBytes({ error: message });
}

/**
 * Writes an error in the form of a protocol: `{"error": ...}` as the protocols with tensors have it, an object with
 * `message`, `type` and `code` as OpenAI clients read it, a Seldon status, an MLflow `error_code`, plain text as Ray Serve
 * writes it, and trailers of gRPC.
 */
export function errorAnswer(protocol: Protocol, error: ErrorContent): ErrorAnswer {
  if (isGrpc(protocol)) {
    const grpc = error.grpc ?? httpStatusToGrpc(error.status);
    return {
      status: 200,
      headers: `grpc-status: ${grpc}\r\ngrpc-message: ${grpcMessage(error.message)}\r\n`,
      body: null,
    };
  }
  const isText = protocol === 'ray-serve';
  const body = isText ? Buffer.from(error.message, 'utf8') : jsonBytes(errorContent(protocol, error));
  const type = isText ? 'text/plain; charset=utf-8' : 'application/json';
  return { status: error.status, headers: `content-type: ${type}\r\ncontent-length: ${body.length}\r\n`, body };
}

function errorContent(protocol: Protocol, { status, code, message }: ErrorContent): object {
  switch (protocol) {
    case 'openai': {
      const type = status >= 500 ? 'server_error' : status === 404 ? 'not_found_error' : 'invalid_request_error';
      return { error: { message, type, param: null, code: code.toLowerCase() } };
    }
    case 'seldon-v1':
      return { status: { code: status, info: message, reason: code, status: 'FAILURE' } };
    case 'mlflow':
      return { error_code: status >= 500 ? 'INTERNAL_ERROR' : 'BAD_REQUEST', message };
    default:
      return { error: message };
  }
}

function jsonBytes(content: object): Buffer {
  return Buffer.from(JSON.stringify(content), 'utf8');
}
