import { assign, assignBaseline, matchRequest, shadowsFor } from '../core/decide.ts';
import type { Matched } from '../core/decision.ts';
import { GatewayError } from '../core/errors.ts';
import { asksModel, isPrediction, isRestricted, restrictedText } from '../core/operation-kinds.ts';
import { isGrpc } from '../protocol/protocols.ts';
import { AnswerRelay } from './answer-relay.ts';
import { withDecisionInBody } from './decision-in-body.ts';
import { Dispatch } from './dispatch.ts';
import { isWhole, type Exchange } from './exchange.ts';
import type { Gateway } from './gateway.ts';
import type { Enrichment } from './enrich.ts';
import { ownHeaders, replacedFields } from './own-headers.ts';
import { unmatched } from './unmatched.ts';
import { backendRequest } from './upstream-request.ts';

/**
 * The life of a request once its head and body are there: match, enrich, choose, dispatch. What follows the answer
 * (mirror, record) is at the end of gateway.ts. Nothing here waits but for features and for the backend.
 */
export function predict(gateway: Gateway, exchange: Exchange): void {
  const matched = match(gateway, exchange);
  if (matched === null) return;
  const isEnriched = matched.rule.enrich.length > 0 && asksModel(exchange.facts.operation);
  if (isEnriched) enrich(gateway, exchange, matched);
  else choose(gateway, exchange, matched);
}

/** Finds route and rule, unless that was done while the body was still on its way. Null: the request was refused. */
function match(gateway: Gateway, exchange: Exchange): Matched | null {
  const { record } = exchange;
  if (record.route !== null && record.rule !== null) return { route: record.route, rule: record.rule };
  const matched = matchRequest(exchange.live.snapshot, exchange.facts);
  if (isInDoubt(gateway, exchange)) return null;
  if (typeof matched === 'string') {
    gateway.refuse(exchange, unmatched(matched, exchange.facts));
    return null;
  }
  record.route = matched.route;
  record.rule = matched.rule;
  return matched;
}

/** Refuses a request when a rule or unit looked for a field of its body and may have missed it. */
function isInDoubt(gateway: Gateway, exchange: Exchange): boolean {
  const problem = exchange.facts.fieldsProblem();
  if (problem !== null) gateway.refuse(exchange, new GatewayError(problem.code, problem.message));
  return problem !== null;
}

function enrich(gateway: Gateway, exchange: Exchange, matched: Matched): void {
  const { facts, body } = exchange;
  if (!isWhole(body)) {
    const error = exchange.call === null ? new GatewayError('BODY_TOO_LARGE') : new GatewayError('BAD_BODY', STREAMED);
    return gateway.refuse(exchange, error);
  }
  const startMs = gateway.clock.steady();
  const enriched = gateway.enricher.enrich(matched.rule, facts, body, facts.inferenceHeaderLength());
  if (!(enriched instanceof Promise)) return takeFeatures(gateway, exchange, matched, enriched, startMs);
  enriched
    .then((enrichment) => takeFeatures(gateway, exchange, matched, enrichment, startMs))
    .catch((error: unknown) => gateway.refuse(exchange, gateway.unexpected(error)));
}

const STREAMED = 'Features are not added to streams; send this request as a call with one message, not a stream.';

function takeFeatures(
  gateway: Gateway,
  exchange: Exchange,
  matched: Matched,
  enriched: Enrichment,
  startMs: number,
): void {
  if (exchange.isFinished) return;
  const { record, trace } = exchange;
  const endMs = gateway.clock.steady();
  record.featuresMs = endMs - startMs;
  record.views = enriched.views;
  if (trace !== null) {
    const views = matched.rule.enrich.map((view) => view.name);
    trace.features(startMs, endMs, views, !enriched.ok);
  }
  if (!enriched.ok) return gateway.refuse(exchange, new GatewayError(enriched.code, enriched.message));
  exchange.features = enriched.features;
  choose(gateway, exchange, matched);
}

function choose(gateway: Gateway, exchange: Exchange, matched: Matched): void {
  const { facts, record, live } = exchange;
  const { rule } = matched;
  if (isRestricted(facts.operation) && !matched.route.allowed.has(facts.operation)) {
    return gateway.refuse(exchange, new GatewayError('PATH_NOT_FOUND', restrictedText));
  }
  const assignment = asksModel(facts.operation) ? assign(matched, facts, live.weights) : assignBaseline(matched, facts);
  record.assignment = assignment;
  if (isInDoubt(gateway, exchange)) return;
  const { backend } = assignment;
  let request = backendRequest(exchange, backend);
  if ('ok' in request) return gateway.refuse(exchange, new GatewayError(request.code, request.message));
  const learns = isPrediction(facts.operation);
  if (learns && assignment.bandit !== null) record.token = gateway.learner.serve(assignment, facts.timeMs);
  if (learns) request = withDecisionInBody(exchange, request);
  const shadows = learns ? shadowsFor(rule, facts) : NO_SHADOWS;
  if (shadows.length > 0) exchange.ticket = gateway.mirror.open(shadows, exchange);
  const relay = new AnswerRelay(exchange.reply, gateway.clock, {
    added: ownHeaders(exchange),
    replaced: replacedFields(exchange),
    mapping: request.mapping,
    isGrpc: isGrpc(facts.protocol),
    keepBytes: exchange.ticket?.keepBytes ?? 0,
    maxAnswerBytes: backend.connection.maxAnswerBytes,
    decode: gateway.decodeBody,
  });
  new Dispatch(gateway, exchange, backend, request, relay).start();
}

const NO_SHADOWS: readonly never[] = [];
