import type { Gauge, RewardWrite } from './ports.ts';

/** Rewards that wait for the store to come back: bounded, in the order of arrival, one for each decision. */
export class RewardBuffer {
  readonly #writes = new Map<string, RewardWrite>();
  readonly #limit: number;
  readonly #gauge: Gauge;

  constructor(limit: number, gauge: Gauge) {
    this.#limit = limit;
    this.#gauge = gauge;
    gauge.set(0);
  }

  get size(): number {
    return this.#writes.size;
  }

  /** `buffered` also for a reward that waits already. */
  add(write: RewardWrite): 'buffered' | 'conflict' | 'refused' {
    const known = this.#writes.get(write.decision);
    if (known !== undefined) return known.id === write.id ? 'buffered' : 'conflict';
    if (this.#writes.size >= this.#limit) return 'refused';
    this.#writes.set(write.decision, write);
    this.#gauge.set(this.#writes.size);
    return 'buffered';
  }

  /** The first rewards; they stay until `remove`. */
  first(count: number): RewardWrite[] {
    const writes: RewardWrite[] = [];
    for (const write of this.#writes.values()) {
      if (writes.length === count) break;
      writes.push(write);
    }
    return writes;
  }

  remove(writes: readonly RewardWrite[]): void {
    for (const { decision } of writes) this.#writes.delete(decision);
    this.#gauge.set(this.#writes.size);
  }
}
