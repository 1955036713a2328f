import type { EntityKeys } from './entity-keys.ts';
import type { FeatureHealth } from './feature-health.ts';
import type { ViewPlan } from './feature-plan.ts';
import { type Flight, StoreRead } from './feature-read.ts';
import type { Clock, EntityValues, OnlineStore } from './ports.ts';

/** What was fetched for one view: an entity for each key; null where the store failed or was too slow. */
export interface ViewFetch {
  readonly plan: ViewPlan;
  readonly keys: EntityKeys;
  readonly entities: readonly (EntityValues | null)[];
  /** Entities that came from the cache. */
  readonly cached: number;
  readonly error: 'timeout' | 'store' | null;
}

/** Which entities a request needs: `isNeeded[key]` false leaves one out, null stands for all. */
export interface ViewNeed {
  readonly plan: ViewPlan;
  readonly keys: EntityKeys;
  readonly isNeeded: readonly boolean[] | null;
}

export interface FetchPorts {
  readonly storeOf: (plan: ViewPlan) => OnlineStore;
  readonly clock: Clock;
  readonly health: FeatureHealth;
}

class Fetched implements ViewFetch {
  readonly plan: ViewPlan;
  readonly keys: EntityKeys;
  readonly entities: (EntityValues | null)[] = [];
  cached = 0;
  error: 'timeout' | 'store' | null = null;
  /** What is still awaited: flights, and the entities that they bring. */
  flights: Flight[] = [];
  readonly wanted: number[] = [];

  constructor(plan: ViewPlan, keys: EntityKeys) {
    this.plan = plan;
    this.keys = keys;
  }

  get isOpen(): boolean {
    return this.flights.length > 0;
  }

  /** Takes what has come. `isLast`: what has not come by now is given up. Returns whether nothing is awaited any more. */
  take(isLast: boolean): boolean {
    if (!isLast && !this.flights.every((flight) => flight.read.isDone)) return false;
    for (let i = 0; i < this.flights.length; i++) {
      const { read, position, row } = this.flights[i]!;
      const entity = read.entityAt(position, row);
      this.entities[this.wanted[i]!] = entity;
      if (entity !== null) continue;
      this.error = read.isDone ? (this.error ?? 'store') : 'timeout';
      if (!read.isDone) this.#leave(this.flights[i]!, this.wanted[i]!);
    }
    this.flights = [];
    return true;
  }

  /** Nobody joins a read that is overdue: it may never end, and the store may be well again. */
  #leave(flight: Flight, at: number): void {
    const flights = this.plan.cache?.flights;
    const key = this.keys.keys[at] ?? '';
    if (flights?.get(key) === flight) flights.delete(key);
  }
}

/**
 * The features of one request: from the caches, from reads of other requests that are under way, and from one read of
 * each store for all views and entities that remain. It is over when everything has come or the time of every view is
 * up, whatever the stores do.
 */
export class FeatureFetch {
  readonly views: readonly Fetched[];
  readonly #ports: FetchPorts;
  readonly #startMs: number;
  #timer: NodeJS.Timeout | null = null;
  #resolve: (() => void) | null = null;

  constructor(needs: readonly ViewNeed[], ports: FetchPorts) {
    this.#ports = ports;
    this.#startMs = ports.clock.steady();
    const reads = new Map<OnlineStore, StoreRead>();
    this.views = needs.map((need) => this.#begin(need, reads));
    for (const [store, read] of reads) read.send(store);
    this.#takeAll(false);
  }

  get isDone(): boolean {
    return !this.views.some((view) => view.isOpen);
  }

  /** Resolves when `isDone`; to be called once, and only when it is not. */
  wait(): Promise<void> {
    for (const view of this.views) for (const { read } of view.flights) if (!read.isDone) read.join(this);
    this.#arm();
    return new Promise((resolve) => (this.#resolve = resolve));
  }

  /** A read that this request waits for has ended. */
  onRead(): void {
    if (this.#resolve !== null) this.#takeAll(false);
  }

  #begin({ plan, keys, isNeeded }: ViewNeed, reads: Map<OnlineStore, StoreRead>): Fetched {
    const fetched = new Fetched(plan, keys);
    const { cache, handles } = plan;
    let own: StoreRead | null = null;
    let position = 0;
    let misses = 0;
    let shared = 0;
    for (let i = 0; i < keys.keys.length; i++) {
      const key = keys.keys[i] ?? null;
      fetched.entities.push(plan.nobody);
      if (key === null || isNeeded?.[i] === false) continue;
      if (cache !== null) {
        const known = cache.fresh(key, this.#startMs);
        if (known !== undefined) {
          fetched.entities[i] = known;
          fetched.cached++;
          continue;
        }
        const flight = cache.flights.get(key);
        if (flight !== undefined) {
          fetched.flights.push(flight);
          fetched.wanted.push(i);
          shared++;
          continue;
        }
      }
      if (own === null) {
        own = this.#readFrom(this.#ports.storeOf(plan), plan, reads);
        position = own.addView(plan);
      }
      const flight = { read: own, position, row: own.addKey(position, key) };
      cache?.flights.set(key, flight);
      fetched.flights.push(flight);
      fetched.wanted.push(i);
      misses++;
    }
    if (cache !== null && cache.ttlMs > 0) {
      if (fetched.cached > 0) handles.hits.inc(fetched.cached);
      if (misses > 0) handles.misses.inc(misses);
      if (shared > 0) handles.shared.inc(shared);
    }
    return fetched;
  }

  #readFrom(store: OnlineStore, plan: ViewPlan, reads: Map<OnlineStore, StoreRead>): StoreRead {
    let read = reads.get(store);
    if (read === undefined) {
      read = new StoreRead(plan.view.store.id, this.#ports.clock, this.#ports.health);
      reads.set(store, read);
    }
    return read;
  }

  #takeAll(isLast: boolean): void {
    for (const view of this.views) {
      if (!view.isOpen || !view.take(isLast)) continue;
      if (view.error === 'store') view.plan.handles.storeErrors.inc();
    }
    if (this.isDone) this.#finish();
  }

  /** One timer at a time, for the view whose time is up first. */
  #arm(): void {
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const view of this.views) {
      if (view.isOpen && view.plan.view.timeoutMs < earliestMs) earliestMs = view.plan.view.timeoutMs;
    }
    const waitMs = Math.max(0, this.#startMs + earliestMs - this.#ports.clock.steady());
    // Answers that have arrived but were not read yet, because the loop was busy, are let in first.
    this.#timer = setTimeout(() => setImmediate(() => this.#expire(earliestMs)), waitMs).unref();
  }

  #expire(timeoutMs: number): void {
    if (this.#resolve === null) return;
    const nowMs = this.#ports.clock.steady();
    for (const view of this.views) {
      if (!view.isOpen || view.plan.view.timeoutMs > timeoutMs) continue;
      view.take(true);
      if (view.error === 'timeout') {
        view.plan.handles.timeouts.inc();
        this.#ports.health.failed(view.plan.view.store.id, 'timeout', nowMs);
      } else if (view.error === 'store') {
        view.plan.handles.storeErrors.inc();
      }
    }
    if (this.isDone) this.#finish();
    else this.#arm();
  }

  #finish(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const resolve = this.#resolve;
    this.#resolve = null;
    resolve?.();
  }
}
