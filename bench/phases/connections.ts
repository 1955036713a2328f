import { setTimeout as sleep } from 'node:timers/promises';
import type { Figures } from '../figures.ts';
import { holdConnections, type Holder } from '../load/holder.ts';
import { asHttp } from '../scenario.ts';
import { rssBytes } from '../usage.ts';
import type { Phase, Turn } from './phase.ts';
import { saturation } from './saturation.ts';
import { warmUp } from './warm.ts';

/** Up to here connections count into the base, above each is a further one. */
export const BASE_CONNECTIONS = 256;
const SETTLE_MS = 500;

async function openAll(turn: Turn, holders: Holder[]): Promise<Figures> {
  const { running } = turn;
  const own = asHttp(turn.case);
  const held = own.held ?? 0;
  const open = async (connections: number): Promise<number> => {
    if (connections > 0) holders.push(await holdConnections({ case: own, port: running.port, connections }));
    await sleep(SETTLE_MS);
    return rssBytes(running.pids);
  };
  const base = await open(Math.min(held, BASE_CONNECTIONS));
  const further = held - BASE_CONNECTIONS;
  if (running.pids.length === 0) return {};
  if (further <= 0) return { heldRssMB: base / 1e6 };
  const all = await open(further);
  return { heldRssMB: all / 1e6, bytesPerConnection: (all - base) / further };
}

/** Opens the idle connections of the case on a peer that has seen no load, reads its memory, and loads it beside them. */
export const connections: Phase = {
  isOpenLoop: false,
  take: async (turn) => {
    const holders: Holder[] = [];
    try {
      const memory = await openAll(turn, holders);
      await warmUp(turn, 1);
      const loaded = await saturation.take(turn);
      const broken = holders.find((each) => !each.isWhole());
      if (broken !== undefined) throw new Error(`${turn.name} closed idle connections: ${broken.tail()}`);
      return { ...loaded, ...memory };
    } finally {
      await Promise.all(holders.map((each) => each.stop()));
    }
  },
};
