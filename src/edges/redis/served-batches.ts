import type { ServedCount } from '../../gateway/ports.ts';
import { isLostAnswer } from './lost-answer.ts';

/** Served counts of one bandit under the number that makes sending them again harmless. */
export interface ServedBatch {
  readonly number: number;
  readonly counts: readonly ServedCount[];
}

/** Counts in one batch: bounds how long it keeps the server from others, and the arguments of one call. */
const COUNTS_PER_BATCH = 1_000;

/**
 * Served counts on their way to Redis. Counts are not idempotent by themselves. When the answer to a batch is lost, it
 * is in doubt whether it was added: it is kept, with what comes after it in the same call, and sent again under its
 * number before anything else of its bandit, so the caller is done.
 */
export class ServedBatches {
  readonly #send: (bandit: string, batch: ServedBatch) => Promise<void>;
  readonly #unsent = new Map<string, ServedBatch[]>();
  readonly #running = new Map<string, Promise<void>>();
  #lastNumber = 0;

  constructor(send: (bandit: string, batch: ServedBatch) => Promise<void>) {
    this.#send = send;
  }

  /** Adds counts of a bandit, one call after another. When it rejects, none of them is added or kept. */
  add(bandit: string, counts: readonly ServedCount[]): Promise<void> {
    const done = (this.#running.get(bandit) ?? Promise.resolve()).then(() => this.#add(bandit, counts));
    this.#running.set(
      bandit,
      done.catch(() => undefined),
    );
    return done;
  }

  async #add(bandit: string, counts: readonly ServedCount[]): Promise<void> {
    await this.#sendAll(bandit, this.#unsent.get(bandit) ?? []);
    const batches: ServedBatch[] = [];
    for (let at = 0; at < counts.length; at += COUNTS_PER_BATCH)
      batches.push({ number: ++this.#lastNumber, counts: counts.slice(at, at + COUNTS_PER_BATCH) });
    const total = batches.length;
    this.#unsent.set(bandit, batches);
    try {
      await this.#sendAll(bandit, batches);
    } catch (error) {
      // After the first batch there is no way back: the caller would send again what was added.
      if (batches.length < total || isLostAnswer(error)) return;
      this.#unsent.delete(bandit);
      throw error;
    }
  }

  async #sendAll(bandit: string, batches: ServedBatch[]): Promise<void> {
    for (let next = batches[0]; next !== undefined; next = batches[0]) {
      await this.#send(bandit, next);
      batches.shift();
    }
    this.#unsent.delete(bandit);
  }
}
