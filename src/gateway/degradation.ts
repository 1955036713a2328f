import type { Gauge, Logger } from './ports.ts';

/** Says that a part of the gateway serves on without something it needs: as a metric, and once in the log. */
export class Degradation {
  readonly #reason: string;
  readonly #gauge: Gauge;
  readonly #logger: Logger;
  readonly #causes = new Set<string>();

  /** `gauge` is `makas_degraded` with this reason. */
  constructor(reason: string, gauge: Gauge, logger: Logger) {
    this.#reason = reason;
    this.#gauge = gauge;
    this.#logger = logger;
    gauge.set(0);
  }

  get isDegraded(): boolean {
    return this.#causes.size > 0;
  }

  /** Whether `cause` holds now. Several causes may hold at once; each has its owner, who says so. */
  set(cause: string, holds: boolean, detail?: string): void {
    if (this.#causes.has(cause) === holds) return;
    if (holds) this.#causes.add(cause);
    else this.#causes.delete(cause);
    this.#gauge.set(this.#causes.size > 0 ? 1 : 0);
    const fields = { reason: this.#reason, cause, ...(detail === undefined ? {} : { detail }) };
    if (holds) this.#logger.warn(fields, 'degraded');
    else this.#logger.info(fields, 'no longer degraded');
  }
}
