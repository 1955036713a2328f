import { assertClean } from '../load/load.ts';
import { surroundingsOf } from '../surroundings.ts';
import { CONNECTIONS, type Phase, type Turn } from './phase.ts';

const SECONDS = 1;

/** Sends full load and compares every answer. */
export async function warmUp(turn: Turn, seconds: number): Promise<void> {
  const { name, running } = turn;
  await surroundingsOf(turn.case).probe(name, running.port);
  const shape = {
    port: running.port,
    connections: turn.case.connections ?? CONNECTIONS,
    seconds,
    check: true,
  };
  assertClean(name, await turn.load.run(shape));
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
