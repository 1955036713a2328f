import type { Place } from './scenario.ts';

export interface PeerStart {
  readonly place: Place;
  readonly config: string;
  /** Every process of the peer is pinned to these. */
  readonly cores: readonly number[];
  /** Whether something answers at the port of the peer. */
  readonly isReady: () => Promise<boolean>;
}

export interface RunningPeer {
  /** Roots of the process trees of the peer; none when the load goes straight to the upstream. */
  readonly pids: readonly number[];
  readonly port: number;
  /** What the peer was started with, for the report. */
  readonly config: string;
  readonly stop: () => Promise<void>;
}

/** Something that passes requests on to the upstream and can be measured. */
export interface Peer {
  readonly name: string;
  version(): string;
  /** Null when the peer is installed here, else what is missing. */
  missing(): string | null;
  start(start: PeerStart): Promise<RunningPeer>;
}
