import { setImmediate as nextTurn } from 'node:timers/promises';

import { metrics as metricTable } from '../../gateway/metric-names.ts';
import type { Counter, Gauge, Histogram, Metrics } from '../../gateway/ports.ts';
import { AttachedSeries } from './attached-series.ts';
import { Exposition } from './exposition.ts';
import { Family, type Series } from './family.ts';
import { negotiate } from './negotiate.ts';
import type { Format, PromRegistry } from './prom-view.ts';
import { SharedStore, type SeriesMemory } from './series-memory.ts';
import { CounterSeries, GaugeSeries, GrowingStore, HistogramSeries, type SeriesStore } from './series.ts';
import type { ShownSeries } from './shown-series.ts';

/** Label sets are kept for ever, so that counters never go down; routes that come and go must not grow them for ever. */
export const SERIES_MAX = 20_000;
/** Series of other threads that are taken in before other work gets its turn. */
const ABSORBED_PER_TURN = 64;

export interface PromMetricsOptions {
  readonly maxSeries?: number;
  /** Told once for each metric whose further label sets go into `other`. */
  readonly onOverflow?: (name: string) => void;
  /** Counts into this memory, so that another thread can show it. */
  readonly memory?: SeriesMemory;
}

export interface Scrape {
  readonly contentType: string;
  /** What is sent. */
  readonly bytes: Buffer;
  /** The same as text, for those who read it here. */
  readonly body: string;
}

/**
 * The metrics of this thread, and of those that are attached. Handles are cheap to use and made once for a label set;
 * prom-client writes them at scrape.
 */
export class PromMetrics implements Metrics {
  readonly #families = new Map<string, Family>();
  readonly #formats: Readonly<Record<Format, Exposition>>;
  readonly #maxSeries: number;
  readonly #onOverflow: (name: string) => void;
  readonly #overflowing = new Set<string>();
  readonly #scrapeHooks: (() => void)[] = [];
  readonly #store: SeriesStore;
  readonly #attached = new Set<AttachedSeries>();
  /** Threads that end during a scrape are folded after it: it goes on with what it began with. */
  readonly #afterScrape: (() => void)[] = [];
  readonly #scrapes: Partial<Record<Format, Promise<Buffer>>> = {};
  #lastScrape: Promise<unknown> = Promise.resolve();
  #isScraping = false;
  readonly #overflow: Counter;
  #beforeScrape: () => Promise<void> = () => Promise.resolve();
  #shownCount = 0;

  constructor({ maxSeries = SERIES_MAX, onOverflow = () => {}, memory }: PromMetricsOptions = {}) {
    this.#maxSeries = maxSeries;
    this.#onOverflow = onOverflow;
    const store = memory === undefined ? new GrowingStore() : new SharedStore(memory);
    this.#store = store;
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

  /** What a gauge is now, over all threads; NaN: not set. */
  gaugeNow(name: string, ...labels: string[]): number {
    return this.#family(name).findShown(labels)?.readNow() ?? Number.NaN;
  }

  /** Called at the beginning of each scrape, to set what is only known when asked for. */
  onScrape(hook: () => void): void {
    this.#scrapeHooks.push(hook);
  }

  /** Awaited before each scrape; it must not reject, and its wait is bounded. */
  beforeScrape(wait: () => Promise<void>): void {
    this.#beforeScrape = wait;
  }

  /** Shows what another thread counts into this memory, until it is folded. */
  attach(memory: SeriesMemory): AttachedSeries {
    const attached = new AttachedSeries(memory, (name, labels) => this.#show(name, labels));
    this.#attached.add(attached);
    return attached;
  }

  /**
   * The thread of these series has ended: what it counted is kept, its gauges go. `onFolded` may correct what the thread
   * could not; no scrape shows the one without the other.
   */
  fold(attached: AttachedSeries, onFolded: () => void = () => {}): void {
    if (!this.#attached.delete(attached)) return;
    const work = (): void => {
      attached.fold();
      onFolded();
    };
    if (this.#isScraping) this.#afterScrape.push(work);
    else work();
  }

  /** prom-client's registry with the values of the last scrape, for those who want them in another way. */
  registry(format: Format = 'text'): PromRegistry {
    return this.#formats[format].registry;
  }

  /** What a scraper gets who sent this `Accept` header. Scrapes at the same time share one rendering. */
  async render(accept?: string): Promise<Scrape> {
    const format = negotiate(accept);
    this.#scrapes[format] ??= this.#scrape(format).finally(() => delete this.#scrapes[format]);
    const bytes = await this.#scrapes[format];
    return {
      contentType: this.#formats[format].registry.contentType,
      bytes,
      get body() {
        return bytes.toString();
      },
    };
  }

  /** Sets what is only known when asked for, and freezes all numbers of this thread. */
  collect(): void {
    for (const family of this.#families.values()) family.clearScraped();
    for (const hook of this.#scrapeHooks) hook();
    this.#store.freeze();
  }

  /** One after the other: all numbers of a scrape are of one moment, for each thread. */
  #scrape(format: Format): Promise<Buffer> {
    const scrape = this.#lastScrape.then(async () => {
      this.#isScraping = true;
      try {
        await this.#beforeScrape();
        for (const attached of this.#attached) while (attached.absorb(ABSORBED_PER_TURN)) await nextTurn();
        this.collect();
        return await this.#formats[format].render();
      } finally {
        this.#isScraping = false;
        for (const work of this.#afterScrape.splice(0)) work();
      }
    });
    this.#lastScrape = scrape.catch(() => {});
    return scrape;
  }

  #family(name: string): Family {
    const family = this.#families.get(name);
    if (family === undefined) throw new TypeError(`unknown metric ${name}: it is not in gateway/metric-names.ts`);
    return family;
  }

  #series(name: string, values: readonly string[]): Series {
    const family = this.#family(name);
    const { labels } = family.entry;
    if (values.length !== labels.length) {
      throw new TypeError(`${name} has the labels (${labels.join(', ')}), not ${values.length} of them`);
    }
    const known = family.find(values);
    if (known !== undefined) return known;
    const isShown = family.findShown(values) !== undefined;
    if (!isShown && !this.#hasRoomFor(family)) return this.#otherSeries(family);
    const added = family.add(values);
    if (added === null) return this.#otherSeries(family);
    if (!isShown) this.#shownCount++;
    return added;
  }

  /** What shows a series of another thread. The limit holds for the label sets of all threads together. */
  #show(name: string, labels: readonly string[]): ShownSeries | null {
    const family = this.#family(name);
    // A thread's own view of something that this thread knows best.
    if (family.entry.across === 'main') return null;
    const known = family.findShown(labels);
    if (known !== undefined) return known;
    if (this.#hasRoomFor(family)) {
      this.#shownCount++;
      return family.show(labels);
    }
    this.#tellOverflow(family);
    if (family.entry.kind === 'gauge') return null;
    const others = labels.map(() => 'other');
    return family.findShown(others) ?? family.show(others);
  }

  #hasRoomFor({ entry }: Family): boolean {
    return this.#shownCount < this.#maxSeries || entry.labels.length === 0;
  }

  #otherSeries(family: Family): Series {
    this.#tellOverflow(family);
    // A gauge of unlike things would say nothing.
    if (family.entry.kind === 'gauge') return family.hidden;
    const values = family.entry.labels.map(() => 'other');
    return family.find(values) ?? family.add(values) ?? family.hidden;
  }

  #tellOverflow(family: Family): void {
    this.#overflow.inc();
    if (this.#overflowing.has(family.name)) return;
    this.#overflowing.add(family.name);
    this.#onOverflow(family.name);
  }
}
