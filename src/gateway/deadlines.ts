/** Length of one step of the wheel: how late a deadline may fire, beside what the event loop adds. */
const STEP_MS = 10;
/** A turn of the wheel takes 5.12 s; what lasts longer goes round more than once. */
const SLOTS = 512;

/** Something with a deadline. It stands in the wheel itself, so that setting a deadline allocates nothing. */
export abstract class Timed {
  /** Links of the ring that it stands in; itself when in none. The wheel's own. */
  timedNext: Timed = this;
  timedPrevious: Timed = this;
  timedTurns = 0;

  /** The time is up. */
  abstract expire(): void;
}

class Head extends Timed {
  expire(): void {}
}

/**
 * A timer wheel (Varghese and Lauck, 1987): to set and to clear a deadline is a few assignments, and one timer of the
 * system serves them all. Deadlines fire up to 10 ms late, never early.
 */
export class Deadlines {
  readonly #slots: readonly Timed[] = Array.from({ length: SLOTS }, () => new Head());
  readonly #due: Timed = new Head();
  readonly #now: () => number;
  readonly #onError: (error: unknown) => void;
  #position = 0;
  #count = 0;
  /** When the step of `#position` was due, steady milliseconds. */
  #stepMs = 0;
  #timer: NodeJS.Timeout | null = null;

  /** `now`: milliseconds of a steady clock; `onError` hears what an `expire` throws, which ends nothing else. */
  constructor(now: () => number, onError: (error: unknown) => void) {
    this.#now = now;
    this.#onError = onError;
  }

  /** Calls `expire` once after `delayMs`, unless it is cleared before. It must not stand in a wheel. */
  set(timed: Timed, delayMs: number): void {
    if (this.#timer === null) this.#start();
    const steps = Math.max(1, Math.ceil((this.#now() + delayMs - this.#stepMs) / STEP_MS));
    timed.timedTurns = Math.floor((steps - 1) / SLOTS);
    link(timed, this.#slots[(this.#position + steps) % SLOTS]!);
    this.#count++;
  }

  /** Harmless when it has fired or was cleared. */
  clear(timed: Timed): void {
    if (timed.timedNext === timed) return;
    unlink(timed);
    this.#count--;
  }

  #start(): void {
    this.#stepMs = this.#now();
    this.#timer = setTimeout(advance, STEP_MS, this);
  }

  /** Takes the steps that are due. */
  advance(): void {
    const now = this.#now();
    while (this.#stepMs + STEP_MS <= now && this.#count > 0) {
      this.#stepMs += STEP_MS;
      this.#position = (this.#position + 1) % SLOTS;
      this.#fire(this.#slots[this.#position]!);
    }
    if (this.#count === 0) this.#timer = null;
    else this.#timer = setTimeout(advance, Math.max(1, this.#stepMs + STEP_MS - this.#now()), this);
  }

  #fire(head: Timed): void {
    for (let timed = head.timedNext; timed !== head;) {
      const next = timed.timedNext;
      if (timed.timedTurns > 0) timed.timedTurns--;
      else {
        unlink(timed);
        link(timed, this.#due);
      }
      timed = next;
    }
    // Firing one may clear others that are due.
    while (this.#due.timedNext !== this.#due) {
      const timed = this.#due.timedNext;
      this.clear(timed);
      try {
        timed.expire();
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}

/** Puts it at the end of a ring. */
function link(timed: Timed, head: Timed): void {
  const last = head.timedPrevious;
  timed.timedPrevious = last;
  timed.timedNext = head;
  last.timedNext = timed;
  head.timedPrevious = timed;
}

function unlink(timed: Timed): void {
  timed.timedPrevious.timedNext = timed.timedNext;
  timed.timedNext.timedPrevious = timed.timedPrevious;
  timed.timedNext = timed;
  timed.timedPrevious = timed;
}

function advance(deadlines: Deadlines): void {
  deadlines.advance();
}
