import type { Worker } from 'node:worker_threads';

import type { ReadyConfig } from '../config/prepare.ts';
import type { ArmWeights } from '../core/decision.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { LineSink } from '../edges/log/line-output.ts';
import type { PromMetrics } from '../edges/telemetry/metrics.ts';
import type { BackendDescription } from '../gateway/admin-view.ts';
import type { BanditView } from '../gateway/bandits.ts';
import type { ShadowDescription } from '../gateway/mirror.ts';
import type { Clock, Logger } from '../gateway/ports.ts';
import type { OpenState } from './state.ts';

/** Where requests are taken. */
export interface DataAddresses {
  readonly http: string;
  /** Null: there is no listener for gRPC. */
  readonly grpc: string | null;
}

export interface DataPorts {
  readonly http: number;
  /** 0 when there is no listener for gRPC. */
  readonly grpc: number;
}

/** What answers the requests, as the rest of the process sees it: the main thread itself, or workers. */
export interface DataPlane {
  readonly snapshot: Snapshot;
  /** What each bandit serves, by `Bandit.index`. */
  readonly weights: ReadonlyArray<ArmWeights | undefined>;
  /** Takes a configuration live; when it rejects, nothing has changed. */
  adopt(config: ReadyConfig): Promise<void>;
  /** Resolves with the addresses once requests are served. */
  listen(): Promise<DataAddresses>;
  backends(): Promise<readonly BackendDescription[]>;
  shadows(): Promise<readonly ShadowDescription[]>;
  bandits(): readonly BanditView[];
  /** Whether requests may come. */
  isServing(): boolean;
  isDraining(): boolean;
  /** What is missing though requests are served. */
  degraded(): readonly string[];
  /** The threads of the workers that run now; none when the main thread serves. */
  threads(): readonly Worker[];
}

/** What a replica shares with others of its process, or gets from the main thread. */
export interface ReplicaPorts extends OpenState {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: PromMetrics;
  readonly output: LineSink;
  /** Takes secrets out of a text. */
  readonly redact: (text: string) => string;
  readonly keyCheckMs?: number | undefined;
  /** Draws in [0, 1), which spread reads of the state in time. */
  readonly draw: () => number;
}

/** The path of requests in one thread. */
export interface Replica {
  readonly snapshot: Snapshot;
  readonly weights: ReadonlyArray<ArmWeights | undefined>;
  /** Makes ready to serve a snapshot; when it rejects, nothing has changed. */
  prepare(next: Snapshot): Promise<void>;
  /** Serves what was prepared. */
  adopt(next: Snapshot): void;
  /** Lets go of what was prepared. */
  abandon(): void;
  /** `reusePort`: other threads listen on the same ports. */
  listen(address: { readonly ports: DataPorts; readonly reusePort: boolean }): Promise<DataAddresses>;
  describe(): { readonly backends: readonly BackendDescription[]; readonly shadows: readonly ShadowDescription[] };
  bandits(): readonly BanditView[];
  isDraining(): boolean;
  degraded(): readonly string[];
}

/** Requests are answered in this thread. */
export function serveAlone(replica: Replica, ports: DataPorts, onListen: () => void): DataPlane {
  let isServing = false;
  return {
    get snapshot() {
      return replica.snapshot;
    },
    get weights() {
      return replica.weights;
    },
    async adopt({ snapshot }) {
      await replica.prepare(snapshot);
      replica.adopt(snapshot);
    },
    async listen() {
      const addresses = await replica.listen({ ports, reusePort: false });
      isServing = true;
      onListen();
      return addresses;
    },
    backends: async () => replica.describe().backends,
    shadows: async () => replica.describe().shadows,
    bandits: () => replica.bandits(),
    isServing: () => isServing,
    isDraining: () => replica.isDraining(),
    degraded: () => replica.degraded(),
    threads: () => [],
  };
}
