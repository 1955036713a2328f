import type { LineSink } from './line-output.ts';

/** Lines are kept this long at most before they are posted. */
const FLUSH_MS = 200;
const BATCH_CHARACTERS = 4096;
const BUFFER_CHARACTERS = 1024 * 1024;

/**
 * Log lines of a worker on their way to the thread that writes them: posted in batches, because several threads that
 * write to one pipe would mix their lines. What that thread has not taken yet is bounded; lines beyond it are dropped.
 */
export class PostedOutput implements LineSink {
  readonly #post: (lines: string) => void;
  readonly #limit: number;
  #lines = '';
  /** Characters posted and not yet taken. */
  #posted = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(post: (lines: string) => void, bufferCharacters = BUFFER_CHARACTERS) {
    this.#post = post;
    this.#limit = bufferCharacters;
  }

  write(line: string): boolean {
    if (this.#posted + this.#lines.length + line.length > this.#limit) return false;
    this.#lines += line;
    if (this.#lines.length >= BATCH_CHARACTERS) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS).unref();
    return true;
  }

  /** The other thread has taken this many characters. */
  taken(characters: number): void {
    this.#posted -= characters;
  }

  /** Posts what waits. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#lines === '') return;
    this.#posted += this.#lines.length;
    this.#post(this.#lines);
    this.#lines = '';
  }
}
