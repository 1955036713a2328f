import type { Gauge, Logger, Metrics } from './ports.ts';

/** Between two log lines about one store, milliseconds: a store that comes and goes must not fill the log. */
const quietMs = 5000;

interface StoreHealth {
  isFailing: boolean;
  logMs: number;
}

/** Says in the metrics and in the log when features are served without their store, and when that is over. */
export class FeatureHealth {
  readonly #stores = new Map<string, StoreHealth>();
  readonly #degraded: Gauge;
  readonly #logger: Logger;
  #failing = 0;

  constructor(metrics: Metrics, logger: Logger) {
    this.#degraded = metrics.gauge('makas_degraded', 'features');
    this.#degraded.set(0);
    this.#logger = logger;
  }

  /** Forgets the stores that are not among these. */
  retain(ids: ReadonlySet<string>): void {
    for (const [id, store] of this.#stores) {
      if (ids.has(id)) continue;
      this.#stores.delete(id);
      if (store.isFailing) this.#count(-1);
    }
  }

  failed(id: string, reason: string, nowMs: number): void {
    const store = this.#stores.get(id) ?? { isFailing: false, logMs: Number.NEGATIVE_INFINITY };
    this.#stores.set(id, store);
    if (store.isFailing) return;
    store.isFailing = true;
    this.#count(1);
    if (nowMs - store.logMs < quietMs) return;
    store.logMs = nowMs;
    this.#logger.warn({ store: id, reason }, 'features are served without their store');
  }

  succeeded(id: string): void {
    const store = this.#stores.get(id);
    if (store === undefined || !store.isFailing) return;
    store.isFailing = false;
    this.#count(-1);
    this.#logger.info({ store: id }, 'the feature store answers again');
  }

  #count(by: 1 | -1): void {
    this.#failing += by;
    this.#degraded.set(this.#failing > 0 ? 1 : 0);
  }
}
