import { asksModel, assign, assignBaseline, matchRequest, shadowsFor } from '../core/decide.ts';
import type { Matched } from '../core/decision.ts';
import { GatewayError } from '../core/errors.ts';
import type { Backend } from '../core/snapshot.ts';
import { headerLine, type HeaderBlock } from '../protocol/header-block.ts';
import { AnswerRelay, type NameMapping } from './answer-relay.ts';
import { Dispatch } from './dispatch.ts';
import { isWhole, type Exchange } from './exchange.ts';
import type { Gateway } from './gateway.ts';
import type { Enrichment } from './enrich.ts';
import { mustRename } from './upstream-request.ts';

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
  if (typeof matched === 'string') {
    gateway.refuse(exchange, new GatewayError(matched));
    return null;
  }
  record.route = matched.route;
  record.rule = matched.rule;
  return matched;
}

function enrich(gateway: Gateway, exchange: Exchange, matched: Matched): void {
  const { facts, body } = exchange;
  if (!isWhole(body)) return gateway.refuse(exchange, new GatewayError('BODY_TOO_LARGE'));
  const startMs = gateway.clock.steady();
  const enriched = gateway.enricher.enrich(matched.rule, facts, body, facts.inferenceHeaderLength());
  if (!(enriched instanceof Promise)) return takeFeatures(gateway, exchange, matched, enriched, startMs);
  enriched
    .then((enrichment) => takeFeatures(gateway, exchange, matched, enrichment, startMs))
    .catch((error: unknown) => gateway.refuse(exchange, gateway.unexpected(error)));
}

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
  exchange.body = enriched.body;
  exchange.inferenceHeaderLength = enriched.inferenceHeaderLength;
  choose(gateway, exchange, matched);
}

function choose(gateway: Gateway, exchange: Exchange, matched: Matched): void {
  const { facts, record, live } = exchange;
  const { rule } = matched;
  const isInfer = facts.operation === 'infer';
  const assignment = asksModel(facts.operation) ? assign(matched, facts, live.weights) : assignBaseline(matched, facts);
  record.assignment = assignment;
  const { backend } = assignment;
  if (backend.protocol !== facts.protocol) {
    const text = `This model is served with the protocol ${backend.protocol}; use its paths.`;
    return gateway.refuse(exchange, new GatewayError('BAD_REQUEST', text));
  }
  if (isInfer && assignment.bandit !== null) record.token = gateway.learner.serve(assignment, facts.timeMs);
  const shadows = isInfer ? shadowsFor(rule, facts) : NO_SHADOWS;
  if (shadows.length > 0) exchange.ticket = gateway.mirror.open(shadows, exchange);
  const relay = new AnswerRelay(exchange.reply, {
    added: ownHeaders(exchange),
    mapping: nameMapping(backend, exchange),
    keepBytes: exchange.ticket?.keepBytes ?? 0,
    maxAnswerBytes: backend.connection.maxAnswerBytes,
  });
  const spentMs = gateway.clock.steady() - record.startMs;
  const timeoutMs = rule.timeoutMs === null ? backend.timeoutMs : rule.timeoutMs - spentMs;
  new Dispatch(gateway, exchange, backend, relay).start(timeoutMs);
}

const NO_SHADOWS: readonly never[] = [];
const OIP_NAMES = ['model_name', 'name'];
const V1_NAMES = ['name'];

function nameMapping(backend: Backend, exchange: Exchange): NameMapping | null {
  const { model, protocol } = exchange.facts;
  if (!mustRename(backend, model)) return null;
  return { from: backend.model as string, to: model, keys: protocol === 'oip' ? OIP_NAMES : V1_NAMES };
}

/** Headers that Makas adds to every answer of this exchange. */
export function ownHeaders(exchange: Exchange): HeaderBlock {
  const { record, facts } = exchange;
  let block = `x-request-id: ${facts.requestId}\r\n`;
  if (record.token !== null) block += `makas-decision: ${record.token}\r\n`;
  if (record.route?.expose === true) {
    block += headerLine('makas-route', record.route.name);
    if (record.assignment !== null) block += headerLine('makas-backend', record.assignment.backend.name);
  }
  return block;
}
