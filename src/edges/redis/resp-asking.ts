import type { RespCursor } from './resp-cursor.ts';

/** A command whose reply is awaited. */
export interface Asked {
  /** Reads the reply at the cursor; false when it is not all there yet. Then it is called again, from its beginning. */
  read(cursor: RespCursor): boolean;
  /** The reply that was read goes to whoever wants it. */
  deliver(): void;
  /** There will be no reply. */
  fail(error: Error): void;
}

/** The commands of a connection whose replies are awaited, in their order. */
export class Asking {
  #queue: (Asked | null)[] = [];
  #head = 0;
  #onEmpty: (() => void) | null = null;

  get size(): number {
    return this.#queue.length - this.#head;
  }

  get first(): Asked | null {
    return this.#queue[this.#head] ?? null;
  }

  add(asked: Asked): void {
    this.#queue.push(asked);
  }

  shift(): void {
    this.#queue[this.#head++] = null;
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0;
      this.#head = 0;
      // The reply is delivered in this turn, before whoever waits here goes on.
      if (this.#onEmpty !== null) queueMicrotask(this.#onEmpty);
    } else if (this.#head === 1024) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
  }

  failAll(error: Error): void {
    const queue = this.#queue;
    const head = this.#head;
    this.#queue = [];
    this.#head = 0;
    for (let i = head; i < queue.length; i++) queue[i]?.fail(error);
    this.#onEmpty?.();
  }

  /** Calls back when nothing is awaited any more, at once when that is so now. */
  whenEmpty(callback: () => void): void {
    this.#onEmpty = callback;
    if (this.size === 0) callback();
  }
}
