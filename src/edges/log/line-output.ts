import pino from 'pino';

/** Lines are kept this long at most before they are written. */
const FLUSH_MS = 200;
const BATCH_BYTES = 4096;
const BUFFER_BYTES = 4 * 1024 * 1024;
/** How long the end of the process may wait for a reader that does not read. */
const CLOSE_MS = 500;

export interface LineOutputOptions {
  /** Default: standard output. */
  readonly fileDescriptor?: number;
  /** Text that waits for a slow reader; lines beyond it are dropped. */
  readonly bufferBytes?: number;
}

/** Takes log lines. */
export interface LineSink {
  /** Takes a line with its newline; false: it was dropped. */
  write(line: string): boolean;
}

/**
 * Where log lines go: written in batches behind the back of the requests. A reader that is slow or gone costs lines,
 * never time.
 */
export class LineOutput implements LineSink {
  readonly #stream: ReturnType<typeof pino.destination>;
  #isDropped = false;
  #isClosed = false;
  #closeByMs = Infinity;
  #droppedLines = 0;

  constructor({ fileDescriptor = 1, bufferBytes = BUFFER_BYTES }: LineOutputOptions = {}) {
    this.#stream = pino.destination({
      dest: fileDescriptor,
      sync: false,
      minLength: BATCH_BYTES,
      maxLength: bufferBytes,
      periodicFlush: FLUSH_MS,
      retryEAGAIN: () => performance.now() < this.#closeByMs,
    });
    this.#stream.on('drop', () => {
      this.#isDropped = true;
    });
    // A full disk or a closed pipe must not end the process; the next write tries again.
    this.#stream.on('error', () => {
      this.#droppedLines++;
    });
  }

  /** Takes a line with its newline; false: it was dropped. */
  write(line: string): boolean {
    const isTaken = this.offer(line);
    if (!isTaken) this.#droppedLines++;
    return isTaken;
  }

  /** Takes whole lines; false: there is no room now, and they are still the caller's. */
  offer(lines: string): boolean {
    this.#isDropped = this.#isClosed;
    if (!this.#isDropped) this.#stream.write(lines);
    return !this.#isDropped;
  }

  /** Lines lost so far. */
  get droppedLines(): number {
    return this.#droppedLines;
  }

  /** Writes what waits, for at most half a second, and lets go of the rest; later lines are dropped. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#closeByMs = performance.now() + CLOSE_MS;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS);
      // Not every destination can be synchronised; what could be written was.
      this.#stream.flush(() => resolve());
    });
    clearTimeout(timer);
    this.#end();
  }

  /** Writes what waits before anything else happens, for a process that ends at once. */
  flushNow(): void {
    if (this.#isClosed) return;
    this.#closeByMs = performance.now() + CLOSE_MS;
    try {
      this.#stream.flushSync();
    } catch {
      // Nobody reads any more, and there is nowhere left to say so. Kept, the stream would try again at exit and throw.
      this.#end();
    }
  }

  #end(): void {
    this.#isClosed = true;
    this.#stream.destroy();
  }
}
