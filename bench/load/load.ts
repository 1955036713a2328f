import type { AnyCase, Case } from '../scenario.ts';

/** The shape of a closed loop: each connection sends its next request when the one before is answered. */
export interface LoadShape {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  /** Compare the body of every answer too: for warming up, since it costs the generator time. */
  readonly check: boolean;
}

/** A closed loop with what it sends. */
export interface LoadOrder<C extends AnyCase = Case> extends LoadShape {
  readonly case: C;
}

/** What one phase gave; latencies in microseconds. */
export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Counts by kind (connect, read, timeout, status, body and the like); all zero in a good phase. */
  readonly failures: Readonly<Record<string, number>>;
}

/** A program that loads in a closed loop. */
export interface LoadGenerator<C extends AnyCase = Case> {
  readonly name: string;
  readonly version: string;
  readonly run: (order: LoadOrder<C>) => Promise<LoadResult>;
}

/** A generator that knows what to send. */
export interface Load {
  readonly name: string;
  readonly version: string;
  readonly run: (shape: LoadShape) => Promise<LoadResult>;
}

/** Of an open loop: latencies count from the moment at which a request was due. */
export interface OpenLoopResult extends LoadResult {
  /** How late the generator itself was to notice that a request was due, 99th percentile. */
  readonly lagP99Us: number;
}

/** Throws unless the phase had answers and not one failure. */
export function assertClean(peer: string, result: LoadResult): void {
  const failed = Object.entries(result.failures).filter(([, count]) => count > 0);
  const list = failed.map(([kind, count]) => `${kind} ${count}`).join(', ');
  if (failed.length > 0) throw new Error(`${peer}: of ${result.requests} requests some failed under load: ${list}`);
  if (result.requests === 0) throw new Error(`${peer}: no request was answered under load`);
}
