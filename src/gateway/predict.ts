import { assign, assignBaseline, matchRequest, shadowsFor } from '../core/decide.ts';
import { GatewayError } from '../core/errors.ts';
import type { Backend, Rule } from '../core/snapshot.ts';
import { AnswerRelay, type NameMapping } from './answer-relay.ts';
import { Dispatch } from './dispatch.ts';
import { isWhole, type Exchange } from './exchange.ts';
import type { Gateway } from './gateway.ts';
import type { Enrichment } from './enrich.ts';
import type { HeaderList } from './ports.ts';
import { mustRename } from './upstream-request.ts';

/**
 * The life of a request once its head and body are there: match, enrich, choose, dispatch. What follows the answer
 * (mirror, record) is in finish.ts. Nothing here waits but for features and for the backend.
 */
export function predict(gateway: Gateway, exchange: Exchange): void {
  if (!match(gateway, exchange)) return;
  const { rule, facts } = { rule: exchange.record.rule as Rule, facts: exchange.facts };
  if (rule.enrich.length === 0 || facts.operation !== 'infer') return choose(gateway, exchange, rule);
  enrich(gateway, exchange, rule);
}

/** Finds route and rule, unless that was done while the body was still on its way. */
export function match(gateway: Gateway, exchange: Exchange): boolean {
  const { record } = exchange;
  if (record.rule !== null) return true;
  const matched = matchRequest(exchange.live.snapshot, exchange.facts);
  if (typeof matched === 'string') {
    gateway.refuse(exchange, new GatewayError(matched));
    return false;
  }
  record.route = matched.route;
  record.rule = matched.rule;
  return true;
}

function enrich(gateway: Gateway, exchange: Exchange, rule: Rule): void {
  const { facts, body } = exchange;
  if (!isWhole(body)) return gateway.refuse(exchange, new GatewayError('BODY_TOO_LARGE'));
  const startMs = gateway.clock.steady();
  const enriched = gateway.enricher.enrich(rule, facts, body, facts.inferenceHeaderLength());
  if (!(enriched instanceof Promise)) return takeFeatures(gateway, exchange, rule, enriched, startMs);
  enriched.then(
    (enrichment) => takeFeatures(gateway, exchange, rule, enrichment, startMs),
    (error: unknown) => gateway.refuse(exchange, gateway.unexpected(error)),
  );
}

function takeFeatures(gateway: Gateway, exchange: Exchange, rule: Rule, enriched: Enrichment, startMs: number): void {
  if (exchange.isFinished) return;
  const { record } = exchange;
  const endMs = gateway.clock.steady();
  record.featuresMs = endMs - startMs;
  record.views = enriched.views;
  exchange.trace?.features(
    startMs,
    endMs,
    rule.enrich.map((view) => view.name),
    !enriched.ok,
  );
  if (!enriched.ok) return gateway.refuse(exchange, new GatewayError(enriched.code, enriched.message));
  exchange.body = enriched.body;
  exchange.inferenceHeaderLength = enriched.inferenceHeaderLength;
  choose(gateway, exchange, rule);
}

function choose(gateway: Gateway, exchange: Exchange, rule: Rule): void {
  const { facts, record, live } = exchange;
  const matched = { route: record.route as NonNullable<typeof record.route>, rule };
  const isInfer = facts.operation === 'infer';
  const assignment = isInfer ? assign(matched, facts, live.weights) : assignBaseline(matched, facts);
  record.assignment = assignment;
  const { backend } = assignment;
  if (backend.protocol !== facts.protocol) {
    return gateway.refuse(
      exchange,
      new GatewayError('BAD_REQUEST', `This model is served with the protocol ${backend.protocol}; use its paths.`),
    );
  }
  if (assignment.bandit !== null) record.token = gateway.learner.serve(assignment, facts.timeMs);
  const shadows = isInfer ? shadowsFor(rule, facts) : NO_SHADOWS;
  const ticket = shadows.length === 0 ? null : gateway.mirror.open(shadows, exchange);
  const relay = new AnswerRelay(exchange.reply, {
    added: gateway.addedHeaders(exchange),
    mapping: nameMapping(backend, exchange),
    keepBytes: ticket === null ? 0 : ticket.keepBytes,
    maxAnswerBytes: backend.connection.maxAnswerBytes,
  });
  exchange.ticket = ticket;
  const timeoutMs =
    rule.timeoutMs === null ? backend.timeoutMs : rule.timeoutMs - (gateway.clock.steady() - record.startMs);
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
export function ownHeaders(exchange: Exchange): HeaderList {
  const { record, facts } = exchange;
  const headers: HeaderList = ['x-request-id', facts.requestId];
  if (record.token !== null) headers.push('makas-decision', record.token);
  if (record.route?.expose === true) {
    headers.push('makas-route', record.route.name);
    if (record.assignment !== null) headers.push('makas-backend', record.assignment.backend.name);
  }
  return headers;
}
