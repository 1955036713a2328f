import type { Counter, Gauge, Histogram } from '../../gateway/ports.ts';

/** Where numbers are. The arrays are renewed when they grow, so they are read anew for each access. */
export interface SlotValues {
  readonly values: Float64Array;
  /** As they were at the last `freeze`: what is shown, so that all numbers of a scrape are of one moment. */
  readonly frozen: Float64Array;
}

/** Where series get their slots from. */
export interface SeriesStore extends SlotValues {
  freeze(): void;
  /** Slots for one series, all `initial`; returns the first, null: there is no room. */
  allocate(slots: number, initial: number, name: string, labels: readonly string[]): number | null;
}

/**
 * Where the numbers of all metrics are: one array, so that counting is one addition and allocates nothing. It grows
 * when a series is made, which happens at load or at the first use of a label set.
 */
export class GrowingStore implements SeriesStore {
  values = new Float64Array(4096);
  frozen = new Float64Array(4096);
  #used = 0;

  freeze(): void {
    this.frozen.set(this.values.subarray(0, this.#used));
  }

  allocate(slots: number, initial: number): number {
    const first = this.#used;
    this.#used += slots;
    this.values = withRoom(this.values, this.#used);
    this.frozen = withRoom(this.frozen, this.#used);
    this.values.fill(initial, first, this.#used);
    this.frozen.fill(initial, first, this.#used);
    return first;
  }
}

function withRoom(values: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  if (length <= values.length) return values;
  const larger = new Float64Array(Math.max(length, values.length * 2));
  larger.set(values);
  return larger;
}

/** Never goes down: other steps than positive ones are left out. */
export class CounterSeries implements Counter {
  readonly #store: SlotValues;
  readonly #slot: number;

  constructor(store: SlotValues, slot: number) {
    this.#store = store;
    this.#slot = slot;
  }

  inc(by = 1): void {
    if (by > 0) this.#store.values[this.#slot]! += by;
  }
}

/** NaN stands for "not set": such a series is not shown. */
export class GaugeSeries implements Gauge {
  readonly #store: SlotValues;
  readonly #slot: number;

  constructor(store: SlotValues, slot: number) {
    this.#store = store;
    this.#slot = slot;
  }

  set(value: number): void {
    this.#store.values[this.#slot] = value;
  }

  inc(by = 1): void {
    const value = this.#store.values[this.#slot]!;
    this.#store.values[this.#slot] = Number.isNaN(value) ? by : value + by;
  }
}

/** Slots: one count for each bound, one for what is above all, then the sum. */
export class HistogramSeries implements Histogram {
  readonly #store: SlotValues;
  readonly #bounds: Float64Array;
  readonly #slot: number;

  constructor(store: SlotValues, slot: number, bounds: Float64Array) {
    this.#store = store;
    this.#slot = slot;
    this.#bounds = bounds;
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
}
