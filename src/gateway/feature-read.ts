import type { FeatureHealth } from './feature-health.ts';
import type { ViewPlan } from './feature-plan.ts';
import type { Clock, EntityValues, OnlineStore } from './ports.ts';

/** The place of one entity in a read under way. */
export interface Flight {
  readonly read: StoreRead;
  readonly position: number;
  readonly row: number;
}

/** One read of one store, for a request and for those that join it. What it brings goes into the caches, late or not. */
export class StoreRead {
  readonly storeId: string;
  readonly startMs: number;
  readonly #plans: ViewPlan[] = [];
  readonly #keys: string[][] = [];
  readonly #clock: Clock;
  readonly #health: FeatureHealth;
  #entities: ReadonlyArray<readonly EntityValues[]> | null = null;
  #isDone = false;
  #waiters: { onRead(): void }[] = [];

  constructor(storeId: string, clock: Clock, health: FeatureHealth) {
    this.storeId = storeId;
    this.#clock = clock;
    this.#health = health;
    this.startMs = clock.steady();
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Makes room for a view; returns its position. */
  addView(plan: ViewPlan): number {
    this.#keys.push([]);
    return this.#plans.push(plan) - 1;
  }

  /** Returns the row of the key among those of its view. */
  addKey(position: number, key: string): number {
    return this.#keys[position]!.push(key) - 1;
  }

  /** Sends the read; nothing may be added after. A synchronous store is done when this returns. */
  send(store: OnlineStore): void {
    const reads = this.#plans.map(({ view }, i) => ({ view, keys: this.#keys[i]! }));
    let result: ReturnType<OnlineStore['read']>;
    try {
      result = store.read(reads);
    } catch (error) {
      return this.#settle(null, error);
    }
    if (!(result instanceof Promise)) return this.#settle(result, null);
    result.then(
      (entities) => this.#settle(entities, null),
      (error: unknown) => this.#settle(null, error),
    );
  }

  /** What was read for an entity; null when the read failed. */
  entityAt(position: number, row: number): EntityValues | null {
    return this.#entities?.[position]?.[row] ?? null;
  }

  /** Calls `onRead` once when the read is done. */
  join(waiter: { onRead(): void }): void {
    if (!this.#waiters.includes(waiter)) this.#waiters.push(waiter);
  }

  #settle(entities: ReadonlyArray<readonly EntityValues[]> | null, error: unknown): void {
    const nowMs = this.#clock.steady();
    this.#isDone = true;
    this.#entities = entities;
    let isInTime = true;
    for (const [position, plan] of this.#plans.entries()) {
      plan.handles.readTime.observe((nowMs - this.startMs) / 1000);
      if (nowMs - this.startMs > plan.view.timeoutMs) isInTime = false;
      if (plan.cache !== null) this.#keep(plan, position);
    }
    if (entities === null) {
      this.#health.failed(this.storeId, error instanceof Error ? error.message : String(error), nowMs);
    } else if (isInTime) {
      this.#health.succeeded(this.storeId, nowMs);
    }
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.onRead();
  }

  #keep(plan: ViewPlan, position: number): void {
    const { cache } = plan;
    if (cache === null) return;
    const keys = this.#keys[position]!;
    for (let row = 0; row < keys.length; row++) {
      const key = keys[row]!;
      // A read that others gave up on may have been followed by another one.
      if (cache.flights.get(key)?.read === this) cache.flights.delete(key);
      const entity = this.entityAt(position, row);
      if (entity !== null) cache.keep(key, entity, this.startMs);
    }
  }
}
