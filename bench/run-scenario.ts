import { describeConfig, verifyEntry, type Entry, type StartedEntry } from './entry.ts';
import { judgeBar } from './bars.ts';
import { bindLoad, type Generators } from './load/bind-load.ts';
import { describeMachine } from './machine.ts';
import type { Options } from './options.ts';
import { chooseParticipants } from './participants.ts';
import type { Peer } from './peer.ts';
import { CONNECTIONS } from './phases/phase.ts';
import type { ConfigText, Report } from './report-data.ts';
import { runRounds } from './rounds.ts';
import { firstCase, type Scenario } from './scenario.ts';
import { openStage } from './stage.ts';
import { summarize } from './summary.ts';
import { findWarnings } from './warnings.ts';

export interface ScenarioRun {
  readonly scenario: Scenario;
  readonly peers: readonly Peer[];
  readonly options: Options;
  readonly generators: Generators;
  readonly command: string;
  readonly say: (line: string) => void;
}

const MOST_LINES = 80;
const KEPT_LINES = 30;

/** Leaves out the middle of a long text. */
export function abridge(text: string): string {
  const lines = text.trimEnd().split('\n');
  if (lines.length <= MOST_LINES) return lines.join('\n');
  const left = lines.length - 2 * KEPT_LINES;
  return [...lines.slice(0, KEPT_LINES), `... ${left} lines more ...`, ...lines.slice(-KEPT_LINES)].join('\n');
}

/** The configurations of a run; those that are the same in several cases stand once. */
export function collectConfigs(started: Iterable<readonly [Entry, StartedEntry]>): ConfigText[] {
  const labels = new Map<string, string[]>();
  for (const [entry, each] of started) {
    const text = abridge(describeConfig(each));
    if (text === '') continue;
    labels.set(text, [...(labels.get(text) ?? []), entry.label]);
  }
  return [...labels].map(([text, names]) => ({ title: names.join('; '), text }));
}

/** Runs one scenario against its peers; gives null when only the answers were to be checked. */
export async function runScenario({ scenario, peers, generators, ...run }: ScenarioRun): Promise<Report | null> {
  const { options, command, say } = run;
  const load = bindLoad(generators, firstCase(scenario));
  const chosen = chooseParticipants(scenario, peers, options.peers.length > 0);
  for (const { name, reason } of chosen.skipped) {
    say(`!!! SKIPPED: ${name} takes no part in ${scenario.name}: ${reason}`);
  }
  const machine = describeMachine();
  const stage = await openStage({ ...scenario, cases: chosen.cases }, chosen.peers);
  try {
    for (const entry of stage.entries) {
      await verifyEntry(entry);
      say(`${entry.label} passes on ${scenario.name} rightly`);
    }
    if (options.check) return null;
    const { samples, started } = await runRounds({ scenario, entries: stage.entries, generators, options, say });
    const names = stage.entries.map((each) => ({ peer: each.peer.name, case: each.case.name }));
    const summaries = summarize(samples, names);
    const { rounds, seconds } = options;
    const facts = { rounds, generator: load.name, skipped: chosen.skipped, entries: stage.entries };
    return {
      scenario: scenario.name,
      about: scenario.about,
      command,
      rounds,
      seconds,
      connections: CONNECTIONS,
      machine,
      load: `${load.name} ${load.version}`,
      upstream: stage.upstream.software,
      peers: chosen.peers.map((each) => ({ name: each.name, version: each.version() })),
      configs: [{ title: 'upstream', text: abridge(stage.upstream.config) }, ...collectConfigs(started)],
      warnings: findWarnings(facts, summaries, samples),
      bars: scenario.bars.map((each) => judgeBar(each, samples)),
      chart: scenario.chart,
      summaries,
      samples,
    };
  } finally {
    await stage.stop();
  }
}
