import { LRUCache } from 'lru-cache';

import type { EntityValues } from './ports.ts';

/** Entities kept for `onError: lastKnown` by a view that has no cache of its own. */
export const lastKnownMax = 100_000;

/** Entities. */
const largestTable = 1_000_000;

interface Entry {
  readonly entity: EntityValues;
  readonly atMs: number;
}

/**
 * What a view last read for each entity, the least recently used dropped first. Entries serve as a cache until their
 * time to live ends, and after that as the last known values. Absent entities are kept too, so that asking for one that
 * does not exist costs no more than for one that does. `F` is a read under way, which others may join.
 */
export class FeatureCache<F> {
  readonly flights = new Map<string, F>();
  readonly #entries: LRUCache<string, Entry>;
  /** Milliseconds; 0 keeps values as last known only. */
  readonly ttlMs: number;

  constructor(max: number, ttlMs: number) {
    // With `max` the library lays out its tables at once; a very large cache shall cost memory only as it fills.
    this.#entries = new LRUCache(max <= largestTable ? { max } : { maxSize: max, sizeCalculation: () => 1 });
    this.ttlMs = ttlMs;
  }

  /** Times are of the steady clock, milliseconds. */
  fresh(key: string, nowMs: number): EntityValues | undefined {
    if (this.ttlMs === 0) return undefined;
    const entry = this.#entries.get(key);
    return entry !== undefined && nowMs - entry.atMs < this.ttlMs ? entry.entity : undefined;
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
    if (other === undefined || other.atMs <= atMs) this.#entries.set(key, { entity, atMs });
  }

  get size(): number {
    return this.#entries.size;
  }
}
