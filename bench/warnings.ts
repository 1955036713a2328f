import { LOAD_CORE } from './cores.ts';
import type { Skipped } from './participants.ts';
import { entryLabel, keptSamples, type Sample } from './sample.ts';
import type { Summary } from './summary.ts';

const WELL_BELOW_CEILING = 3;
const AT_CEILING = 1.1;
const SATURATED_SHARE = 0.9;
const LOAD_SHARE = 0.95;
const FOREIGN_SHARE = 0.1;
const STEAL_SHARE = 0.02;
/** The generator's own lateness is part of the latencies of the open loop. */
const LAG_US = 500;
export const FULL_ROUNDS = 7;

export interface RunFacts {
  readonly rounds: number;
  /** Name of what loaded in the closed loops. */
  readonly generator: string;
  /** Peers and cases that were asked for and could not run. */
  readonly skipped: readonly Skipped[];
  readonly entries: readonly { readonly label: string; readonly cores: readonly number[] }[];
}

function ofCeiling(own: Summary, ceiling: number): string[] {
  const label = entryLabel(own);
  const { rps, coreShare, loadShare } = own.figures;
  if (rps === undefined || own.peer === 'direct') return [];
  const found: string[] = [];
  if (ceiling < rps.median * AT_CEILING) {
    found.push(`${label} is mock-bound: its rps is within 10 % of direct, judge it by CPU per request`);
  } else if (ceiling < rps.median * WELL_BELOW_CEILING) {
    const times = (ceiling / rps.median).toFixed(1);
    found.push(`${label}: direct is only ${times} times as fast (wanted 3), so the load side may hold it back`);
  }
  if (coreShare !== undefined && coreShare.median < SATURATED_SHARE) {
    const limit = (loadShare?.median ?? 0) > LOAD_SHARE ? '; the load core was full' : '';
    const used = Math.round(coreShare.median * 100);
    found.push(`${label} used ${used} % of its core at saturation: its rps is a lower bound${limit}`);
  }
  return found;
}

function ofOpenLoop({ figures, ...own }: Summary): string[] {
  const lag = figures.halfLagP99Us?.median ?? 0;
  if (lag <= LAG_US) return [];
  const text = `the generator was up to ${Math.round(lag)} µs late, which is in the latencies`;
  return [`${entryLabel(own)}: in the open loop ${text}`];
}

/** What a reader must know before believing the figures, one sentence each. */
export function findWarnings(facts: RunFacts, summaries: readonly Summary[], samples: readonly Sample[]): string[] {
  const found = facts.skipped.map(({ name, reason }) => `${name} was SKIPPED: ${reason}`);
  if (facts.generator === 'autocannon') {
    found.push(
      `the load came from ${facts.generator}, which costs several times what wrk does: compare no rps and no latency ` +
        'with those of runs with wrk',
    );
  }
  if (facts.rounds < FULL_ROUNDS) found.push(`${facts.rounds} rounds are fewer than ${FULL_ROUNDS}`);
  for (const { label, cores } of facts.entries) {
    if (cores.includes(LOAD_CORE))
      found.push(`${label} shared a core with upstream and load: judge it by CPU per request`);
  }
  for (const each of summaries) {
    const direct = summaries.find((other) => other.peer === 'direct' && other.case === each.case);
    // Without direct nothing is known of the ceiling, which is told once.
    found.push(...ofCeiling(each, direct?.figures.rps?.median ?? Infinity), ...ofOpenLoop(each));
  }
  const isLoaded = summaries.some(({ figures }) => figures.rps !== undefined);
  if (isLoaded && !summaries.some(({ peer }) => peer === 'direct')) {
    found.push('direct did not run: the ceiling is unknown');
  }
  const kept = keptSamples(samples);
  const noisy = kept.filter(
    ({ figures }) => (figures.foreignShare ?? 0) > FOREIGN_SHARE || (figures.stealShare ?? 0) > STEAL_SHARE,
  );
  if (noisy.length > 0) {
    found.push(
      `${noisy.length} of ${kept.length} timings shared their cores with other work: run again on a quiet machine`,
    );
  }
  return found;
}
