import type { Scenario } from '../scenario.ts';

export interface LoadOrder {
  readonly scenario: Scenario;
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  readonly core: number;
  /** Compare the body of every answer too: for warming up, since it costs the generator time. */
  readonly check: boolean;
}

/** What one closed-loop phase gave; latencies in microseconds. */
export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Counts by kind (connect, read, write, timeout, status, body); all zero in a good phase. */
  readonly failures: Readonly<Record<string, number>>;
}

export interface LoadGenerator {
  readonly name: string;
  readonly version: string;
  run(order: LoadOrder): Promise<LoadResult>;
}

/** Throws unless the phase had answers and not one failure. */
export function assertClean(peer: string, result: LoadResult): void {
  const failed = Object.entries(result.failures).filter(([, count]) => count > 0);
  const list = failed.map(([kind, count]) => `${kind} ${count}`).join(', ');
  if (failed.length > 0) throw new Error(`${peer}: of ${result.requests} requests some failed under load: ${list}`);
  if (result.requests === 0) throw new Error(`${peer}: no request was answered under load`);
}
