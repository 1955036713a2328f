import type { Protocol } from '../core/facts.ts';
import type { CodecFailure } from '../protocol/codec-result.ts';
import { frameMessage, onlyMessage } from '../protocol/grpc/frame.ts';
import { setHeader } from '../protocol/header-block.ts';
import { inferenceHeader } from '../protocol/oip-binary.ts';
import { isGrpc } from '../protocol/protocols.ts';
import { answerJsonLength } from './answer-mapping.ts';
import type { BackendRequest } from './backend-fields.ts';
import { isWhole } from './exchange.ts';
import type { RequestFeatures } from './request-features.ts';

/** A request that was translated into the protocol of a backend, with its features in the form of that protocol. */
export function featuredRequest(
  request: BackendRequest,
  protocol: Protocol,
  features: RequestFeatures,
): BackendRequest | CodecFailure {
  const { headers } = request;
  const body = isWhole(request.body) ? request.body : null;
  const bytes = body !== null && isGrpc(protocol) ? onlyMessage(body) : body;
  if (bytes === null) return request;
  const placed = features.into(protocol, bytes, answerJsonLength(headers));
  if ('ok' in placed) return placed;
  if (isGrpc(protocol)) return { ...request, body: frameMessage(placed.bytes) };
  const { inferenceHeaderLength } = placed;
  if (inferenceHeaderLength === null) return { ...request, body: placed.bytes };
  return {
    ...request,
    headers: setHeader(headers, inferenceHeader, String(inferenceHeaderLength)),
    body: placed.bytes,
  };
}
