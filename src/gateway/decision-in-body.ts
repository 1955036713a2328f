import type { Buffer } from 'node:buffer';

import type { FieldPath } from '../core/facts.ts';
import { routingOf } from '../core/seldon-routing.ts';
import { addAnswerText } from '../protocol/answer-text.ts';
import { addStringParameter } from '../protocol/grpc/parameters.ts';
import { addToSeldonMessage } from '../protocol/grpc/seldon-message.ts';
import { setHeader } from '../protocol/header-block.ts';
import { isGrpc } from '../protocol/protocols.ts';
import { addSeldonMeta, type SeldonMeta } from '../protocol/seldon-meta.ts';
import type { BackendRequest } from './backend-fields.ts';
import { type AnswerEdit, DecisionMapping } from './decision-mapping.ts';
import type { Exchange } from './exchange.ts';
import { decisionTag } from './seldon-feedback.ts';
import { isSeldonV1, puidOf } from './seldon-puid.ts';

/** Field of ModelInferResponse with its parameters. */
const PARAMETERS_FIELD = 4;
const PUID: FieldPath = ['meta', 'puid'];

/** The decision in the answer's body too, for clients that see neither headers nor metadata, or send answers back. */
export function withDecisionInBody(exchange: Exchange, request: BackendRequest): BackendRequest {
  const { protocol } = exchange.facts;
  const edit = isSeldonV1(protocol) ? seldonEdit(exchange) : tokenEdit(exchange);
  if (edit === null) return request;
  // Nothing can be added to an answer that is compressed.
  const field = isGrpc(protocol) ? 'grpc-accept-encoding' : 'accept-encoding';
  const headers = setHeader(request.headers, field, 'identity');
  return { ...request, headers, mapping: new DecisionMapping(edit, request.mapping) };
}

/** The token, where the route says so. The messages of a stream have no parameters, and must not wait for its end. */
function tokenEdit({ facts, record }: Exchange): AnswerEdit | null {
  const { token, route } = record;
  const key = route?.decisionParameter ?? null;
  if (key === null || token === null || facts.operation === 'infer-stream') return null;
  switch (facts.protocol) {
    case 'oip':
      return { kind: 'json', edit: (body, jsonLength) => addAnswerText(body, jsonLength, key, token) };
    case 'oip-grpc':
      return { kind: 'message', edit: (message) => addStringParameter(message, PARAMETERS_FIELD, key, token) };
    default:
      return null;
  }
}

/** All of the decision: clients of Seldon Core 1 send answers back with the feedback. */
function seldonEdit({ facts, headers, record }: Exchange): AnswerEdit | null {
  const { assignment, route, rule, token } = record;
  if (assignment === null || route === null || rule === null || rule.choice.kind === 'backend') return null;
  const given = facts.field(PUID);
  const meta: SeldonMeta = {
    puid: typeof given === 'string' && given !== '' ? given : puidOf(headers, facts.requestId),
    tag: token === null ? null : { key: route.decisionParameter ?? decisionTag, value: token },
    routing: { node: route.name, child: routingOf(route, rule, assignment.armIndex) },
  };
  if (isGrpc(facts.protocol)) return { kind: 'message', edit: (message) => addToSeldonMessage(message, meta) };
  const edit = (body: Buffer) => ({ body: addSeldonMeta(body, meta), inferenceHeaderLength: null });
  return { kind: 'json', edit };
}
