import { Gauge, type OpenMetricsContentType, type Registry } from 'prom-client';

import type { Family } from './family.ts';
import type { ShownSeries } from './shown-series.ts';

export type Format = 'text' | 'openmetrics';
export type PromRegistry = Registry | Registry<OpenMetricsContentType>;

type Collected = Awaited<ReturnType<Gauge['get']>>;

interface Sample {
  value: number;
  labels: Record<string, string>;
  /** prom-client turns an object that it has seen here into text only once. */
  sharedLabels: Readonly<Record<string, string>>;
  metricName?: string;
}

/**
 * A family as prom-client sees it: it asks for the values at scrape and writes them. Whatever its kind, the view is a
 * subclass of prom-client's gauge, which has the least state of its own.
 */
export class PromView extends Gauge {
  readonly #family: Family;
  readonly #kind: Family['entry']['kind'];
  readonly #name: string;
  readonly #bucketLabels: ReadonlyArray<Record<string, string>>;
  readonly #hasSum: boolean;
  /** Which series the next `get` gives: large families are written in parts. */
  #from = 0;
  #to = Infinity;

  constructor(family: Family, format: Format, registry: PromRegistry) {
    // OpenMetrics 1.0.0: the family of a counter is named without the `_total` of its samples.
    const name =
      format === 'openmetrics' && family.entry.kind === 'counter' ? family.name.replace(/_total$/, '') : family.name;
    super({ name, help: family.entry.help, registers: [registry] });
    this.#family = family;
    this.#kind = family.entry.kind;
    this.#name = name;
    this.#bucketLabels = [...Array.from(family.bounds, String), '+Inf'].map((le) => ({ le }));
    // OpenMetrics 1.0.0: a histogram with negative bounds has no sum, since that would not be a counter.
    this.#hasSum = format === 'text' || (family.bounds[0] ?? 0) >= 0;
  }

  get familyName(): string {
    return this.#name;
  }

  get size(): number {
    return this.#family.shown.length;
  }

  /** Most lines that one series has. */
  get linesPerSeries(): number {
    return this.#kind === 'histogram' ? this.#bucketLabels.length + 2 : 1;
  }

  limit(from: number, to: number): void {
    this.#from = from;
    this.#to = to;
  }

  override async get(): Promise<Collected> {
    const collected = await super.get();
    const values: Sample[] = [];
    for (const series of this.#family.shown.slice(this.#from, this.#to)) this.#addSamples(series, values);
    // prom-client's types say that the kind is a number; its code has it as text.
    return { ...collected, type: this.#kind as unknown as Collected['type'], values };
  }

  #addSamples(series: ShownSeries, samples: Sample[]): void {
    const { labels } = series;
    if (this.#kind !== 'histogram') {
      const value = series.read(0);
      if (!Number.isNaN(value)) samples.push({ value, labels: {}, sharedLabels: labels });
      return;
    }
    let count = 0;
    this.#bucketLabels.forEach((le, bucket) => {
      count += series.read(bucket);
      samples.push({ value: count, labels: le, sharedLabels: labels, metricName: `${this.#name}_bucket` });
    });
    if (!this.#hasSum) return;
    const sum = series.read(this.#bucketLabels.length);
    samples.push({ value: sum, labels: {}, sharedLabels: labels, metricName: `${this.#name}_sum` });
    samples.push({ value: count, labels: {}, sharedLabels: labels, metricName: `${this.#name}_count` });
  }
}
