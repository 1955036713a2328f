import { assertClean } from '../load/load.ts';
import type { Phase } from './phase.ts';

/** One connection, closed loop: the latency of a request that waits for nobody. */
export const serial: Phase = {
  isOpenLoop: false,
  take: async ({ name, running, load, seconds, ...turn }) => {
    const half = Math.max(1, Math.floor(seconds / 2));
    const order = { case: turn.case, port: running.port, connections: 1, seconds: half, check: false };
    const result = await load.run(order);
    assertClean(name, result);
    return { serialP50Us: result.p50Us, serialP99Us: result.p99Us };
  },
};
