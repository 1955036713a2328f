import type { MessagePort } from 'node:worker_threads';
import type { BanditSums, RewardOutcome, RewardWrite, ServedCount, WindowClosing } from '../../gateway/ports.ts';

/** What the gateway's thread asks of the thread that owns the state file. */
export type StateRequest =
  | { readonly kind: 'signingKey'; readonly proposal: Uint8Array | null }
  | { readonly kind: 'addRewards'; readonly rewards: readonly RewardWrite[] }
  | { readonly kind: 'addServed'; readonly counts: readonly ServedCount[] }
  | { readonly kind: 'closeWindows'; readonly closings: readonly WindowClosing[] }
  | { readonly kind: 'readSums'; readonly bandits: readonly string[] }
  | { readonly kind: 'close' };

/** The answer to each kind of request. */
export interface StateAnswers {
  readonly signingKey: Uint8Array;
  readonly addRewards: readonly RewardOutcome[];
  readonly addServed: null;
  readonly closeWindows: null;
  readonly readSums: ReadonlyMap<string, BanditSums>;
  readonly close: null;
}

export interface StateCall {
  readonly call: number;
  readonly request: StateRequest;
}

/** Another thread's own way to the state. */
export interface StateConnect {
  readonly connect: MessagePort;
}

/** `call` 0 is the opening of the file. */
export type StateReply =
  | { readonly call: number; readonly answer: StateAnswers[keyof StateAnswers] }
  | { readonly call: number; readonly error: string };

/** What the thread is started with. */
export interface StateFile {
  readonly file: string;
  /** Largest size of the file, bytes. */
  readonly maxBytes: number;
}
