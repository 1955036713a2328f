import type { Figures } from '../figures.ts';
import { assertClean, type OpenLoopResult } from '../load/load.ts';
import { runOpenLoop } from '../load/open-loop.ts';
import { asHttp } from '../scenario.ts';
import type { Phase, Turn } from './phase.ts';

/** The part of its saturation at which a peer is loaded here. */
export const HALF = 0.5;
/** What the generator's own code needs to be compiled. */
const LEAD_SECONDS = 1;
/** So many times as long as under full load: the slowest hundredth is made of few and rare stalls. */
const TIMES_AS_LONG = 4;

async function load(turn: Turn, port: number): Promise<OpenLoopResult> {
  const { name, rate, seconds } = turn;
  const span = { seconds: seconds * TIMES_AS_LONG, leadSeconds: LEAD_SECONDS };
  const result = await runOpenLoop({ case: asHttp(turn.case), port, rate, ...span });
  assertClean(name, result);
  return result;
}

async function takeHalf(turn: Turn): Promise<Figures> {
  const { running, rate, upstream } = turn;
  const callsBefore = await upstream.calls();
  const result = await load(turn, running.port);
  const calls = (await upstream.calls()) - callsBefore;
  return {
    halfRps: rate,
    halfP50Us: result.p50Us,
    halfP99Us: result.p99Us,
    halfLagP99Us: result.lagP99Us,
    halfUpstreamCalls: calls / result.requests,
  };
}

/** Open loop at half of the peer's saturation. */
export const half: Phase = {
  isOpenLoop: true,
  take: async (turn) => (turn.running.pids.length === 0 ? {} : await takeHalf(turn)),
};

/** The same, and right after it the same rate without the peer, so that what the peer adds is known. */
export const halfAdded: Phase = {
  isOpenLoop: true,
  take: async (turn) => {
    if (turn.running.pids.length === 0) return {};
    const own = await takeHalf(turn);
    const straight = await load(turn, turn.upstream.port);
    return {
      ...own,
      halfAddedP50Us: (own.halfP50Us ?? 0) - straight.p50Us,
      halfAddedP99Us: (own.halfP99Us ?? 0) - straight.p99Us,
    };
  },
};
