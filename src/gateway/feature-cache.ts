import { LRUCache } from 'lru-cache';

import type { ChangeWatcher, EntityValues } from './ports.ts';

/** Entities kept for `onError: lastKnown` by a view that has no cache of its own. */
export const lastKnownMax = 100_000;

/** Entities. */
const largestTable = 1_000_000;
/** A value is read again after so long although no change was told: nothing that goes wrong unseen lasts longer. */
const trackedMs = 60_000;

/** A read under way. Marked as outdated, it serves who waits for it and is not kept. */
export interface Landing {
  isOutdated: boolean;
}

interface Entry {
  readonly entity: EntityValues;
  readonly atMs: number;
  /** Entries of an earlier era, or of none, are not fresh. */
  era: number;
}

/** Why all values were given up: the store was emptied, or it was not known for a while what changes in it. */
export type FlushReason = 'flush' | 'gap';

export interface CacheHooks {
  /** Steady clock, milliseconds. */
  readonly now: () => number;
  readonly onSize: (entities: number) => void;
  readonly onInvalidated: () => void;
  readonly onFlushed: (reason: FlushReason) => void;
  readonly onTracking: (isTracked: boolean) => void;
  readonly onRetired: () => void;
}

const noHooks: CacheHooks = {
  now: () => performance.now(),
  onSize: () => undefined,
  onInvalidated: () => undefined,
  onFlushed: () => undefined,
  onTracking: () => undefined,
  onRetired: () => undefined,
};

/**
 * What a view last read for each entity, the least recently used dropped first. Entries serve as a cache until their
 * time to live ends or the store tells of a change, and after that as the last known values. Absent entities are kept
 * too, so that asking for one that does not exist costs no more than for one that does. `F` is a read under way, which
 * others may join.
 *
 * While changes are told (`onTracked`), entries stay fresh without a time to live. When that is lost, what was read
 * before stays for one time to live, as if it had been read at the loss; when changes are told again, all is read anew.
 */
export class FeatureCache<F extends Landing> implements ChangeWatcher {
  readonly flights = new Map<string, F>();
  readonly #entries: LRUCache<string, Entry>;
  readonly #hooks: CacheHooks;
  /** Milliseconds; 0 keeps values as last known only. */
  readonly ttlMs: number;
  #era = 0;
  #isTracked = false;
  #lostMs = Number.NEGATIVE_INFINITY;

  constructor(max: number, ttlMs: number, hooks: CacheHooks = noHooks) {
    // With `max` the library lays out its tables at once; a very large cache shall cost memory only as it fills.
    this.#entries = new LRUCache(max <= largestTable ? { max } : { maxSize: max, sizeCalculation: () => 1 });
    this.ttlMs = ttlMs;
    this.#hooks = hooks;
  }

  /** Times are of the steady clock, milliseconds. */
  fresh(key: string, nowMs: number): EntityValues | undefined {
    if (this.ttlMs === 0) return undefined;
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.era !== this.#era) return undefined;
    if (this.#isTracked) return nowMs - entry.atMs < trackedMs ? entry.entity : undefined;
    return nowMs - Math.max(entry.atMs, this.#lostMs) < this.ttlMs ? entry.entity : undefined;
  }

  /** Whatever its age. */
  lastKnown(key: string): EntityValues | undefined {
    return this.#entries.get(key)?.entity;
  }

  /**
   * Keeps what a read that began at `atMs` brought, unless a later read was faster. Values that could not be read whole
   * are not kept: the good ones from before are worth more.
   */
  keep(key: string, entity: EntityValues, atMs: number): void {
    if (entity.bad.length > 0) return;
    const other = this.#entries.peek(key);
    if (other !== undefined && other.atMs > atMs) return;
    this.#entries.set(key, { entity, atMs, era: this.#era });
    if (other === undefined) this.#hooks.onSize(this.#entries.size);
  }

  get size(): number {
    return this.#entries.size;
  }

  onTracked(): void {
    this.#isTracked = true;
    this.#startEra('gap');
    this.#hooks.onTracking(true);
  }

  onLost(): void {
    if (this.#isTracked) this.#lostMs = this.#hooks.now();
    this.#isTracked = false;
    this.#outdateFlights();
    this.#hooks.onTracking(false);
  }

  onFlush(): void {
    this.#startEra('flush');
  }

  /** Its view has gone. Requests under way may still use it: without its watch it lives by its time to live. */
  retire(): void {
    this.onLost();
    this.#hooks.onRetired();
  }

  /** A read under way may have been made before the change, whatever the order in which the store says it. */
  onChange(key: string): void {
    const flight = this.flights.get(key);
    if (flight !== undefined) {
      flight.isOutdated = true;
      this.flights.delete(key);
    }
    const entry = this.#entries.peek(key);
    if (entry === undefined || entry.era !== this.#era) return;
    entry.era = -1;
    this.#hooks.onInvalidated();
  }

  #startEra(reason: FlushReason): void {
    this.#era++;
    this.#outdateFlights();
    this.#hooks.onFlushed(reason);
  }

  #outdateFlights(): void {
    for (const flight of this.flights.values()) flight.isOutdated = true;
    this.flights.clear();
  }
}
