const LF = 0x0a;
const CR = 0x0d;

/**
 * When the events of a stream left, and whether one is under way. An event ends with an empty line, and lines with CR,
 * LF or both (WHATWG HTML, "Server-sent events"); for language models it is a token or a few.
 */
export class StreamTiming {
  events = 0;
  /** Steady milliseconds of the end of the first and of the last event; 0 before. */
  firstMs = 0;
  lastMs = 0;
  #isLineEmpty = true;
  #hasLines = false;
  #wasCr = false;

  take(chunk: Uint8Array, nowMs: number): void {
    const before = this.events;
    for (const byte of chunk) {
      if (byte !== LF && byte !== CR) this.#isLineEmpty = false;
      else if (byte === CR || !this.#wasCr) this.#endLine();
      this.#wasCr = byte === CR;
    }
    if (this.events === before) return;
    if (before === 0) this.firstMs = nowMs;
    this.lastMs = nowMs;
  }

  #endLine(): void {
    if (this.#isLineEmpty && this.#hasLines) this.events++;
    this.#hasLines = !this.#isLineEmpty;
    this.#isLineEmpty = true;
  }

  /** Whether a part of an event has left, and its end has not. */
  get isInEvent(): boolean {
    return this.#hasLines || !this.#isLineEmpty;
  }

  /** Mean milliseconds from one event to the next; null for fewer than two. */
  get meanGapMs(): number | null {
    return this.events < 2 ? null : (this.lastMs - this.firstMs) / (this.events - 1);
  }
}
