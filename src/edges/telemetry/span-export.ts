import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type Span,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';

import type { Counter, Logger, Metrics } from '../../gateway/ports.ts';
import type { TracingSettings } from './tracer.ts';

const QUEUE_MAX = 2048;
/** Writing a batch as JSON holds up the event loop; small batches do so for about a millisecond. */
const BATCH_MAX = 128;
const DELAY_MS = 2000;
const TIMEOUT_MS = 5000;
/** A collector that is away is logged this seldom. */
const WARN_EVERY_MS = 60_000;

type ExportArguments = Parameters<SpanExporter['export']>;

/**
 * The way of spans to the collector: a bounded queue, batches, a time limit. What the collector does not take or the
 * queue cannot hold is counted and let go.
 */
export class SpanQueue implements SpanProcessor {
  readonly #inner: BatchSpanProcessor;
  readonly #dropped: Counter;
  #queued = 0;

  constructor(settings: TracingSettings, logger: Logger, metrics: Metrics, now: () => number) {
    this.#dropped = metrics.counter('makas_trace_spans_total', 'dropped');
    const exporter = new CountingExporter(settings, logger, metrics, now, (count) => {
      this.#queued -= count;
    });
    this.#inner = new BatchSpanProcessor({
      exporter,
      maxQueueSize: QUEUE_MAX,
      maxExportBatchSize: BATCH_MAX,
      scheduledDelayMillis: settings.delayMs ?? DELAY_MS,
      exportTimeoutMillis: 2 * (settings.timeoutMs ?? TIMEOUT_MS),
    });
  }

  onStart(span: Span, context: Parameters<SpanProcessor['onStart']>[1]): void {
    this.#inner.onStart(span, context);
  }

  onEnd(span: ReadableSpan): void {
    // The queue inside drops silently at this same length.
    if (this.#queued >= QUEUE_MAX) return this.#dropped.inc();
    this.#queued++;
    this.#inner.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.#inner.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#inner.shutdown();
  }
}

class CountingExporter implements SpanExporter {
  readonly #inner: OTLPTraceExporter;
  readonly #logger: Logger;
  readonly #exported: Counter;
  readonly #failed: Counter;
  readonly #now: () => number;
  readonly #onTaken: (count: number) => void;
  #warnedMs = -Infinity;

  constructor(
    settings: TracingSettings,
    logger: Logger,
    metrics: Metrics,
    now: () => number,
    onTaken: (count: number) => void,
  ) {
    this.#inner = new OTLPTraceExporter({
      url: settings.endpoint,
      headers: { ...settings.headers },
      timeoutMillis: settings.timeoutMs ?? TIMEOUT_MS,
      concurrencyLimit: 4,
    });
    this.#logger = logger;
    this.#exported = metrics.counter('makas_trace_spans_total', 'exported');
    this.#failed = metrics.counter('makas_trace_spans_total', 'failed');
    this.#now = now;
    this.#onTaken = onTaken;
  }

  export(spans: ExportArguments[0], done: ExportArguments[1]): void {
    this.#onTaken(spans.length);
    this.#inner.export(spans, (result) => {
      if (result.error === undefined) this.#exported.inc(spans.length);
      else this.#fail(spans.length, result.error);
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#inner.shutdown();
  }

  #fail(count: number, error: Error): void {
    this.#failed.inc(count);
    const now = this.#now();
    if (now - this.#warnedMs < WARN_EVERY_MS) return;
    this.#warnedMs = now;
    this.#logger.warn({ error: error.message }, 'the trace collector does not take spans; they are let go');
  }
}
