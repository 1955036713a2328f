import { windowOf } from '../core/bandit/window.ts';
import type { Bandit } from '../core/snapshot.ts';
import { banditKey } from './bandit-posterior.ts';
import type { ServedCount } from './ports.ts';

interface Entry {
  readonly bandit: string;
  readonly arm: string;
  readonly window: ServedCount['window'];
  count: number;
}

/** Entries kept while the store is away; a day of ten-second windows for ten arms fits. */
const MAX_ENTRIES = 100_000;

/** Decisions served since the last write to the store, by bandit, arm and window. */
export class ServedCounts {
  #entries = new Map<string, Entry>();
  /** The entry that each arm counted into last: nearly always the one that it counts into next. */
  #latest = new Map<Bandit, (Entry | undefined)[]>();
  /** Decisions that found no room. */
  dropped = 0;

  add(bandit: Bandit, armIndex: number, timeMs: number): void {
    let latest = this.#latest.get(bandit);
    if (latest === undefined) this.#latest.set(bandit, (latest = []));
    const entry = latest[armIndex];
    if (
      entry !== undefined &&
      timeMs >= entry.window.startMs &&
      timeMs < entry.window.startMs + entry.window.lengthMs
    ) {
      entry.count++;
      return;
    }
    const window = windowOf(timeMs, bandit.reward.waitMs);
    latest[armIndex] = this.#count({ bandit: banditKey(bandit), arm: bandit.arms[armIndex]!.name, window, count: 1 });
  }

  /** Everything counted so far, by bandit; it is the caller's now. */
  take(): Map<string, ServedCount[]> {
    const taken = Map.groupBy(this.#entries.values(), ({ bandit }) => bandit);
    this.#entries = new Map();
    this.#latest = new Map();
    return taken;
  }

  /** Takes back what could not be written. */
  putBack(counts: readonly ServedCount[]): void {
    for (const count of counts) this.#count(count);
  }

  #count(added: ServedCount): Entry | undefined {
    const key = `${added.bandit} ${added.arm} ${added.window.startMs} ${added.window.lengthMs}`;
    const known = this.#entries.get(key);
    if (known !== undefined) {
      known.count += added.count;
      return known;
    }
    if (this.#entries.size >= MAX_ENTRIES) {
      this.dropped += added.count;
      return undefined;
    }
    const entry = { ...added };
    this.#entries.set(key, entry);
    return entry;
  }
}
