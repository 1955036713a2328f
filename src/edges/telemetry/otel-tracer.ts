import {
  createTraceState,
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type Context,
  type SpanContext,
  type Tracer as SpanMaker,
} from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOnSampler, TracerProvider } from '@opentelemetry/sdk-trace';

import type { Clock, RequestTrace } from '../../gateway/ports.ts';
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
  readonly #provider: TracerProvider;
  readonly #spans: SpanMaker;
  readonly #clock: Clock;
  readonly #sample: number;
  readonly #draw: () => number;

  constructor(settings: TracingSettings, { clock, logger, metrics, draw }: TracerPorts) {
    this.#provider = new TracerProvider({
      // The decision was made when a span is started.
      sampler: new AlwaysOnSampler(),
      resource: resourceFromAttributes({ 'service.name': settings.name, 'service.version': version }),
      spanProcessors: [new SpanQueue(settings, logger, metrics, () => clock.steady())],
      spanLimits: { attributeValueLengthLimit: 1024 },
    });
    this.#spans = this.#provider.getTracer('makas', version);
    this.#clock = clock;
    this.#sample = settings.sample;
    this.#draw = draw;
  }

  begin(
    traceparent: string | undefined,
    tracestate: string | undefined,
    method: string,
    path: string,
    timeMs: number,
  ): RequestTrace | null {
    const flags = traceFlagsOf(traceparent);
    const isSampled = flags === NO_PARENT ? this.#draw() < this.#sample : (flags & SAMPLED) !== 0;
    if (!isSampled) return null;
    const context =
      flags === NO_PARENT || traceparent === undefined ? ROOT_CONTEXT : parentContext(traceparent, tracestate);
    return new OtelRequestTrace({ spans: this.#spans, clock: this.#clock, context, method, path, timeMs });
  }

  async shutdown(limitMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limitMs);
    });
    // What fails here was counted where it failed.
    const done = this.#provider.shutdown().catch(() => undefined);
    await Promise.race([done, limit]);
    clearTimeout(timer);
  }
}

function parentContext(traceparent: string, tracestate: string | undefined): Context {
  const traceId = traceIdOf(traceparent);
  const span: SpanContext = { traceId, spanId: spanIdOf(traceparent), traceFlags: TraceFlags.SAMPLED, isRemote: true };
  if (tracestate !== undefined) span.traceState = createTraceState(tracestate);
  return trace.setSpanContext(ROOT_CONTEXT, span);
}
