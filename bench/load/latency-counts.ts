const NEWLINE = 10;
const TAB = 9;
const ZERO = 48;

/** How often each latency occurred, in whole microseconds. */
export class LatencyCounts {
  private counts = new Uint32Array(1 << 16);
  private total = 0;

  take(us: number): void {
    if (us >= this.counts.length) {
      const larger = new Uint32Array(2 ** Math.ceil(Math.log2(us + 1)));
      larger.set(this.counts);
      this.counts = larger;
    }
    this.counts[us] = (this.counts[us] ?? 0) + 1;
    this.total += 1;
  }

  /** Takes the last column of every line of a log of h2load: `start time<tab>status<tab>latency`. */
  takeLog(log: Uint8Array): void {
    let value = 0;
    for (const byte of log) {
      if (byte === NEWLINE) this.take(value);
      value = byte === NEWLINE || byte === TAB ? 0 : value * 10 + byte - ZERO;
    }
  }

  /** The least latency that a part `p` of all, in [0, 1], does not exceed; 0 when there is none. */
  quantile(p: number): number {
    let left = Math.max(1, Math.ceil(this.total * p));
    for (let us = 0; us < this.counts.length; us += 1) {
      left -= this.counts[us] ?? 0;
      if (left <= 0) return us;
    }
    return 0;
  }
}
