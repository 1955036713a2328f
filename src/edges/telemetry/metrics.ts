import { metrics as metricTable } from '../../gateway/metric-names.ts';
import type { Counter, Gauge, Histogram, Metrics } from '../../gateway/ports.ts';
import { Family, type Series } from './family.ts';
import { Exposition } from './exposition.ts';
import type { Format, PromRegistry } from './prom-view.ts';
import { CounterSeries, GaugeSeries, HistogramSeries, SeriesStore } from './series.ts';

/** Label sets are kept for ever, so that counters never go down; routes that come and go must not grow them for ever. */
const SERIES_MAX = 20_000;

export interface PromMetricsOptions {
  readonly maxSeries?: number;
  /** Told once for each metric whose further label sets go into `other`. */
  readonly onOverflow?: (name: string) => void;
}

export interface Scrape {
  readonly contentType: string;
  readonly body: string;
}

/**
 * The metrics of the process. Handles are cheap to use and made once for a label set; prom-client writes them at
 * scrape.
 */
export class PromMetrics implements Metrics {
  readonly #families = new Map<string, Family>();
  readonly #formats: Readonly<Record<Format, Exposition>>;
  readonly #maxSeries: number;
  readonly #onOverflow: (name: string) => void;
  readonly #overflowing = new Set<string>();
  readonly #scrapeHooks: (() => void)[] = [];
  readonly #overflow: Counter;
  #seriesCount = 0;

  constructor({ maxSeries = SERIES_MAX, onOverflow = () => {} }: PromMetricsOptions = {}) {
    this.#maxSeries = maxSeries;
    this.#onOverflow = onOverflow;
    const store = new SeriesStore();
    for (const [name, entry] of Object.entries(metricTable)) this.#families.set(name, new Family(name, entry, store));
    const families = [...this.#families.values()];
    this.#formats = { text: new Exposition('text', families), openmetrics: new Exposition('openmetrics', families) };
    // A counter without labels is there from the beginning, so that its first step is seen as one.
    for (const { name, entry } of families)
      if (entry.kind === 'counter' && entry.labels.length === 0) this.counter(name);
    this.#overflow = this.counter('makas_metrics_overflow_total');
  }

  counter(name: string, ...labels: string[]): Counter {
    const series = this.#series(name, labels);
    if (series instanceof CounterSeries) return series;
    throw new TypeError(`${name} is not a counter`);
  }

  gauge(name: string, ...labels: string[]): Gauge {
    const series = this.#series(name, labels);
    if (series instanceof GaugeSeries) return series;
    throw new TypeError(`${name} is not a gauge`);
  }

  histogram(name: string, ...labels: string[]): Histogram {
    const series = this.#series(name, labels);
    if (series instanceof HistogramSeries) return series;
    throw new TypeError(`${name} is not a histogram`);
  }

  /** Called at the beginning of each scrape, to set what is only known when asked for. */
  onScrape(hook: () => void): void {
    this.#scrapeHooks.push(hook);
  }

  /** prom-client's registry, for those who want the values in another way. */
  registry(format: Format = 'text'): PromRegistry {
    return this.#formats[format].registry;
  }

  /** What a scraper gets who sent this `Accept` header. Scrapes at the same time share one rendering. */
  async render(accept?: string): Promise<Scrape> {
    const exposition = this.#formats[negotiate(accept)];
    const body = await exposition.render(() => this.#collect());
    return { contentType: exposition.registry.contentType, body };
  }

  #collect(): void {
    for (const family of this.#families.values()) family.clearScraped();
    for (const hook of this.#scrapeHooks) hook();
  }

  #series(name: string, values: readonly string[]): Series {
    const family = this.#families.get(name);
    if (family === undefined) throw new TypeError(`unknown metric ${name}: it is not in gateway/metric-names.ts`);
    const { labels } = family.entry;
    if (values.length !== labels.length) {
      throw new TypeError(`${name} has the labels (${labels.join(', ')}), not ${values.length} of them`);
    }
    const known = family.find(values);
    if (known !== undefined) return known;
    if (this.#seriesCount >= this.#maxSeries && labels.length > 0) return this.#other(family);
    this.#seriesCount++;
    return family.add(values);
  }

  #other(family: Family): Series {
    if (!this.#overflowing.has(family.name)) {
      this.#overflowing.add(family.name);
      this.#onOverflow(family.name);
    }
    this.#overflow.inc();
    // A gauge of unlike things would say nothing.
    if (family.entry.kind === 'gauge') return family.hidden;
    const values = family.entry.labels.map(() => 'other');
    return family.find(values) ?? family.add(values);
  }
}

/** OpenMetrics for those who ask for it and do not rather have the plain text format. */
export function negotiate(accept: string | undefined): Format {
  let text = 0;
  let openMetrics = 0;
  for (const range of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const q = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
    if (type === 'application/openmetrics-text') openMetrics = Math.max(openMetrics, q);
    else if (type === 'text/plain') text = Math.max(text, q);
  }
  return openMetrics > text ? 'openmetrics' : 'text';
}
