const LF = 0x0a;
const CR = 0x0d;

/**
 * When the events of a stream came. An event ends with an empty line (WHATWG HTML, "Server-sent events"); for language
 * models it is a token or a few.
 */
export class StreamTiming {
  events = 0;
  /** Steady milliseconds of the end of the first and of the last event; 0 before. */
  firstMs = 0;
  lastMs = 0;
  #isLineEmpty = true;

  take(chunk: Uint8Array, nowMs: number): void {
    const before = this.events;
    for (const byte of chunk) {
      if (byte === LF) {
        if (this.#isLineEmpty) this.events++;
        this.#isLineEmpty = true;
      } else if (byte !== CR) this.#isLineEmpty = false;
    }
    if (this.events === before) return;
    if (before === 0) this.firstMs = nowMs;
    this.lastMs = nowMs;
  }

  /** Mean milliseconds from one event to the next; null for fewer than two. */
  get meanGapMs(): number | null {
    return this.events < 2 ? null : (this.lastMs - this.firstMs) / (this.events - 1);
  }
}
