import { Degradation } from './degradation.ts';
import type { Logger, Metrics } from './ports.ts';

/** A store counts as well again when it has not failed for so long: one that comes and goes must not fill the log. */
const quietMs = 1000;

/** Says in the metrics and in the log when features are served without their store, and when that is over. */
export class FeatureHealth {
  readonly #degradation: Degradation;
  /** Time of the last failure of each store that is failing, steady clock. */
  readonly #failing = new Map<string, number>();

  constructor(metrics: Metrics, logger: Logger) {
    this.#degradation = new Degradation('features', metrics.gauge('makas_degraded', 'features'), logger);
  }

  get isDegraded(): boolean {
    return this.#degradation.isDegraded;
  }

  /** Forgets the stores that are not among these. */
  retain(ids: ReadonlySet<string>): void {
    for (const id of this.#failing.keys()) if (!ids.has(id)) this.#end(id);
  }

  failed(id: string, reason: string, nowMs: number): void {
    if (!this.#failing.has(id)) this.#degradation.set(id, true, reason);
    this.#failing.set(id, nowMs);
  }

  succeeded(id: string, nowMs: number): void {
    const failedMs = this.#failing.get(id);
    if (failedMs !== undefined && nowMs - failedMs >= quietMs) this.#end(id);
  }

  #end(id: string): void {
    this.#failing.delete(id);
    this.#degradation.set(id, false);
  }
}
