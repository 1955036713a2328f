import type { SeriesStore, SlotValues } from './series.ts';

/**
 * Memory that a worker counts into and another thread reads at any moment, also after the worker died. `values` has the
 * numbers, `frozen` a copy of them that the worker made between two pieces of its work. `directory` says what each slot means: its first four bytes hold how
 * many of the bytes after them are valid, which are records of a length (four bytes) and a JSON text.
 */
export interface SeriesMemory {
  readonly values: SharedArrayBuffer;
  readonly frozen: SharedArrayBuffer;
  readonly directory: SharedArrayBuffer;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly labels: readonly string[];
  readonly slot: number;
}

/** More than the largest histogram has. */
const SLOTS_PER_SERIES = 32;
const DIRECTORY_BYTES = 4 * 2 ** 20;
/** Kept for the label sets `other`, which come when all the rest is full. */
const RESERVED_BYTES = 64 * 1024;
const LENGTH_BYTES = 4;

/** Memory for this many series. The system gives pages only for what is written. */
export function createSeriesMemory(maxSeries: number, directoryBytes = DIRECTORY_BYTES): SeriesMemory {
  const bytes = maxSeries * SLOTS_PER_SERIES * Float64Array.BYTES_PER_ELEMENT + RESERVED_BYTES;
  return {
    values: new SharedArrayBuffer(bytes),
    frozen: new SharedArrayBuffer(bytes),
    directory: new SharedArrayBuffer(directoryBytes + RESERVED_BYTES),
  };
}

/** The worker's side. */
export class SharedStore implements SeriesStore {
  readonly values: Float64Array;
  readonly frozen: Float64Array;
  readonly #valid: Int32Array;
  readonly #records: Buffer;
  #used = 0;
  #recordBytes = 0;

  constructor({ values, frozen, directory }: SeriesMemory) {
    this.values = new Float64Array(values);
    this.frozen = new Float64Array(frozen);
    this.#valid = new Int32Array(directory, 0, 1);
    this.#records = Buffer.from(directory, LENGTH_BYTES);
  }

  freeze(): void {
    this.frozen.set(this.values.subarray(0, this.#used));
  }

  /** The slots are in the directory before anything can be counted into them. */
  allocate(slots: number, initial: number, name: string, labels: readonly string[]): number | null {
    const slot = this.#used;
    const record = Buffer.from(JSON.stringify([name, slot, ...labels]));
    const end = this.#recordBytes + LENGTH_BYTES + record.length;
    const isOther = labels.every((label) => label === 'other');
    if (end > this.#records.length - (isOther ? 0 : RESERVED_BYTES) || slot + slots > this.values.length) return null;
    this.values.fill(initial, slot, slot + slots);
    this.frozen.fill(initial, slot, slot + slots);
    this.#records.writeUInt32LE(record.length, this.#recordBytes);
    record.copy(this.#records, this.#recordBytes + LENGTH_BYTES);
    Atomics.store(this.#valid, 0, end);
    this.#used += slots;
    this.#recordBytes = end;
    return slot;
  }
}

/** The reader's side. */
export class SharedSeries implements SlotValues {
  readonly values: Float64Array;
  readonly frozen: Float64Array;
  readonly #valid: Int32Array;
  readonly #records: Buffer;
  #readBytes = 0;

  constructor({ values, frozen, directory }: SeriesMemory) {
    this.values = new Float64Array(values);
    this.frozen = new Float64Array(frozen);
    this.#valid = new Int32Array(directory, 0, 1);
    this.#records = Buffer.from(directory, LENGTH_BYTES);
  }

  /** The next series of the directory, at most `limit`; none: all were read. */
  next(limit: number): DirectoryEntry[] {
    const valid = Atomics.load(this.#valid, 0);
    const entries: DirectoryEntry[] = [];
    while (this.#readBytes < valid && entries.length < limit) {
      const start = this.#readBytes + LENGTH_BYTES;
      this.#readBytes = start + this.#records.readUInt32LE(this.#readBytes);
      const record: [string, number, ...string[]] = JSON.parse(this.#records.toString('utf8', start, this.#readBytes));
      const [name, slot, ...labels] = record;
      entries.push({ name, labels, slot });
    }
    return entries;
  }
}
