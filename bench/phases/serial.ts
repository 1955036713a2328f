import { assertClean } from '../load/load.ts';
import type { Phase } from './phase.ts';

/** One connection, closed loop: the latency of a request that waits for nobody. */
export const serial: Phase = {
  isOpenLoop: false,
  take: async ({ name, running, load, seconds }) => {
    const half = Math.max(1, Math.floor(seconds / 2));
    const result = await load.run({ port: running.port, connections: 1, seconds: half, check: false });
    assertClean(name, result);
    return { serialP50Us: result.p50Us, serialP99Us: result.p99Us };
  },
};
