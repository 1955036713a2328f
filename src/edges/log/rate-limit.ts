/** A token bucket: `perSecond` on the long run, as many at once. The time is the caller's, in milliseconds. */
export class RateLimit {
  readonly #perSecond: number;
  #tokens: number;
  #lastMs = -Infinity;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
  }

  take(nowMs: number): boolean {
    if (nowMs > this.#lastMs) {
      this.#tokens = Math.min(this.#perSecond, this.#tokens + ((nowMs - this.#lastMs) * this.#perSecond) / 1000);
      this.#lastMs = nowMs;
    }
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
