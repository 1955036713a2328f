import type { FeatureView } from '../core/snapshot.ts';
import type { Landing } from './feature-cache.ts';
import type { FeatureHealth } from './feature-health.ts';
import type { ViewPlan } from './feature-plan.ts';
import type { Clock, EntityRead, EntityValues, OnlineStore, ReadReceiver } from './ports.ts';

/** One entity in a read under way, which other requests may join. */
export class Flight implements EntityRead, Landing {
  readonly read: StoreRead;
  readonly plan: ViewPlan;
  readonly view: FeatureView;
  readonly key: string;
  entity: EntityValues | null = null;
  isOutdated = false;

  constructor(read: StoreRead, plan: ViewPlan, key: string) {
    this.read = read;
    this.plan = plan;
    this.view = plan.view;
    this.key = key;
  }
}

/** One read of one store, for a request and for those that join it. What it brings goes into the caches, late or not. */
export class StoreRead implements ReadReceiver {
  readonly store: OnlineStore;
  readonly startMs: number;
  readonly #storeId: string;
  readonly #clock: Clock;
  readonly #health: FeatureHealth;
  readonly #flights: Flight[] = [];
  readonly #waiters: { onRead(): void }[] = [];
  isDone = false;

  constructor(store: OnlineStore, storeId: string, clock: Clock, health: FeatureHealth, startMs: number) {
    this.store = store;
    this.#storeId = storeId;
    this.#clock = clock;
    this.#health = health;
    this.startMs = startMs;
  }

  add(plan: ViewPlan, key: string): Flight {
    const flight = new Flight(this, plan, key);
    this.#flights.push(flight);
    return flight;
  }

  /** Sends the read; nothing may be added after. With a synchronous store it is done when this returns. */
  send(): void {
    try {
      this.store.read(this.#flights, this);
    } catch (error) {
      if (this.isDone) throw error;
      this.onRead(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Calls `onRead` once when the read is done. */
  join(waiter: { onRead(): void }): void {
    if (!this.#waiters.includes(waiter)) this.#waiters.push(waiter);
  }

  onRead(error: Error | null): void {
    const nowMs = this.#clock.steady();
    const tookMs = nowMs - this.startMs;
    this.isDone = true;
    let isInTime = true;
    let plan: ViewPlan | null = null;
    for (const flight of this.#flights) {
      if (error !== null) flight.entity = null;
      if (flight.plan !== plan) {
        plan = flight.plan;
        plan.handles.readTime.observe(tookMs / 1000);
        if (tookMs > plan.view.timeoutMs) isInTime = false;
      }
      if (plan.cache !== null) this.#land(flight, plan.cache);
    }
    if (error !== null) this.#health.failed(this.#storeId, error.message, nowMs);
    else if (isInTime) this.#health.succeeded(this.#storeId, nowMs);
    for (const waiter of this.#waiters) waiter.onRead();
  }

  #land(flight: Flight, cache: NonNullable<ViewPlan['cache']>): void {
    const { key, entity } = flight;
    // A read that others gave up on may have been followed by another one.
    if (cache.flights.get(key) === flight) cache.flights.delete(key);
    if (entity !== null && !flight.isOutdated) cache.keep(key, entity, this.startMs);
  }
}
