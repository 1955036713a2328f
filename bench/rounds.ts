import { loadavg } from 'node:os';
import { startEntry, type Entry, type StartedEntry } from './entry.ts';
import type { Figures } from './figures.ts';
import { bindLoad, type Generators } from './load/bind-load.ts';
import { turn as turnRound, type Options } from './options.ts';
import { HALF } from './phases/half.ts';
import type { Turn } from './phases/phase.ts';
import { saturation } from './phases/saturation.ts';
import { warmUp } from './phases/warm.ts';
import { addBaseline, type Sample } from './sample.ts';
import type { Scenario } from './scenario.ts';
import { noiseFigures, readUsage } from './usage.ts';

/** By then nearly all is compiled. */
const WARM_UP_SECONDS = 6;

export interface Rounds {
  readonly scenario: Scenario;
  readonly entries: readonly Entry[];
  readonly generators: Generators;
  readonly options: Options;
  readonly say: (line: string) => void;
}

export interface Measured {
  readonly samples: readonly Sample[];
  /** How each entry was last started. */
  readonly started: ReadonlyMap<Entry, StartedEntry>;
}

function makeTurn(entry: Entry, { running }: StartedEntry, { generators, options }: Rounds, rate: number): Turn {
  const { label: name, upstream, cores } = entry;
  const load = bindLoad(generators, entry.case);
  return { name, running, case: entry.case, upstream, cores, load, seconds: options.seconds, rate };
}

/**
 * The rate of the open loop by peer: half of the least saturation of its cases, so that they are compared at one rate.
 * The entries must be warm.
 */
async function findRates(started: ReadonlyMap<Entry, StartedEntry>, rounds: Rounds) {
  const rates = new Map<string, number>();
  for (const [entry, running] of started) {
    const { rps = 0 } = await saturation.take(makeTurn(entry, running, rounds, 0));
    const rate = Math.floor(rps * HALF);
    rates.set(entry.peer.name, Math.min(rate, rates.get(entry.peer.name) ?? Infinity));
    rounds.say(`${entry.label} saturates at ${rps.toFixed(0)} rps`);
  }
  return rates;
}

/** Measures every entry once a round, from a random start, in the same sequence. */
export async function runRounds(rounds: Rounds): Promise<Measured> {
  const { scenario, entries, options, say } = rounds;
  const { isFresh = false, phases } = scenario;
  const started = new Map<Entry, StartedEntry>();
  const running = new Set<StartedEntry>();
  const start = async (entry: Entry): Promise<StartedEntry> => {
    const each = await startEntry(entry);
    started.set(entry, each);
    running.add(each);
    return each;
  };
  const stop = async (each: StartedEntry): Promise<void> => {
    running.delete(each);
    await each.running.stop();
  };
  const takeTurn = async (entry: Entry, rate: number): Promise<Figures> => {
    const own = isFresh ? undefined : started.get(entry);
    const each = own ?? (await start(entry));
    const turn = makeTurn(entry, each, rounds, rate);
    const before = readUsage(each.running.pids, entry.cores);
    let figures: Figures = {};
    for (const phase of phases) figures = { ...figures, ...(await phase.take(turn)) };
    const noise = noiseFigures(before, readUsage(each.running.pids, entry.cores), entry.cores);
    if (own === undefined) await stop(each);
    return { ...figures, ...noise };
  };
  try {
    if (!isFresh) {
      for (const entry of entries) {
        const each = await start(entry);
        await warmUp(makeTurn(entry, each, rounds, 0), options.quick ? 1 : WARM_UP_SECONDS);
      }
    }
    const rates = phases.some((each) => each.isOpenLoop) ? await findRates(started, rounds) : new Map<string, number>();
    const samples: Sample[] = [];
    for (let round = 0; round < options.rounds; round += 1) {
      for (const entry of turnRound(entries, Math.random())) {
        const figures = await takeTurn(entry, rates.get(entry.peer.name) ?? 0);
        const loadAverage = loadavg()[0] ?? 0;
        samples.push({ peer: entry.peer.name, case: entry.case.name, round, loadAverage, figures });
        const shown = figures[scenario.chart];
        const text = shown === undefined ? '' : `: ${scenario.chart} ${shown.toFixed(1)}`;
        say(`round ${round}${round === 0 ? ' (dropped)' : ''} ${entry.label}${text}`);
      }
    }
    return { samples: addBaseline(samples), started };
  } finally {
    await Promise.all([...running].map(stop));
  }
}
