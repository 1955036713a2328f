import type { LineOutput } from './line-output.ts';

/** How soon lines that found no room are offered again. */
const RETRY_MS = 50;

interface Batch {
  readonly lines: string;
  readonly onTaken: () => void;
}

/** Brings the log lines that workers posted to the output; while that has no room they wait, and their workers know. */
export class LineRelay {
  readonly #output: Pick<LineOutput, 'offer'>;
  #waiting: Batch[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(output: Pick<LineOutput, 'offer'>) {
    this.#output = output;
  }

  /** `onTaken` is called once the output has the lines. */
  take(lines: string, onTaken: () => void): void {
    this.#waiting.push({ lines, onTaken });
    if (this.#timer === null) this.#move();
  }

  /** Offers what waits once more, and lets go of the rest. */
  close(): void {
    this.#move();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#waiting = [];
  }

  #move(): void {
    this.#timer = null;
    const refused = this.#waiting.findIndex(({ lines }) => !this.#output.offer(lines));
    const taken = this.#waiting.splice(0, refused === -1 ? this.#waiting.length : refused);
    for (const { onTaken } of taken) onTaken();
    if (refused !== -1) this.#timer = setTimeout(() => this.#move(), RETRY_MS).unref();
  }
}
