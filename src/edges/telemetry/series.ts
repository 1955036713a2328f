import type { Counter, Gauge, Histogram } from '../../gateway/ports.ts';

/**
 * Where the numbers of all metrics are: one array, so that counting is one addition and allocates nothing. It grows
 * when a series is made, which happens at load or at the first use of a label set.
 */
export class SeriesStore {
  values = new Float64Array(4096);
  #used = 0;

  /** Slots for one series, all `initial`; returns the first. */
  allocate(slots: number, initial: number): number {
    const first = this.#used;
    this.#used += slots;
    if (this.#used > this.values.length) {
      const larger = new Float64Array(Math.max(this.#used, this.values.length * 2));
      larger.set(this.values);
      this.values = larger;
    }
    this.values.fill(initial, first, this.#used);
    return first;
  }
}

/** Never goes down: other steps than positive ones are left out. */
export class CounterSeries implements Counter {
  readonly #store: SeriesStore;
  readonly #slot: number;

  constructor(store: SeriesStore) {
    this.#store = store;
    this.#slot = store.allocate(1, 0);
  }

  inc(by = 1): void {
    if (by > 0) this.#store.values[this.#slot]! += by;
  }

  get value(): number {
    return this.#store.values[this.#slot]!;
  }
}

/** NaN stands for "not set": such a series is not shown. */
export class GaugeSeries implements Gauge {
  readonly #store: SeriesStore;
  readonly #slot: number;

  constructor(store: SeriesStore, initial: number) {
    this.#store = store;
    this.#slot = store.allocate(1, initial);
  }

  set(value: number): void {
    this.#store.values[this.#slot] = value;
  }

  inc(by = 1): void {
    const { value } = this;
    this.#store.values[this.#slot] = Number.isNaN(value) ? by : value + by;
  }

  get value(): number {
    return this.#store.values[this.#slot]!;
  }
}

/** Slots: one count for each bound, one for what is above all, then the sum. */
export class HistogramSeries implements Histogram {
  readonly #store: SeriesStore;
  readonly #bounds: Float64Array;
  readonly #slot: number;

  constructor(store: SeriesStore, bounds: Float64Array) {
    this.#store = store;
    this.#bounds = bounds;
    this.#slot = store.allocate(bounds.length + 2, 0);
  }

  observe(value: number): void {
    if (Number.isNaN(value)) return;
    const bounds = this.#bounds;
    const { length } = bounds;
    let bucket = 0;
    while (bucket < length && value > bounds[bucket]!) bucket++;
    const { values } = this.#store;
    values[this.#slot + bucket]! += 1;
    values[this.#slot + length + 1]! += value;
  }

  /** How many values fell into the bucket, 0 to the number of bounds, and not below it. */
  countOf(bucket: number): number {
    return this.#store.values[this.#slot + bucket]!;
  }

  get sum(): number {
    return this.#store.values[this.#slot + this.#bounds.length + 1]!;
  }
}
