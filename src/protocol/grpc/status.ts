import { findHeader, type HeaderBlock } from '../header-block.ts';
import { escapeEnds } from '../http2/hpack-status-message.ts';
import { errorCode } from '../http2/frames.ts';

/** Status codes of gRPC, https://grpc.io/docs/guides/status-codes/. */
export const grpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** By gRPC code; google/rpc/code.proto names these as the HTTP mapping. */
const httpOfGrpc = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401] as const;

/** HTTP status that stands for a gRPC code (0 to 16) in records and metrics; 500 for what is no code. */
export function grpcToHttpStatus(code: number): number {
  return httpOfGrpc[code] ?? 500;
}

/** gRPC code for an HTTP status of a model server, by the nearest meaning. */
export function httpStatusToGrpc(status: number): number {
  switch (status) {
    case 401:
      return grpcStatus.UNAUTHENTICATED;
    case 403:
      return grpcStatus.PERMISSION_DENIED;
    case 404:
      return grpcStatus.NOT_FOUND;
    case 408:
    case 504:
      return grpcStatus.DEADLINE_EXCEEDED;
    case 409:
      return grpcStatus.ABORTED;
    case 413:
    case 429:
    case 431:
      return grpcStatus.RESOURCE_EXHAUSTED;
    case 499:
      return grpcStatus.CANCELLED;
    case 405:
    case 501:
      return grpcStatus.UNIMPLEMENTED;
    case 502:
    case 503:
      return grpcStatus.UNAVAILABLE;
    default:
      if (status >= 200 && status < 300) return grpcStatus.OK;
      return status >= 400 && status < 500 ? grpcStatus.INVALID_ARGUMENT : grpcStatus.INTERNAL;
  }
}

/** HTTP status that a gRPC answer stands for, by its trailers or, when it was all head, its head; 500 without a status. */
export function grpcAnswerStatus(headers: HeaderBlock, trailers: HeaderBlock): number {
  const code = findHeader(trailers, 'grpc-status') ?? findHeader(headers, 'grpc-status');
  return code !== undefined && /^\d{1,2}$/.test(code) ? grpcToHttpStatus(Number(code)) : 500;
}

/** gRPC code for the code of HTTP/2 that a server reset a stream with (gRPC over HTTP/2, "HTTP2 Transport Mapping"). */
export function resetToGrpc(code: number): number {
  switch (code) {
    case errorCode.REFUSED_STREAM:
      return grpcStatus.UNAVAILABLE;
    case errorCode.CANCEL:
      return grpcStatus.CANCELLED;
    case errorCode.ENHANCE_YOUR_CALM:
      return grpcStatus.RESOURCE_EXHAUSTED;
    case errorCode.INADEQUATE_SECURITY:
      return grpcStatus.PERMISSION_DENIED;
    default:
      return grpcStatus.INTERNAL;
  }
}

/**
 * A text as `grpc-message` has it: UTF-8, percent-encoded outside printable ASCII (gRPC over HTTP/2, "Status-Message") and
 * where blanks are at its ends, which fields do not keep.
 */
export function grpcMessage(text: string): string {
  const encoded = text.toWellFormed().replaceAll(/[^\u0020-\u0024\u0026-\u007e]+/g, (part) => encodeURIComponent(part));
  return escapeEnds(encoded);
}

/** The text of a `grpc-message`; what is no escape, or escapes what is not UTF-8, stays as it is. */
export function readGrpcMessage(value: string): string {
  return value.replaceAll(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of a `grpc-timeout` such as `250m`: at most eight digits and a unit; null for anything else. */
export function readGrpcTimeout(value: string): number | null {
  const match = /^(\d{1,8})([HMSmun])$/.exec(value);
  return match === null ? null : Number(match[1]) * unitMs[match[2]!]!;
}

/** Writes a `grpc-timeout` of so many milliseconds, rounded up to whole ones, at most eight digits. */
export function writeGrpcTimeout(timeoutMs: number): string {
  const whole = Math.max(1, Math.ceil(timeoutMs));
  return whole < 1e8 ? `${whole}m` : `${Math.min(Math.ceil(whole / 1000), 99_999_999)}S`;
}
