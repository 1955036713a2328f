import { join } from 'node:path';
import { runPinned } from '../child.ts';
import { LOAD_CORE } from '../cores.ts';
import type { Case } from '../scenario.ts';
import type { OpenLoopResult } from './load.ts';
import { withOrder } from './worker-order.ts';

const WORKER = join(import.meta.dirname, 'open-loop-worker.ts');
/** More than are ever busy at half load, so that a request seldom waits for a free one. */
const CONNECTIONS = 256;

export interface OpenLoopOrder {
  readonly case: Case;
  readonly port: number;
  /** Requests per second, evenly spaced. */
  readonly rate: number;
  readonly seconds: number;
  /** Before that, at the same rate and not counted: the generator compiles its own code meanwhile, and is late. */
  readonly leadSeconds: number;
}

/**
 * Sends at a fixed rate, whatever the answers do, and counts latency from the moment at which a request was due: a slow
 * answer then shows in all the requests that it held up (no coordinated omission). Runs on the load core.
 */
export async function runOpenLoop({
  case: own,
  port,
  rate,
  seconds,
  leadSeconds,
}: OpenLoopOrder): Promise<OpenLoopResult> {
  const shape = { port, rate, seconds, leadSeconds, connections: CONNECTIONS };
  return await withOrder(own, shape, async (file) => {
    const args = ['--max-semi-space-size=64', WORKER, file];
    return JSON.parse(await runPinned({ cores: [LOAD_CORE], command: process.execPath, args }));
  });
}
