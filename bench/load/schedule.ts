/** When each of a run's evenly spaced requests is due, and what was late. Times are in milliseconds. */
export class Schedule {
  readonly total: number;
  private readonly startMs: number;
  private readonly gapMs: number;
  private noticed = 0;
  /** Requests before this one only warm up the generator. */
  readonly firstCounted: number;
  /** How late each request was noticed. */
  readonly lagMs: Float64Array;

  constructor(startMs: number, rate: number, span: { readonly leadSeconds: number; readonly seconds: number }) {
    this.startMs = startMs;
    this.gapMs = 1_000 / rate;
    this.firstCounted = Math.round(rate * span.leadSeconds);
    this.total = this.firstCounted + Math.round(rate * span.seconds);
    this.lagMs = new Float64Array(this.total);
  }

  /** The moment at which request n is due. */
  dueMs(n: number): number {
    return this.startMs + n * this.gapMs;
  }

  /** How many requests are due at `nowMs`; the first call after a request is due notes how late that was. */
  countDue(nowMs: number): number {
    const due = Math.min(this.total, Math.floor((nowMs - this.startMs) / this.gapMs) + 1);
    for (; this.noticed < due; this.noticed += 1) this.lagMs[this.noticed] = nowMs - this.dueMs(this.noticed);
    return this.noticed;
  }

  /** The time until the next request is due; infinite when there is none. */
  untilNextMs(nowMs: number): number {
    return this.noticed < this.total ? this.dueMs(this.noticed) - nowMs : Infinity;
  }
}
