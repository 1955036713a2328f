import type { Clock } from './ports.ts';

/** Something that waits for features. The links belong to the line in which it waits. */
export interface Waiting {
  /** Steady clock, milliseconds. */
  dueMs: number;
  before: Waiting | null;
  after: Waiting | null;
  /** Its time is up; it has left the line. */
  onDue(): void;
}

/**
 * All that wait with one time limit, so that whoever came first is due first. One timer serves the whole line: a timer
 * for each request would cost more than the wait itself, and the wheel of `deadlines.ts` steps too coarsely for limits
 * of some milliseconds.
 */
export class DeadlineLine {
  readonly #clock: Clock;
  readonly #limitMs: number;
  #first: Waiting | null = null;
  #last: Waiting | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(limitMs: number, clock: Clock) {
    this.#limitMs = limitMs;
    this.#clock = clock;
  }

  /** `startMs` is when its time began to run. */
  add(waiting: Waiting, startMs: number): void {
    waiting.dueMs = startMs + this.#limitMs;
    // Nearly always behind the last one; not when another limit of the same request was up first.
    let before = this.#last;
    while (before !== null && before.dueMs > waiting.dueMs) before = before.before;
    const after = before === null ? this.#first : before.after;
    waiting.before = before;
    waiting.after = after;
    if (before === null) this.#first = waiting;
    else before.after = waiting;
    if (after === null) this.#last = waiting;
    else after.before = waiting;
    if (before === null && (this.#timer === null || after !== null)) this.#arm(waiting);
  }

  remove(waiting: Waiting): void {
    const { before, after } = waiting;
    if (before === null) this.#first = after;
    else before.after = after;
    if (after === null) this.#last = before;
    else after.before = before;
    waiting.before = null;
    waiting.after = null;
  }

  #arm(waiting: Waiting): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const waitMs = Math.max(0, waiting.dueMs - this.#clock.steady());
    // Answers that have arrived but were not read yet, because the loop was busy, are let in first.
    this.#timer = setTimeout(() => setImmediate(() => this.#expire(waiting)), waitMs).unref();
  }

  /** The timer was set for `awaited`, which may have left meanwhile. */
  #expire(awaited: Waiting): void {
    this.#timer = null;
    const nowMs = this.#clock.steady();
    let first = this.#first;
    while (first !== null && (first === awaited || first.dueMs <= nowMs)) {
      this.remove(first);
      first.onDue();
      first = this.#first;
    }
    if (first !== null && this.#timer === null) this.#arm(first);
  }
}
