import { Worker, type MessagePort } from 'node:worker_threads';

import type { ServingConfig } from '../config/prepare.ts';
import type { AttachedSeries } from '../edges/telemetry/attached-series.ts';
import type {
  MessageFromWorker,
  MessageToWorker,
  WorkerAnswers,
  WorkerRequest,
  WorkerStart,
} from './worker-messages.ts';

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** Why a worker does not answer: it has ended. What it was asked need not be asked again. */
export class WorkerEnded extends Error {}

/** The main thread's end of one worker. */
export class WorkerLink {
  readonly id: number;
  readonly thread: Worker;
  readonly series: AttachedSeries;
  /** What it serves, or will when it serves. */
  config: ServingConfig;
  isServing = false;
  /** Resolves when it can be asked, rejects with why it cannot serve. */
  readonly started: Promise<unknown>;
  isStarted = false;
  /** Resolves when the thread is gone, with why. */
  readonly ended: Promise<string>;
  readonly #waiting = new Map<number, Waiting>();
  #lastCall = 0;
  #error: string | null = null;
  #hasEnded = false;

  constructor(start: WorkerStart, config: ServingConfig, series: AttachedSeries, onLines: (lines: string) => void) {
    this.id = start.id;
    this.config = config;
    this.series = series;
    this.thread = new Worker(new URL('./worker-thread.ts', import.meta.url), {
      workerData: start,
      transferList: start.statePort === null ? [] : [start.statePort],
      name: `makas-worker-${start.id}`,
    });
    this.thread.on('message', (message: MessageFromWorker) => {
      if ('lines' in message) onLines(message.lines);
      else this.#settle(message);
    });
    this.thread.on('error', (error) => {
      this.#error = error instanceof Error ? error.message : String(error);
    });
    this.started = this.#wait(0).then(() => (this.isStarted = true));
    this.ended = new Promise((resolve) => {
      this.thread.once('exit', (code) => {
        this.#hasEnded = true;
        this.isServing = false;
        const reason = this.#error ?? `exit code ${code}`;
        for (const waiting of this.#waiting.values()) waiting.reject(new WorkerEnded(reason));
        this.#waiting.clear();
        resolve(reason);
      });
    });
  }

  /** Rejects with the worker's reason, with `WorkerEnded`, or when it does not answer in time. */
  async ask<R extends WorkerRequest>(request: R, limitMs: number): Promise<WorkerAnswers[R['ask']]> {
    const call = ++this.#lastCall;
    const answer = this.#wait(call);
    this.post({ call, request });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The worker answers as WorkerAnswers says.
    return (await within(limitMs, `worker ${this.id} did not answer`, answer).finally(() => {
      this.#waiting.delete(call);
    })) as WorkerAnswers[R['ask']];
  }

  post(message: MessageToWorker, transfer: readonly MessagePort[] = []): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A thread, not a window.
    this.thread.postMessage(message, transfer);
  }

  #wait(call: number): Promise<unknown> {
    if (this.#hasEnded) return Promise.reject(new WorkerEnded('it has ended'));
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(call, { resolve, reject });
    // Whoever waits may have given up by then.
    promise.catch(() => {});
    return promise;
  }

  #settle(message: Exclude<MessageFromWorker, { lines: string }>): void {
    const waiting = this.#waiting.get(message.call);
    this.#waiting.delete(message.call);
    if ('error' in message) waiting?.reject(new Error(message.error));
    else waiting?.resolve(message.answer);
  }
}

/** Rejects with `what` when the promise takes longer. */
export async function within<T>(limitMs: number, what: string, promise: Promise<T>): Promise<T> {
  const { promise: limit, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what} within ${limitMs} ms`)), limitMs);
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
