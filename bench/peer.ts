import type { Scenario } from './scenario.ts';

export interface PeerContext {
  readonly scenario: Scenario;
  readonly upstreamPort: number;
  /** A directory of this peer's own, removed after the run. */
  readonly dir: string;
  /** The core that every process of the peer is pinned to. */
  readonly core: number;
}

export interface RunningPeer {
  /** Root of the peer's process tree; null when the load goes straight to the upstream. */
  readonly pid: number | null;
  /** Roots of further trees that belong to the peer but are not children of `pid`. */
  readonly extraPids: readonly number[];
  readonly port: number;
  /** What the peer was started with, for the report. */
  readonly config: string;
  readonly stop: () => Promise<void>;
}

/** Something that passes the scenario's requests on to the upstream and can be measured. */
export interface Peer {
  readonly name: string;
  version(): string;
  /** Null when the peer can run this scenario here, else the reason why it cannot. */
  available(scenario: Scenario): string | null;
  start(context: PeerContext): Promise<RunningPeer>;
}
