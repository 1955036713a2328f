import type { Protocol } from '../core/facts.ts';
import { setHeader } from '../protocol/header-block.ts';
import type { BackendRequest } from './backend-fields.ts';
import { DecisionMapping, type TokenPlace } from './decision-mapping.ts';
import type { Exchange } from './exchange.ts';
import { decisionTag } from './seldon-feedback.ts';

/** The decision token in the answer's body too, for clients that see neither headers nor metadata. */
export function withTokenInBody({ facts, record }: Exchange, request: BackendRequest, token: string): BackendRequest {
  const key = record.route?.decisionParameter ?? (facts.protocol === 'seldon-v1' ? decisionTag : null);
  const place = tokenPlaces[facts.protocol];
  // The messages of a stream have no parameters, and must not wait for its end.
  if (key === null || place === undefined || facts.operation === 'infer-stream') return request;
  // Nothing can be added to an answer that is compressed.
  const field = place === 'message' ? 'grpc-accept-encoding' : 'accept-encoding';
  const headers = setHeader(request.headers, field, 'identity');
  return { ...request, headers, mapping: new DecisionMapping(place, key, token, request.mapping) };
}

const tokenPlaces: Partial<Record<Protocol, TokenPlace>> = {
  oip: 'parameters',
  'oip-grpc': 'message',
  'seldon-v1': 'meta.tags',
};
