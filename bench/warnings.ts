import type { Sample } from './measure.ts';
import type { Summary } from './summary.ts';

const WELL_BELOW_CEILING = 3;
const AT_CEILING = 1.1;
const SATURATED_SHARE = 0.9;
const FOREIGN_SHARE = 0.1;
const STEAL_SHARE = 0.02;
/** CPU time comes in ticks of 10 ms: below this a phase's figure is off by more than a third of a percent. */
const CPU_SECONDS = 3;
const FULL_ROUNDS = 7;

export interface RunFacts {
  readonly upstream: 'nginx' | 'node';
  readonly load: string;
  readonly rounds: number;
  readonly seconds: number;
  /** Peers that were asked for and could not run: name and reason. */
  readonly skipped: readonly { readonly peer: string; readonly reason: string }[];
}

function ofCeiling(summary: Summary, direct: Summary): string[] {
  const [own, ceiling] = [summary.figures.rps?.median ?? 0, direct.figures.rps?.median ?? 0];
  const found: string[] = [];
  const times = (ceiling / own).toFixed(1);
  if (ceiling < own * AT_CEILING) {
    found.push(`${summary.peer} is mock-bound: its rps is within 10 % of direct, judge it by CPU per request`);
  } else if (ceiling < own * WELL_BELOW_CEILING) {
    found.push(`${summary.peer}: direct is only ${times} times as fast (wanted 3), so the load side may hold it back`);
  }
  const share = summary.figures.coreShare?.median ?? null;
  if (share !== null && share < SATURATED_SHARE) {
    found.push(`${summary.peer} used ${Math.round(share * 100)} % of its core at saturation: its rps is a lower bound`);
  }
  return found;
}

/** What a reader must know before believing the figures, one sentence each. */
export function findWarnings(facts: RunFacts, summaries: readonly Summary[], samples: readonly Sample[]): string[] {
  const found = facts.skipped.map(({ peer, reason }) => `${peer} was SKIPPED: ${reason}`);
  if (facts.upstream === 'node') found.push('the upstream is Node, not nginx: expect results to be mock-bound');
  if (facts.load !== 'wrk') {
    found.push(`the load comes from ${facts.load}, not wrk: rps is held back by it, judge by CPU per request`);
  }
  if (facts.seconds < CPU_SECONDS) found.push(`phases of ${facts.seconds} s are too short to count CPU ticks well`);
  if (facts.rounds < FULL_ROUNDS) found.push(`${facts.rounds} rounds are fewer than ${FULL_ROUNDS}`);
  const direct = summaries.find((each) => each.peer === 'direct');
  if (direct === undefined) found.push('direct did not run: the ceiling is unknown');
  else for (const each of summaries) if (each !== direct) found.push(...ofCeiling(each, direct));
  const kept = samples.filter((each) => each.round > 0);
  const noisy = kept.filter((each) => each.foreignShare > FOREIGN_SHARE || each.stealShare > STEAL_SHARE);
  if (noisy.length > 0) {
    found.push(
      `${noisy.length} of ${kept.length} timings shared their cores with other work: run again on a quiet machine`,
    );
  }
  return found;
}
