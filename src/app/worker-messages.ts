import type { MessagePort } from 'node:worker_threads';

import type { PortableConfig } from '../config/prepare.ts';
import type { SeriesMemory } from '../edges/telemetry/series-memory.ts';
import type { BackendDescription } from '../gateway/admin-view.ts';
import type { ShadowDescription } from '../gateway/mirror.ts';
import type { DataAddresses, DataPorts } from './data-plane.ts';

/** What a worker is started with. */
export interface WorkerStart {
  readonly id: number;
  readonly workers: number;
  readonly config: PortableConfig;
  readonly memory: SeriesMemory;
  readonly statePort: MessagePort | null;
  readonly keyCheckMs: number | undefined;
}

/** What the main thread asks of a worker. */
export type WorkerRequest =
  /** Makes ready to serve a configuration; refused when it cannot. */
  | { readonly ask: 'prepare'; readonly config: PortableConfig }
  /** Serves what was prepared. */
  | { readonly ask: 'commit' }
  /** Forgets what was prepared. */
  | { readonly ask: 'abandon' }
  | { readonly ask: 'listen'; readonly ports: DataPorts }
  /** Sets the metrics that are only known when asked for. Answers after all that was under way when asked is counted. */
  | { readonly ask: 'collect' }
  | { readonly ask: 'describe' }
  /** Answers at once, unless its event loop hangs. */
  | { readonly ask: 'beat' }
  /** Ends what is under way within the drain limit, and then the thread. */
  | { readonly ask: 'close' };

export interface WorkerAnswers {
  readonly prepare: null;
  readonly commit: null;
  readonly abandon: null;
  readonly listen: DataAddresses;
  readonly collect: null;
  readonly describe: WorkerDescription;
  readonly beat: null;
  readonly close: null;
}

export interface WorkerDescription {
  readonly backends: readonly BackendDescription[];
  readonly shadows: readonly ShadowDescription[];
}

export type MessageToWorker =
  | { readonly call: number; readonly request: WorkerRequest }
  /** Characters of log lines that were taken. */
  | { readonly taken: number }
  | { readonly statePort: MessagePort };

/** `call` 0 is the start. */
export type MessageFromWorker =
  | { readonly call: number; readonly answer: WorkerAnswers[keyof WorkerAnswers] }
  | { readonly call: number; readonly error: string }
  | { readonly lines: string };
