import { SharedSeries, type SeriesMemory } from './series-memory.ts';
import type { ShownSeries } from './shown-series.ts';

/** Finds what shows a label set; null: it is not shown. */
export type Show = (name: string, labels: readonly string[]) => ShownSeries | null;

/** The series of another thread among those that are shown. */
export class AttachedSeries {
  readonly #series: SharedSeries;
  readonly #show: Show;
  readonly #shown = new Set<ShownSeries>();
  readonly #slotsOf = new Map<string, number[]>();

  constructor(memory: SeriesMemory, show: Show) {
    this.#series = new SharedSeries(memory);
    this.#show = show;
  }

  /** Takes in at most `limit` series that the thread has made since; false: there were fewer. */
  absorb(limit: number): boolean {
    const entries = this.#series.next(limit);
    for (const { name, labels, slot } of entries) {
      const slots = this.#slotsOf.get(name);
      if (slots === undefined) this.#slotsOf.set(name, [slot]);
      else slots.push(slot);
      const shown = this.#show(name, labels);
      if (shown === null) continue;
      shown.add(this.#series, slot);
      this.#shown.add(shown);
    }
    return entries.length === limit;
  }

  /** Sum over all label sets of a counter or gauge in this thread alone, as it is now. */
  sumOf(name: string): number {
    this.absorb(Infinity);
    let sum = 0;
    for (const slot of this.#slotsOf.get(name) ?? []) sum += this.#series.values[slot]!;
    return sum;
  }

  /** The thread has ended: what it counted stays, its memory is let go. */
  fold(): void {
    this.absorb(Infinity);
    for (const shown of this.#shown) shown.fold(this.#series);
    this.#shown.clear();
  }
}
