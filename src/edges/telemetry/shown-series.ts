import type { MetricEntry } from '../../gateway/metric-names.ts';
import type { SlotValues } from './series.ts';

/** How the values that several threads have for one gauge become one. */
export type Across = NonNullable<MetricEntry['across']> | 'sum';

interface Place {
  readonly store: SlotValues;
  readonly slot: number;
}

/** One label set as a scrape shows it: what every thread has for it, and what those had that ended. */
export class ShownSeries {
  /** One object for the life of the series: prom-client remembers its text by it. */
  readonly labels: Readonly<Record<string, string>>;
  readonly #across: Across;
  #places: Place[] = [];
  /** What ended threads had counted; null for gauges, whose values end with their thread. */
  readonly #ended: Float64Array | null;

  /** `slots`: numbers of the series; 0 for a gauge, which has one that no thread leaves behind. */
  constructor(labels: Readonly<Record<string, string>>, across: Across, slots: number) {
    this.labels = labels;
    this.#across = across;
    this.#ended = slots === 0 ? null : new Float64Array(slots);
  }

  add(store: SlotValues, slot: number): void {
    this.#places.push({ store, slot });
  }

  /** The number at this offset when it was frozen; NaN when no thread had set it. */
  read(offset: number): number {
    if (this.#ended === null) return this.#readGauge(({ store, slot }) => store.frozen[slot]!);
    let sum = this.#ended[offset]!;
    for (const { store, slot } of this.#places) sum += store.frozen[slot + offset]!;
    return sum;
  }

  /** The value of a gauge as it is now. */
  readNow(): number {
    return this.#readGauge(({ store, slot }) => store.values[slot]!);
  }

  /** The thread of this store has ended: keeps what it counted, and lets go of its store. */
  fold(store: SlotValues): void {
    const ended = this.#ended;
    if (ended !== null) {
      for (const place of this.#places) {
        if (place.store !== store) continue;
        for (let i = 0; i < ended.length; i++) ended[i]! += store.values[place.slot + i]!;
      }
    }
    this.#places = this.#places.filter((place) => place.store !== store);
  }

  #readGauge(valueIn: (place: Place) => number): number {
    let result = Number.NaN;
    for (const place of this.#places) {
      const value = valueIn(place);
      if (Number.isNaN(value)) continue;
      if (Number.isNaN(result)) result = value;
      else if (this.#across === 'max') result = Math.max(result, value);
      else if (this.#across === 'min') result = Math.min(result, value);
      else result += value;
    }
    return result;
  }
}
