/** Retries that are always allowed, each second: a gateway with little traffic could else never try again. */
const MIN_PER_SECOND = 3;
/** Requests that allow one retry together. */
const REQUESTS_PER_RETRY = 5;
/** Retries kept for bad times. */
const MOST = 100;

/**
 * Keeps retries from multiplying the load of backends that are in trouble: a token bucket that every request fills by a
 * fifth of a retry (Finagle's RetryBudget has the same idea and default).
 */
export class RetryBudget {
  readonly #now: () => number;
  /** In fifths of a retry, so that adding them up loses nothing. */
  #parts = MIN_PER_SECOND * REQUESTS_PER_RETRY;
  #filledMs: number;

  /** `now`: milliseconds of a steady clock. */
  constructor(now: () => number) {
    this.#now = now;
    this.#filledMs = now();
  }

  /** A request begins. */
  deposit(): void {
    if (this.#parts < MOST * REQUESTS_PER_RETRY) this.#parts += 1;
  }

  /** Takes one retry; false: there is none left. */
  withdraw(): boolean {
    const now = this.#now();
    const least = MIN_PER_SECOND * REQUESTS_PER_RETRY;
    const earned = ((now - this.#filledMs) / 1000) * least;
    if (this.#parts < least) this.#parts = Math.min(least, this.#parts + earned);
    this.#filledMs = now;
    if (this.#parts < REQUESTS_PER_RETRY) return false;
    this.#parts -= REQUESTS_PER_RETRY;
    return true;
  }
}
