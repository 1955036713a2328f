import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type {
  BanditSums,
  Logger,
  RewardOutcome,
  RewardWrite,
  ServedCount,
  StateStore,
  WindowClosing,
} from '../../gateway/ports.ts';
import type { StateAnswers, StateFile, StateReply, StateRequest } from './state-messages.ts';

export interface EmbeddedStateSettings {
  /** Folder of the state file; made when it is missing. */
  readonly path: string;
  /** Largest size of the file, bytes. */
  readonly maxBytes?: number;
}

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
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
export class EmbeddedState implements StateStore {
  readonly kind = 'embedded';
  readonly #file: StateFile;
  readonly #logger: Logger;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #startedMs = 0;
  #lastCall = 0;
  #isHealthy = true;
  #isClosed = false;

  constructor(file: StateFile, logger: Logger) {
    this.#file = file;
    this.#logger = logger;
    this.#start();
  }

  /** Resolves once the file is open; rejects with the reason when it cannot be. */
  opened(): Promise<void> {
    return new Promise<unknown>((resolve, reject) => this.#waiting.set(0, { resolve, reject })).then(() => undefined);
  }

  isHealthy(): boolean {
    return this.#isHealthy && !this.#isClosed;
  }

  signingKey(proposal?: Uint8Array): Promise<Uint8Array> {
    return this.#ask({ kind: 'signingKey', proposal: proposal ?? null });
  }

  addRewards(rewards: readonly RewardWrite[]): Promise<readonly RewardOutcome[]> {
    return this.#ask({ kind: 'addRewards', rewards });
  }

  async addServed(counts: readonly ServedCount[]): Promise<void> {
    await this.#ask({ kind: 'addServed', counts });
  }

  async closeWindows(closings: readonly WindowClosing[]): Promise<void> {
    await this.#ask({ kind: 'closeWindows', closings });
  }

  readSums(bandits: readonly string[]): Promise<ReadonlyMap<string, BanditSums>> {
    return this.#ask({ kind: 'readSums', bandits });
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    if (this.#isClosed || worker === null) return;
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    const asked = this.#ask({ kind: 'close' });
    this.#isClosed = true;
    await asked.catch(() => undefined);
    await exited;
  }

  #ask<R extends StateRequest>(request: R): Promise<StateAnswers[R['kind']]> {
    if (this.#isClosed) return Promise.reject(new Error('The state is closed.'));
    if (this.#worker === null && Date.now() - this.#startedMs >= RESTART_DELAY_MS) this.#start();
    const worker = this.#worker;
    if (worker === null) return Promise.reject(new Error('The state file is not open.'));
    const call = ++this.#lastCall;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The thread answers each kind as StateAnswers says.
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject });
      // The thread keeps the process alive only while somebody waits for it.
      worker.ref();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A thread, not a window.
      worker.postMessage({ call, request });
    }) as Promise<StateAnswers[R['kind']]>;
  }

  #start(): void {
    const worker = new Worker(new URL('./state-worker.ts', import.meta.url), {
      workerData: this.#file,
      name: 'makas-state',
    });
    this.#worker = worker;
    this.#startedMs = Date.now();
    worker.on('message', (message: StateReply) => this.#settle(message));
    worker.on('error', (error) => this.#logger.error({ reason: String(error) }, 'the state thread failed'));
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = null;
      if (!this.#isClosed) this.#isHealthy = false;
      for (const waiting of this.#waiting.values()) waiting.reject(new Error('The state thread ended.'));
      this.#waiting.clear();
    });
  }

  #settle(message: StateReply): void {
    const waiting = this.#waiting.get(message.call);
    this.#waiting.delete(message.call);
    if (this.#waiting.size === 0 && !this.#isClosed) this.#worker?.unref();
    if (!('error' in message)) {
      if (message.call !== 0) this.#isHealthy = true;
      waiting?.resolve(message.answer);
      return;
    }
    this.#isHealthy = false;
    const text =
      message.call === 0
        ? openingFailure(this.#file.file, message.error)
        : `The state file cannot be written: ${message.error}.`;
    if (message.call === 0) this.#logger.error({ reason: message.error }, 'the state file cannot be opened');
    waiting?.reject(new Error(text));
  }
}

function openingFailure(file: string, reason: string): string {
  if (/locked|busy/i.test(reason)) {
    return `The state file ${file} is in use by another gateway. Stop it, give this one another state.path, or share state through Redis.`;
  }
  return `The state file ${file} cannot be opened: ${reason}.`;
}
