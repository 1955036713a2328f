import { grpcMessage, grpcStatus } from '../../protocol/grpc/status.ts';
import type { HeaderBlock } from '../../protocol/header-block.ts';

/**
 * The status of gRPC for an answer that is none of gRPC, such as that of a proxy in between
 * (https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
 */
function statusFor(httpStatus: number): number {
  switch (httpStatus) {
    case 400:
      return grpcStatus.INTERNAL;
    case 401:
      return grpcStatus.UNAUTHENTICATED;
    case 403:
      return grpcStatus.PERMISSION_DENIED;
    case 404:
      return grpcStatus.UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return grpcStatus.UNAVAILABLE;
    default:
      return grpcStatus.UNKNOWN;
  }
}

/** The head, and all there is, of the answer of gRPC that stands for an answer with this HTTP status. */
export function answerFor(httpStatus: number): HeaderBlock {
  const text = `The model answered with HTTP status ${httpStatus} and not in gRPC.`;
  return `content-type: application/grpc\r\ngrpc-status: ${statusFor(httpStatus)}\r\ngrpc-message: ${grpcMessage(text)}\r\n`;
}
