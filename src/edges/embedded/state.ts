import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import type { Logger } from '../../gateway/ports.ts';
import { StateCalls, writeFailure } from './state-calls.ts';
import type { StateCall, StateConnect, StateFile, StateReply } from './state-messages.ts';

export interface EmbeddedStateSettings {
  /** Folder of the state file; made when it is missing. */
  readonly path: string;
  /** Largest size of the file, bytes. */
  readonly maxBytes?: number;
}

const FILE_NAME = 'state.sqlite';
const MAX_BYTES = 8 * 2 ** 30;
const RESTART_DELAY_MS = 1_000;

/** Opens the state file of one machine. Rejects with a text for operators when it cannot be used. */
export async function openEmbeddedState(settings: EmbeddedStateSettings, logger: Logger): Promise<EmbeddedState> {
  const file = join(settings.path, FILE_NAME);
  try {
    mkdirSync(settings.path, { recursive: true });
    accessSync(settings.path, constants.W_OK);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const text = `The state folder ${settings.path} cannot be written (${reason}). Set state.path to a folder that can.`;
    throw new Error(text, { cause: error });
  }
  const state = new EmbeddedState({ file, maxBytes: settings.maxBytes ?? MAX_BYTES }, logger);
  await state.opened();
  return state;
}

/** State in a SQLite file, on a thread of its own: a wait for the disk never holds up a request. */
export class EmbeddedState extends StateCalls {
  readonly #file: StateFile;
  readonly #logger: Logger;
  #worker: Worker | null = null;
  #startedMs = 0;
  #isHealthy = true;
  #isClosed = false;
  #onRestart: (() => void) | null = null;
  #restart: NodeJS.Timeout | null = null;

  constructor(file: StateFile, logger: Logger) {
    super();
    this.#file = file;
    this.#logger = logger;
    this.#start();
  }

  /** Resolves once the file is open; rejects with the reason when it cannot be. */
  async opened(): Promise<void> {
    await this.wait(0);
  }

  isHealthy(): boolean {
    return this.#isHealthy && !this.#isClosed;
  }

  /** A way of its own to the writer for another thread, see `PortState`; null while the writer is away. */
  connect(): MessagePort | null {
    const worker = this.#worker;
    if (worker === null) return null;
    const { port1, port2 } = new MessageChannel();
    const message: StateConnect = { connect: port1 };
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A thread, not a window.
    worker.postMessage(message, [port1]);
    return port2;
  }

  /** `listener` is told when the writer was started anew: ports from before lead nowhere then. */
  onRestart(listener: () => void): void {
    this.#onRestart = listener;
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    if (this.#restart !== null) clearTimeout(this.#restart);
    if (this.#isClosed || worker === null) return;
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    const asked = this.ask({ kind: 'close' });
    this.flush();
    this.#isClosed = true;
    await asked.catch(() => undefined);
    await exited;
  }

  protected override post(calls: readonly StateCall[]): string | null {
    if (this.#isClosed) return 'The state is closed.';
    if (this.#worker === null && Date.now() - this.#startedMs >= RESTART_DELAY_MS) this.#start();
    const worker = this.#worker;
    if (worker === null) return 'The state file is not open.';
    // The thread keeps the process alive only while somebody waits for it.
    worker.ref();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A thread, not a window.
    worker.postMessage(calls);
    return null;
  }

  #start(): void {
    const isRestart = this.#startedMs > 0;
    const worker = new Worker(new URL('./state-worker.ts', import.meta.url), {
      workerData: this.#file,
      name: 'makas-state',
      // It would else take as much room for short-lived objects as the threads that proxy.
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    this.#worker = worker;
    this.#startedMs = Date.now();
    worker.on('message', (replies: readonly StateReply[]) => {
      for (const reply of replies) this.#take(reply);
    });
    worker.on('error', (error) => this.#logger.error({ reason: String(error) }, 'the state thread failed'));
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = null;
      if (!this.#isClosed) this.#isHealthy = false;
      this.failAll('The state thread ended.');
      this.#planRestart();
    });
    if (isRestart) this.#onRestart?.();
  }

  /** Other threads that write by it cannot start it. */
  #planRestart(): void {
    if (this.#isClosed || this.#onRestart === null) return;
    this.#restart = setTimeout(() => {
      if (!this.#isClosed && this.#worker === null) this.#start();
    }, RESTART_DELAY_MS).unref();
  }

  #take(message: StateReply): void {
    const isOpening = message.call === 0;
    this.settle(message, (error) => (isOpening ? openingFailure(this.#file.file, error) : writeFailure(error)));
    if (!this.isWaiting && !this.#isClosed) this.#worker?.unref();
    if (!('error' in message)) {
      if (!isOpening) this.#isHealthy = true;
      return;
    }
    this.#isHealthy = false;
    if (isOpening) this.#logger.error({ reason: message.error }, 'the state file cannot be opened');
  }
}

function openingFailure(file: string, reason: string): string {
  if (/locked|busy/i.test(reason)) {
    return `The state file ${file} is in use by another gateway. Stop it, give this one another state.path, or share state through Redis.`;
  }
  return `The state file ${file} cannot be opened: ${reason}.`;
}
