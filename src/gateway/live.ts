import type { ArmWeights } from '../core/decision.ts';
import type { Backend, Snapshot } from '../core/snapshot.ts';
import type { EndpointPool, Upstream } from './ports.ts';

/**
 * A snapshot at work: the compiled configuration with the pools of its endpoints. A request takes the live snapshot
 * once and stays on it. When a reload retires one, its pools are let go after its last request has ended.
 */
export class Live {
  readonly snapshot: Snapshot;
  /** Pools of each backend, by `Backend.index`. */
  readonly pools: ReadonlyArray<readonly EndpointPool[]>;
  /** What each bandit serves now, by `Bandit.index`; the learner renews the cells. */
  readonly weights: ReadonlyArray<ArmWeights | undefined>;
  /** Requests under way on this snapshot. */
  inflight = 0;
  #isRetired = false;
  readonly #onIdle: (live: Live) => void;

  constructor(
    snapshot: Snapshot,
    pools: ReadonlyArray<readonly EndpointPool[]>,
    weights: ReadonlyArray<ArmWeights | undefined>,
    onIdle: (live: Live) => void,
  ) {
    this.snapshot = snapshot;
    this.weights = weights;
    this.pools = pools;
    this.#onIdle = onIdle;
  }

  poolsOf(backend: Backend): readonly EndpointPool[] {
    return this.pools[backend.index] ?? [];
  }

  enter(): void {
    this.inflight++;
  }

  leave(): void {
    this.inflight--;
    if (this.#isRetired && this.inflight === 0) this.#onIdle(this);
  }

  retire(): void {
    this.#isRetired = true;
    if (this.inflight === 0) this.#onIdle(this);
  }
}

/** The pools of a snapshot, by `Backend.index`. Throws when one cannot be made, e.g. a file of its TLS settings is missing. */
export function openPools(snapshot: Snapshot, upstream: Upstream): EndpointPool[][] {
  return snapshot.backends.map((backend) =>
    backend.endpoints.map((endpoint) => upstream.pool(endpoint, backend.connection)),
  );
}
