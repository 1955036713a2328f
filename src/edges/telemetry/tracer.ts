import type { Clock, Logger, Metrics, RequestTrace, Tracer } from '../../gateway/ports.ts';

export interface TracingSettings {
  /** OTLP/HTTP address of a collector, path included. */
  readonly endpoint: string;
  /** Share of requests traced when the client brings no decision, in [0, 1]. */
  readonly sample: number;
  /** `service.name` of the spans. */
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Longest time that a finished span waits for others to be sent with. Default 2 s. */
  readonly delayMs?: number;
  /** Longest time that the collector may take for a batch. Default 5 s. */
  readonly timeoutMs?: number;
}

export interface TracerPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Uniform in [0, 1). */
  readonly draw: () => number;
}

export interface ClosableTracer extends Tracer {
  /** Sends what is left, for at most this long; resolves in any case. */
  shutdown(limitMs: number): Promise<void>;
}

const noTracer: ClosableTracer = {
  begin: (): RequestTrace | null => null,
  shutdown: () => Promise.resolve(),
};

/**
 * The tracer of these settings; null: no traces. OpenTelemetry is loaded only when it is used: it is larger than the
 * rest of the gateway.
 */
export async function createTracer(settings: TracingSettings | null, ports: TracerPorts): Promise<ClosableTracer> {
  if (settings === null) return noTracer;
  const { OtelTracer } = await import('./otel-tracer.ts');
  return new OtelTracer(settings, ports);
}
