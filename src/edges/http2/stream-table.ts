/** What can be in one table at a time. */
export interface Tabled<T> {
  readonly id: number;
  /** The table's own. */
  nextInTable: T | null;
}

const SLOTS_MIN = 64;

/**
 * The streams of a connection by their numbers, linked through themselves. Not a Map: that makes a new table for every few
 * members that come and go, and each of the old tables keeps those that have gone, and the next table, alive until the
 * next full collection, which made young collections fifty times as long.
 */
export class StreamTable<T extends Tabled<T>> {
  #slots: (T | null)[] = emptySlots(SLOTS_MIN);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): T | undefined {
    let found = this.#slots[slotOf(id, this.#slots.length)] ?? null;
    while (found !== null && found.id !== id) found = found.nextInTable;
    return found ?? undefined;
  }

  /** Adds one whose number is not in the table. */
  add(stream: T): void {
    if (this.#size === this.#slots.length) this.#grow();
    this.#size++;
    this.#link(stream);
  }

  /** Takes one out; harmless when it is not in the table. */
  delete(stream: T): void {
    const slot = slotOf(stream.id, this.#slots.length);
    let before: T | null = null;
    let found = this.#slots[slot] ?? null;
    while (found !== null && found !== stream) {
      before = found;
      found = found.nextInTable;
    }
    if (found === null) return;
    if (before === null) this.#slots[slot] = stream.nextInTable;
    else before.nextInTable = stream.nextInTable;
    stream.nextInTable = null;
    this.#size--;
  }

  /** Those that are in the table now, whatever becomes of it, in no particular order. */
  all(): T[] {
    const all: T[] = [];
    for (const first of this.#slots)
      for (let stream = first; stream !== null; stream = stream.nextInTable) all.push(stream);
    return all;
  }

  clear(): void {
    for (const stream of this.all()) this.delete(stream);
  }

  #grow(): void {
    const all = this.all();
    this.#slots.fill(null);
    this.#slots = emptySlots(2 * this.#slots.length);
    for (const stream of all) this.#link(stream);
  }

  #link(stream: T): void {
    const slot = slotOf(stream.id, this.#slots.length);
    stream.nextInTable = this.#slots[slot] ?? null;
    this.#slots[slot] = stream;
  }
}

/** The numbers of a connection are all odd. */
function slotOf(id: number, slots: number): number {
  return (id >> 1) & (slots - 1);
}

function emptySlots<T>(count: number): (T | null)[] {
  return Array.from({ length: count }, () => null);
}
