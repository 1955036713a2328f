import type { Gauge, RewardWrite } from './ports.ts';

/** Rewards that wait for the store to come back: bounded, by bandit in the order of arrival, one for each decision. */
export class RewardBuffer {
  readonly #bandits = new Map<string, Map<string, RewardWrite>>();
  readonly #limit: number;
  readonly #gauge: Gauge;
  #size = 0;

  constructor(limit: number, gauge: Gauge) {
    this.#limit = limit;
    this.#gauge = gauge;
    gauge.set(0);
  }

  get size(): number {
    return this.#size;
  }

  /** Whether rewards of this bandit wait. */
  holds(bandit: string): boolean {
    return this.#bandits.has(bandit);
  }

  /** `buffered` also for a reward that waits already. */
  add(write: RewardWrite): 'buffered' | 'conflict' | 'refused' {
    const waiting = this.#bandits.get(write.bandit);
    const known = waiting?.get(write.decision);
    if (known !== undefined) return known.id === write.id ? 'buffered' : 'conflict';
    if (this.#size >= this.#limit) return 'refused';
    if (waiting === undefined) this.#bandits.set(write.bandit, new Map([[write.decision, write]]));
    else waiting.set(write.decision, write);
    this.#gauge.set(++this.#size);
    return 'buffered';
  }

  /** The first rewards of every bandit but `except`, about `count` in all; they stay until `remove`. */
  first(count: number, except: ReadonlySet<string>): RewardWrite[] {
    const groups = [...this.#bandits].filter(([bandit]) => !except.has(bandit));
    const share = Math.ceil(count / groups.length);
    const writes: RewardWrite[] = [];
    for (const [, waiting] of groups) {
      let room = share;
      for (const write of waiting.values()) {
        if (room-- === 0) break;
        writes.push(write);
      }
    }
    return writes;
  }

  remove({ bandit, decision }: RewardWrite): void {
    const waiting = this.#bandits.get(bandit);
    if (waiting?.delete(decision) !== true) return;
    if (waiting.size === 0) this.#bandits.delete(bandit);
    this.#gauge.set(--this.#size);
  }
}
