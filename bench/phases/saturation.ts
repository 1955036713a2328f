import { assertClean } from '../load/load.ts';
import { readUsage, usageFigures } from '../usage.ts';
import { CONNECTIONS, type Phase } from './phase.ts';

/** Closed loop at full width: throughput, and the CPU time and memory that it took. */
export const saturation: Phase = {
  isOpenLoop: false,
  take: async ({ name, running, upstream, cores, load, seconds, ...turn }) => {
    const shape = {
      port: running.port,
      connections: turn.case.connections ?? CONNECTIONS,
      seconds,
      check: false,
    };
    const callsBefore = await upstream.calls();
    const before = readUsage(running.pids, cores);
    const result = await load.run(shape);
    const after = readUsage(running.pids, cores);
    assertClean(name, result);
    const calls = (await upstream.calls()) - callsBefore;
    return {
      rps: result.requests / result.seconds,
      p50Us: result.p50Us,
      p99Us: result.p99Us,
      upstreamCalls: calls / result.requests,
      ...usageFigures(before, after, result.requests),
    };
  },
};
