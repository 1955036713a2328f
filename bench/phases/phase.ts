import type { Figures } from '../figures.ts';
import type { Load } from '../load/load.ts';
import type { RunningPeer } from '../peer.ts';
import type { AnyCase } from '../scenario.ts';
import type { Upstream } from '../upstream/upstream.ts';

/** One peer's turn in one round. */
export interface Turn {
  readonly name: string;
  readonly running: RunningPeer;
  readonly case: AnyCase;
  readonly upstream: Upstream;
  readonly cores: readonly number[];
  /** What loads in the closed loops. */
  readonly load: Load;
  /** Length of a full-load phase. */
  readonly seconds: number;
  /** Requests per second of the open loop. */
  readonly rate: number;
}

/** A part of a turn. Throws on any wrong answer. */
export interface Phase {
  readonly take: (turn: Turn) => Promise<Figures>;
  /** Whether it needs a rate, which is found before the first round. */
  readonly isOpenLoop: boolean;
}

/** Full load uses this many connections: enough to keep one core busy, few enough that no queue hides the latency. */
export const CONNECTIONS = 64;
