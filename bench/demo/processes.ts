import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const START_MS = 15_000;
const STOP_MS = 5_000;
const TAIL_LINES = 20;

export interface ProcessOptions {
  /** How error messages call it. */
  readonly name: string;
  /** Arguments of Node. */
  readonly args: readonly string[];
  /** Reads from a line of standard output what the process says when it is ready; undefined: not yet. */
  readonly readReady: (line: string) => string | undefined;
}

/** The processes of one run. None outlives it, whatever way it ends. */
export class Processes {
  readonly #living: ChildProcess[] = [];
  readonly #onDeath: (error: Error) => void;
  #isStopping = false;
  readonly #killAll = (): void => {
    for (const child of this.#living) child.kill('SIGKILL');
  };

  /** `onDeath` hears of a process that ends by itself after it was ready. */
  constructor(onDeath: (error: Error) => void) {
    this.#onDeath = onDeath;
    process.on('exit', this.#killAll);
  }

  /** Starts a process and returns what it said when it was ready. Rejects with its last words when it is not in time. */
  async start({ name, args, readReady }: ProcessOptions): Promise<string> {
    const { NODE_OPTIONS: _, ...env } = process.env;
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    this.#living.push(child);
    const tail: string[] = [];
    const keep = (line: string): void => {
      tail.push(line);
      if (tail.length > TAIL_LINES) tail.shift();
    };
    createInterface({ input: child.stderr }).on('line', keep);
    const lastWords = (): string => (tail.length === 0 ? '' : `\n  ${tail.join('\n  ')}`);
    const { promise: ready, resolve, reject } = Promise.withResolvers<string>();
    createInterface({ input: child.stdout }).on('line', (line) => {
      keep(line);
      const said = readReady(line);
      if (said !== undefined) resolve(said);
    });
    const late = setTimeout(
      () => reject(new Error(`${name} was not ready within ${START_MS / 1000} s${lastWords()}`)),
      START_MS,
    );
    child.once('error', (error) => reject(new Error(`${name} cannot start: ${error.message}`)));
    child.once('close', (code, signal) => {
      this.#living.splice(this.#living.indexOf(child), 1);
      const error = new Error(`${name} ended by itself (${signal ?? code})${lastWords()}`);
      reject(error);
      if (!this.#isStopping) this.#onDeath(error);
    });
    try {
      return await ready;
    } finally {
      clearTimeout(late);
    }
  }

  /** Ends them all, the last started first, so that the gateway never sees its models go. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const child of this.#living.toReversed()) await stopProcess(child);
    process.off('exit', this.#killAll);
  }
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  child.once('exit', () => resolve());
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(kill);
}
