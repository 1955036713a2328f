import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoadGenerator } from './load/load.ts';
import { describeMachine } from './machine.ts';
import { CONNECTIONS, GATEWAY_CORE, LOAD_CORE, takeSample, warmUp, type Sample } from './measure.ts';
import { turn, type Options } from './options.ts';
import type { Peer, RunningPeer } from './peer.ts';
import { probe } from './probe.ts';
import type { Report } from './report.ts';
import type { Scenario } from './scenario.ts';
import { addBaseline, summarize } from './summary.ts';
import { startUpstream, type Upstream } from './upstream/upstream.ts';
import { findWarnings } from './warnings.ts';

const BASES = ['direct', 'nginx', 'bare'];
const WARM_UP_SECONDS = 3;

export interface ScenarioRun {
  readonly scenario: Scenario;
  readonly peers: readonly Peer[];
  readonly load: LoadGenerator;
  readonly options: Options;
  readonly command: string;
  readonly say: (line: string) => void;
}

interface Started {
  readonly peer: Peer;
  readonly running: RunningPeer;
}

type Skipped = { peer: string; reason: string }[];

function findSkipped({ peers, scenario, say }: ScenarioRun): Skipped {
  const skipped: Skipped = [];
  for (const peer of peers) {
    const reason = peer.available(scenario);
    if (reason === null) continue;
    say(`!!! SKIPPED: ${peer.name} takes no part in ${scenario.name}: ${reason}`);
    skipped.push({ peer: peer.name, reason });
  }
  return skipped;
}

async function measure(run: ScenarioRun, started: readonly Started[]): Promise<Sample[]> {
  const { scenario, load, options, say } = run;
  const timings = started.map(({ peer, running }) => ({
    name: peer.name,
    running,
    scenario,
    load,
    seconds: options.seconds,
    round: 0,
  }));
  for (const timing of timings) await warmUp(timing, options.quick ? 1 : WARM_UP_SECONDS);
  const samples: Sample[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    for (const timing of turn(timings, Math.random())) {
      const sample = await takeSample({ ...timing, round });
      samples.push(sample);
      const { rps, serialP50Us, cpuUsPerRequest } = sample.figures;
      const cpu = cpuUsPerRequest === null ? '' : `, CPU ${cpuUsPerRequest.toFixed(1)} µs/request`;
      const mark = round === 0 ? ' (dropped)' : '';
      say(`round ${round}${mark} ${timing.name}: ${rps.toFixed(0)} rps, c=1 p50 ${serialP50Us.toFixed(0)} µs${cpu}`);
    }
  }
  return addBaseline(samples);
}

function makeReport(run: ScenarioRun, dir: string, upstream: Upstream, started: readonly Started[]) {
  const { scenario, load, options, command } = run;
  const withoutDir = (text: string): string => text.replaceAll(dir, '<dir>');
  return (skipped: Skipped, samples: readonly Sample[], machine: Report['machine']): Report => {
    const names = started.map(({ peer }) => peer.name);
    const summaries = summarize(samples, names, BASES);
    const { rounds, seconds } = options;
    return {
      scenario: scenario.name,
      about: scenario.about,
      command,
      rounds,
      seconds,
      connections: CONNECTIONS,
      machine,
      load: `${load.name} ${load.version}`,
      upstream: `${upstream.kind} ${upstream.version}`,
      upstreamConfig: withoutDir(upstream.config),
      peers: started.map(({ peer, running }) => ({
        name: peer.name,
        version: peer.version(),
        config: withoutDir(running.config),
      })),
      warnings: findWarnings(
        { upstream: upstream.kind, load: load.name, rounds, seconds, skipped },
        summaries,
        samples,
      ),
      summaries,
      samples,
    };
  };
}

/** Runs one scenario against its peers; gives null when only the answers were to be checked. */
export async function runScenario(run: ScenarioRun): Promise<Report | null> {
  const { scenario, peers, options, say } = run;
  const skipped = findSkipped(run);
  const machine = describeMachine();
  const dir = mkdtempSync(join(tmpdir(), 'makas-bench-'));
  const removeDir = (): void => rmSync(dir, { recursive: true, force: true });
  process.once('exit', removeDir);
  const stops: (() => Promise<void>)[] = [];
  try {
    const upstream = await startUpstream(LOAD_CORE, join(dir, 'upstream'), scenario);
    stops.push(upstream.stop);
    const started: Started[] = [];
    for (const peer of peers) {
      if (skipped.some((each) => each.peer === peer.name)) continue;
      const own = join(dir, peer.name);
      mkdirSync(own);
      const running = await peer.start({ scenario, upstreamPort: upstream.port, dir: own, core: GATEWAY_CORE });
      stops.push(running.stop);
      started.push({ peer, running });
      await probe(peer.name, running.port, scenario);
      say(`${peer.name} answers ${scenario.name} rightly`);
    }
    if (options.check) return null;
    const samples = await measure(run, started);
    return makeReport(run, dir, upstream, started)(skipped, samples, machine);
  } finally {
    await Promise.all(stops.map((stop) => stop()));
    removeDir();
    process.off('exit', removeDir);
  }
}
