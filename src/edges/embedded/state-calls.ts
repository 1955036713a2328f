import type {
  BanditSums,
  RewardOutcome,
  RewardWrite,
  ServedCount,
  StateStore,
  WindowClosing,
} from '../../gateway/ports.ts';
import type { StateAnswers, StateCall, StateReply, StateRequest } from './state-messages.ts';

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** The state as calls to the thread that owns the state file; how a call gets there is up to those who extend this. */
export abstract class StateCalls implements StateStore {
  readonly kind = 'embedded';
  readonly #waiting = new Map<number, Waiting>();
  #lastCall = 0;
  /** Calls of this turn: a message to another thread costs more than a call. */
  #unsent: StateCall[] = [];

  abstract isHealthy(): boolean;
  abstract close(): Promise<void>;
  /** Sends the calls, or says why that cannot be done. */
  protected abstract post(calls: readonly StateCall[]): string | null;

  signingKey(proposal?: Uint8Array): Promise<Uint8Array> {
    return this.ask({ kind: 'signingKey', proposal: proposal ?? null });
  }

  addRewards(rewards: readonly RewardWrite[]): Promise<readonly RewardOutcome[]> {
    return this.ask({ kind: 'addRewards', rewards });
  }

  async addServed(counts: readonly ServedCount[]): Promise<void> {
    await this.ask({ kind: 'addServed', counts });
  }

  async closeWindows(closings: readonly WindowClosing[]): Promise<void> {
    await this.ask({ kind: 'closeWindows', closings });
  }

  readSums(bandits: readonly string[]): Promise<ReadonlyMap<string, BanditSums>> {
    return this.ask({ kind: 'readSums', bandits });
  }

  protected ask<R extends StateRequest>(request: R): Promise<StateAnswers[R['kind']]> {
    const call = ++this.#lastCall;
    if (this.#unsent.length === 0) queueMicrotask(() => this.flush());
    this.#unsent.push({ call, request });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The thread answers each kind as StateAnswers says.
    return this.wait(call) as Promise<StateAnswers[R['kind']]>;
  }

  /** Sends what was asked in this turn; called by itself when the turn ends. */
  protected flush(): void {
    const calls = this.#unsent;
    if (calls.length === 0) return;
    this.#unsent = [];
    const problem = this.post(calls);
    if (problem === null) return;
    for (const { call } of calls) {
      const waiting = this.#waiting.get(call);
      this.#waiting.delete(call);
      waiting?.reject(new Error(problem));
    }
  }

  /** Waits for the reply to a call. */
  protected wait(call: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject });
    });
  }

  protected get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  protected settle(message: StateReply, errorText: (error: string) => string): void {
    const waiting = this.#waiting.get(message.call);
    this.#waiting.delete(message.call);
    if ('error' in message) waiting?.reject(new Error(errorText(message.error)));
    else waiting?.resolve(message.answer);
  }

  /** Nobody will answer the calls that wait. */
  protected failAll(text: string): void {
    for (const waiting of this.#waiting.values()) waiting.reject(new Error(text));
    this.#waiting.clear();
  }
}

export function writeFailure(error: string): string {
  return `The state file cannot be written: ${error}.`;
}
