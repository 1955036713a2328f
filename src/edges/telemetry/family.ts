import type { MetricEntry } from '../../gateway/metric-names.ts';
import { CounterSeries, GaugeSeries, HistogramSeries, type SeriesStore } from './series.ts';

export type Series = CounterSeries | GaugeSeries | HistogramSeries;

export interface LabelledSeries {
  /** One object for the life of the series: prom-client remembers its text by it. */
  readonly labels: Readonly<Record<string, string>>;
  readonly series: Series;
}

/** One metric with its series, in the order in which they were made. */
export class Family {
  readonly name: string;
  readonly entry: MetricEntry;
  readonly bounds: Float64Array;
  readonly all: LabelledSeries[] = [];
  readonly #byLabels = new Map<string, Series>();
  readonly #store: SeriesStore;
  #hidden: Series | null = null;

  constructor(name: string, entry: MetricEntry, store: SeriesStore) {
    this.name = name;
    this.entry = entry;
    this.bounds = Float64Array.from(entry.buckets ?? []);
    this.#store = store;
  }

  find(values: readonly string[]): Series | undefined {
    return this.#byLabels.get(JSON.stringify(values));
  }

  add(values: readonly string[]): Series {
    const series = this.#make();
    const labels = Object.fromEntries(this.entry.labels.map((label, i) => [label, values[i] as string]));
    this.#byLabels.set(JSON.stringify(values), series);
    this.all.push({ labels, series });
    return series;
  }

  /** A series of its kind that is never shown. */
  get hidden(): Series {
    this.#hidden ??= this.#make();
    return this.#hidden;
  }

  #make(): Series {
    const { kind, isScraped } = this.entry;
    if (kind === 'counter') return new CounterSeries(this.#store);
    if (kind === 'gauge') return new GaugeSeries(this.#store, isScraped === true ? Number.NaN : 0);
    return new HistogramSeries(this.#store, this.bounds);
  }

  /** Forgets what the last scrape set, when the metric shows only what is there now. */
  clearScraped(): void {
    if (this.entry.isScraped !== true) return;
    for (const { series } of this.all) if (series instanceof GaugeSeries) series.set(Number.NaN);
  }
}
