import type { MetricEntry } from '../../gateway/metric-names.ts';
import { CounterSeries, GaugeSeries, GrowingStore, HistogramSeries, type SeriesStore } from './series.ts';
import { ShownSeries } from './shown-series.ts';

export type Series = CounterSeries | GaugeSeries | HistogramSeries;

/** One metric: the series that this thread counts into, and what is shown, which may be more. */
export class Family {
  readonly name: string;
  readonly entry: MetricEntry;
  readonly bounds: Float64Array;
  /** In the order in which they were made. */
  readonly shown: ShownSeries[] = [];
  readonly #own = new Map<string, Series>();
  readonly #shownByLabels = new Map<string, ShownSeries>();
  readonly #store: SeriesStore;
  #hidden: Series | null = null;

  constructor(name: string, entry: MetricEntry, store: SeriesStore) {
    this.name = name;
    this.entry = entry;
    this.bounds = Float64Array.from(entry.buckets ?? []);
    this.#store = store;
  }

  find(values: readonly string[]): Series | undefined {
    return this.#own.get(JSON.stringify(values));
  }

  findShown(values: readonly string[]): ShownSeries | undefined {
    return this.#shownByLabels.get(JSON.stringify(values));
  }

  /** A series of this thread, shown; null: there is no room. */
  add(values: readonly string[]): Series | null {
    const slot = this.#store.allocate(this.#slots, this.#initial, this.name, values);
    if (slot === null) return null;
    const series = this.#make(this.#store, slot);
    this.#own.set(JSON.stringify(values), series);
    (this.findShown(values) ?? this.show(values)).add(this.#store, slot);
    return series;
  }

  /** Shows a label set; its values are still to be added. */
  show(values: readonly string[]): ShownSeries {
    const { labels: names, kind, across = 'sum' } = this.entry;
    const labels = Object.fromEntries(names.map((label, i) => [label, values[i] as string]));
    const shown = new ShownSeries(labels, across, kind === 'gauge' ? 0 : this.#slots);
    this.#shownByLabels.set(JSON.stringify(values), shown);
    this.shown.push(shown);
    return shown;
  }

  /** A series of its kind that is never shown. */
  get hidden(): Series {
    if (this.#hidden === null) {
      const store = new GrowingStore();
      this.#hidden = this.#make(store, store.allocate(this.#slots, this.#initial));
    }
    return this.#hidden;
  }

  get #slots(): number {
    return this.entry.kind === 'histogram' ? this.bounds.length + 2 : 1;
  }

  get #initial(): number {
    return this.entry.isScraped === true ? Number.NaN : 0;
  }

  #make(store: SeriesStore, slot: number): Series {
    const { kind } = this.entry;
    if (kind === 'counter') return new CounterSeries(store, slot);
    if (kind === 'gauge') return new GaugeSeries(store, slot);
    return new HistogramSeries(store, slot, this.bounds);
  }

  /** Forgets what this thread set for the last scrape, when the metric shows only what is there now. */
  clearScraped(): void {
    if (this.entry.isScraped !== true) return;
    for (const series of this.#own.values()) if (series instanceof GaugeSeries) series.set(Number.NaN);
  }
}
