import {
  context,
  createTraceState,
  logs,
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type Context,
  type SpanContext,
  type Tracer as SpanMaker,
} from '@opentelemetry/api';
import { envDetector, hostDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { AlwaysOnSampler } from '@opentelemetry/sdk-trace';

import type { Clock, RequestHeaders, RequestTrace } from '../../gateway/ports.ts';
import { version } from '../../version.ts';
import { OtelRequestTrace } from './otel-request-trace.ts';
import { SpanQueue } from './span-export.ts';
import { NO_PARENT, SAMPLED, spanIdOf, traceFlagsOf, traceIdOf } from './traceparent.ts';
import type { ClosableTracer, TracerPorts, TracingSettings } from './tracer.ts';

/**
 * Makes spans by hand for the sampled requests alone. The decision is the parent's, else a draw; it is made before
 * anything else, so that a request that is not sampled costs the reading of one header.
 */
export class OtelTracer implements ClosableTracer {
  readonly #sdk: NodeSDK;
  readonly #spans: SpanMaker;
  readonly #clock: Clock;
  readonly #sample: number;
  readonly #draw: () => number;

  constructor(settings: TracingSettings, { clock, logger, metrics, draw }: TracerPorts) {
    this.#sdk = new NodeSDK({
      // The decision was made when a span is started.
      sampler: new AlwaysOnSampler(),
      serviceName: settings.name,
      resource: resourceFromAttributes({ 'service.version': version }),
      // OTEL_RESOURCE_ATTRIBUTES says where this runs. Not the process: its arguments are nobody's business.
      resourceDetectors: [envDetector, hostDetector],
      spanProcessors: [new SpanQueue(settings, logger, metrics, () => clock.steady())],
      spanLimits: { attributeValueLengthLimit: 1024 },
      // Only traces, by hand: metrics are Prometheus's, the log is pino's, nothing is patched.
      metricReaders: [],
      logRecordProcessors: [],
      instrumentations: [],
      textMapPropagator: null,
    });
    this.#sdk.start();
    this.#spans = trace.getTracer('makas', version);
    this.#clock = clock;
    this.#sample = settings.sample;
    this.#draw = draw;
  }

  begin(headers: Pick<RequestHeaders, 'get'>, method: string, path: string, timeMs: number): RequestTrace | null {
    const traceparent = headers.get('traceparent');
    const flags = traceFlagsOf(traceparent);
    const isSampled = flags === NO_PARENT ? this.#draw() < this.#sample : (flags & SAMPLED) !== 0;
    if (!isSampled) return null;
    const context =
      flags === NO_PARENT || traceparent === undefined
        ? ROOT_CONTEXT
        : parentContext(traceparent, headers.get('tracestate'));
    return new OtelRequestTrace({ spans: this.#spans, clock: this.#clock, context, method, path, timeMs });
  }

  async shutdown(limitMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limitMs);
    });
    // What fails here was counted where it failed.
    const done = this.#sdk.shutdown().catch(() => undefined);
    await Promise.race([done, limit]);
    clearTimeout(timer);
    // The SDK registered itself for the process.
    trace.disable();
    context.disable();
    logs.disable();
  }
}

function parentContext(traceparent: string, tracestate: string | undefined): Context {
  const traceId = traceIdOf(traceparent);
  const span: SpanContext = { traceId, spanId: spanIdOf(traceparent), traceFlags: TraceFlags.SAMPLED, isRemote: true };
  if (tracestate !== undefined) span.traceState = createTraceState(tracestate);
  return trace.setSpanContext(ROOT_CONTEXT, span);
}
