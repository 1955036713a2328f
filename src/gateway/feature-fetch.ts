import type { EntityKeys } from './entity-keys.ts';
import { DeadlineLine, type Waiting } from './feature-deadlines.ts';
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
  /** Lines of waiting requests by their time limit. */
  readonly lines: Map<number, DeadlineLine>;
}

class Fetched implements ViewFetch {
  readonly plan: ViewPlan;
  readonly keys: EntityKeys;
  readonly entities: (EntityValues | null)[];
  cached = 0;
  error: 'timeout' | 'store' | null = null;
  /** What is still awaited, and where what it brings belongs; null when nothing is. */
  flights: Flight[] | null = null;
  #rows: number[] | null = null;

  constructor(plan: ViewPlan, keys: EntityKeys) {
    this.plan = plan;
    this.keys = keys;
    this.entities = new Array(keys.keys.length);
  }

  await(flight: Flight, row: number): void {
    (this.flights ??= []).push(flight);
    (this.#rows ??= []).push(row);
  }

  /** Takes what has come. `isLast`: what has not come by now is given up. Returns whether nothing is awaited any more. */
  take(isLast: boolean): boolean {
    const { flights } = this;
    if (flights === null) return true;
    if (!isLast) for (const flight of flights) if (!flight.read.isDone) return false;
    for (let i = 0; i < flights.length; i++) {
      const flight = flights[i]!;
      const { isDone } = flight.read;
      // Before the end of the read a part of it may be there already, but it is not known how it will end.
      this.entities[this.#rows![i]!] = isDone ? flight.entity : null;
      if (isDone && flight.entity !== null) continue;
      this.error = isDone ? (this.error ?? 'store') : 'timeout';
      if (!isDone) this.#leave(flight);
    }
    this.flights = null;
    return true;
  }

  /** Nobody joins a read that is overdue: it may never end, and the store may be well again. */
  #leave(flight: Flight): void {
    const flights = this.plan.cache?.flights;
    if (flights?.get(flight.key) === flight) flights.delete(flight.key);
  }
}

/**
 * The features of one request: from the caches, from reads of other requests that are under way, and from one read of
 * each store for all views and entities that remain. It is over when everything has come or the time of every view is
 * up, whatever the stores do.
 */
export class FeatureFetch implements Waiting {
  readonly views: readonly Fetched[];
  dueMs = 0;
  before: Waiting | null = null;
  after: Waiting | null = null;
  readonly #ports: FetchPorts;
  readonly #startMs: number;
  /** Its own reads while they are being put together; a request rarely has more than one. */
  #reads: StoreRead[] | null = null;
  #line: DeadlineLine | null = null;
  #limitMs = 0;
  #resolve: (() => void) | null = null;

  constructor(needs: readonly ViewNeed[], ports: FetchPorts) {
    this.#ports = ports;
    this.#startMs = ports.clock.steady();
    this.views = needs.map((need) => this.#begin(need));
    if (this.#reads === null) return;
    for (const read of this.#reads) read.send();
    this.#takeAll();
  }

  get isDone(): boolean {
    for (const view of this.views) if (view.flights !== null) return false;
    return true;
  }

  /** Resolves when `isDone`; to be called once, and only when it is not. */
  wait(): Promise<void> {
    for (const { flights } of this.views) {
      for (const { read } of flights ?? []) if (!read.isDone) read.join(this);
    }
    this.#queue();
    return new Promise((resolve) => (this.#resolve = resolve));
  }

  /** A read that this request waits for has ended. */
  onRead(): void {
    if (this.#resolve === null) return;
    this.#takeAll();
    if (this.isDone) this.#finish();
  }

  /** The time of the views with the shortest limit is up. */
  onDue(): void {
    this.#line = null;
    const nowMs = this.#ports.clock.steady();
    for (const view of this.views) {
      const { timeoutMs, store } = view.plan.view;
      if (view.flights === null || timeoutMs > this.#limitMs) continue;
      view.take(true);
      this.#countError(view);
      if (view.error === 'timeout') this.#ports.health.failed(store.id, 'timeout', nowMs);
    }
    if (this.isDone) this.#finish();
    else this.#queue();
  }

  #begin({ plan, keys, isNeeded }: ViewNeed): Fetched {
    const fetched = new Fetched(plan, keys);
    const { cache, handles } = plan;
    let misses = 0;
    let shared = 0;
    for (let i = 0; i < keys.keys.length; i++) {
      const key = keys.keys[i] ?? null;
      fetched.entities[i] = plan.nobody;
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
          fetched.await(flight, i);
          shared++;
          continue;
        }
      }
      const flight = this.#readFrom(plan).add(plan, key);
      cache?.flights.set(key, flight);
      fetched.await(flight, i);
      misses++;
    }
    if (cache !== null && cache.ttlMs > 0) {
      if (fetched.cached > 0) handles.hits.inc(fetched.cached);
      if (misses > 0) handles.misses.inc(misses);
      if (shared > 0) handles.shared.inc(shared);
    }
    return fetched;
  }

  #readFrom(plan: ViewPlan): StoreRead {
    const { clock, health } = this.#ports;
    const store = this.#ports.storeOf(plan);
    const reads = (this.#reads ??= []);
    for (const read of reads) if (read.store === store) return read;
    const read = new StoreRead(store, plan.view.store.id, clock, health, this.#startMs);
    reads.push(read);
    return read;
  }

  #takeAll(): void {
    for (const view of this.views) {
      if (view.flights === null || !view.take(false)) continue;
      this.#countError(view);
    }
  }

  #countError({ error, plan }: Fetched): void {
    if (error === 'timeout') plan.handles.timeouts.inc();
    else if (error === 'store') plan.handles.storeErrors.inc();
  }

  /** In the line of the view whose time is up first. */
  #queue(): void {
    let limitMs = Number.POSITIVE_INFINITY;
    for (const { flights, plan } of this.views) {
      if (flights !== null && plan.view.timeoutMs < limitMs) limitMs = plan.view.timeoutMs;
    }
    const { lines, clock } = this.#ports;
    let line = lines.get(limitMs);
    if (line === undefined) lines.set(limitMs, (line = new DeadlineLine(limitMs, clock)));
    this.#limitMs = limitMs;
    this.#line = line;
    line.add(this, this.#startMs);
  }

  #finish(): void {
    this.#line?.remove(this);
    this.#line = null;
    const resolve = this.#resolve;
    this.#resolve = null;
    resolve?.();
  }
}
