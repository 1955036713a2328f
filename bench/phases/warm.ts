import { assertClean } from '../load/load.ts';
import { probe } from '../probe.ts';
import { CONNECTIONS, type Phase, type Turn } from './phase.ts';

const SECONDS = 1;

/** Sends full load and compares every answer. */
export async function warmUp(turn: Turn, seconds: number): Promise<void> {
  const { name, running } = turn;
  await probe(name, running.port, turn.case);
  const order = {
    case: turn.case,
    port: running.port,
    connections: turn.case.connections ?? CONNECTIONS,
    seconds,
    check: true,
  };
  assertClean(name, await turn.load.run(order));
}

/** Runs before anything is timed, so that code and connections are warm; `seconds` of full load. */
export function warmFor(seconds: number): Phase {
  return {
    isOpenLoop: false,
    take: async (turn) => {
      await warmUp(turn, seconds);
      return {};
    },
  };
}

export const warm = warmFor(SECONDS);
