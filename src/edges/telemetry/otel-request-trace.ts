import {
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type HrTime,
  type Span,
  type Tracer,
} from '@opentelemetry/api';

import type { AttemptSpan, Clock, RequestTrace } from '../../gateway/ports.ts';
import type { DecisionRecord } from '../../gateway/record.ts';

export interface RequestTraceSettings {
  readonly spans: Tracer;
  readonly clock: Clock;
  readonly context: Context;
  readonly method: string;
  readonly path: string;
  /** Milliseconds since the epoch, when the request arrived. */
  readonly timeMs: number;
}

/**
 * The spans of one sampled request, named after the OpenTelemetry conventions for HTTP: a SERVER span, an INTERNAL span
 * for the features, a CLIENT span for each attempt.
 */
export class OtelRequestTrace implements RequestTrace {
  readonly traceId: string;
  readonly #spans: Tracer;
  readonly #clock: Clock;
  readonly #server: Span;
  readonly #context: Context;
  readonly #method: string;
  /** What turns the steady clock into time since the epoch. */
  readonly #epochMs: number;
  #attempts = 0;

  constructor({ spans, clock, context, method, path, timeMs }: RequestTraceSettings) {
    this.#spans = spans;
    this.#clock = clock;
    this.#method = method;
    this.#epochMs = timeMs - clock.steady();
    const attributes = { 'http.request.method': method, 'url.path': path, 'url.scheme': 'http' };
    this.#server = spans.startSpan(method, { kind: SpanKind.SERVER, startTime: toHrTime(timeMs), attributes }, context);
    this.traceId = this.#server.spanContext().traceId;
    this.#context = trace.setSpan(context, this.#server);
  }

  startAttempt(backend: string, endpoint: string): AttemptSpan {
    const attributes: Attributes = {
      'http.request.method': this.#method,
      'makas.backend': backend,
      ...serverAttributes(endpoint),
    };
    if (this.#attempts > 0) attributes['http.request.resend_count'] = this.#attempts;
    this.#attempts++;
    const startTime = this.#timeOf(this.#clock.steady());
    const span = this.#spans.startSpan(this.#method, { kind: SpanKind.CLIENT, startTime, attributes }, this.#context);
    const { traceId, spanId } = span.spanContext();
    return {
      traceparent: `00-${traceId}-${spanId}-01`,
      end: (status, error) => {
        if (status > 0) span.setAttribute('http.response.status_code', status);
        const problem = error ?? (status >= 400 ? String(status) : null);
        if (problem !== null) fail(span, problem);
        span.end(this.#timeOf(this.#clock.steady()));
      },
    };
  }

  features(startMs: number, endMs: number, views: readonly string[], failed: boolean): void {
    const attributes = { 'makas.views': [...views] };
    const span = this.#spans.startSpan('features', { startTime: this.#timeOf(startMs), attributes }, this.#context);
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(this.#timeOf(endMs));
  }

  end(record: DecisionRecord): void {
    const { facts, assignment, status, error } = record;
    const span = this.#server;
    span.updateName(`${facts.method} ${facts.operation}`);
    span.setAttributes({
      'http.response.status_code': status,
      'makas.config': record.snapshot.hash,
      'makas.request_id': facts.requestId,
      'makas.outcome': record.outcome,
    });
    if (record.route !== null) span.setAttribute('makas.route', record.route.name);
    if (record.rule !== null) span.setAttribute('makas.rule', record.rule.name);
    if (assignment !== null) {
      const { backend, arm, propensity } = assignment;
      span.setAttributes({ 'makas.backend': backend.name, 'makas.arm': arm, 'makas.propensity': propensity });
    }
    // 4xx is the client's error, not the server's, and leaves the status unset.
    if (status >= 500 || record.outcome === 'broken') fail(span, error ?? String(status));
    else if (error !== null) span.setAttribute('error.type', error);
    span.end(this.#timeOf(record.endMs));
  }

  #timeOf(steadyMs: number): HrTime {
    return toHrTime(this.#epochMs + steadyMs);
  }
}

function fail(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

function serverAttributes(origin: string): Attributes {
  const { hostname, port, protocol } = new URL(origin);
  return { 'server.address': hostname, 'server.port': Number(port) || (protocol === 'https:' ? 443 : 80) };
}

/** OpenTelemetry takes small numbers for another clock; seconds and nanoseconds are never mistaken. */
function toHrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.floor((ms - seconds * 1000) * 1e6)];
}
