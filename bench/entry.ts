import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './child.ts';
import { gatewayCores } from './cores.ts';
import type { Peer, RunningPeer } from './peer.ts';
import { probeNumbers } from './probe.ts';
import { entryLabel } from './sample.ts';
import type { AnyCase, Place } from './scenario.ts';
import { surroundingsOf } from './surroundings.ts';
import type { Upstream } from './upstream/upstream.ts';

/** A peer in a case, as it takes part in a run. */
export interface Entry {
  readonly label: string;
  readonly peer: Peer;
  readonly case: AnyCase;
  readonly upstream: Upstream;
  readonly redisPort: number;
  readonly dir: string;
  readonly cores: readonly number[];
}

export function makeEntry(parts: Omit<Entry, 'label' | 'cores'>): Entry {
  const label = entryLabel({ peer: parts.peer.name, case: parts.case.name });
  return { ...parts, label, cores: gatewayCores(parts.case.cores ?? 1) };
}

export interface StartedEntry {
  readonly running: RunningPeer;
  readonly place: Place;
}

/** Starts the peer of an entry in front of an upstream. */
async function startBefore(entry: Entry, upstreamPort: number, part: string): Promise<StartedEntry> {
  const dir = join(entry.dir, part);
  mkdirSync(dir, { recursive: true });
  const [port, adminPort] = [await freePort(), await freePort()];
  const place = { port, adminPort, upstreamPort, redisPort: entry.redisPort, dir };
  const config = entry.case.configs[entry.peer.name]?.(place) ?? '';
  const isReady = (): Promise<boolean> => surroundingsOf(entry.case).isReady(port);
  return { place, running: await entry.peer.start({ place, config, cores: entry.cores, isReady }) };
}

/** Throws unless the peer hands on the right requests and gives the right answers. */
export async function verifyEntry(entry: Entry): Promise<void> {
  if (entry.peer.name === 'direct') return;
  const { startWitness, probeOne } = surroundingsOf(entry.case);
  const witness = await startWitness();
  try {
    const { running } = await startBefore(entry, witness.port, 'verify');
    try {
      for (const n of probeNumbers(entry.case)) {
        witness.clear();
        await probeOne(entry.label, running.port, n);
        witness.assertForwarded(entry.label, n);
      }
    } finally {
      await running.stop();
    }
  } finally {
    await witness.stop();
  }
}

/** Starts the peer of an entry before its upstream; throws unless it answers rightly. */
export async function startEntry(entry: Entry): Promise<StartedEntry> {
  const started = await startBefore(entry, entry.upstream.port, 'run');
  try {
    await surroundingsOf(entry.case).probe(entry.label, started.running.port);
    return started;
  } catch (error) {
    await started.running.stop();
    throw error;
  }
}

/** The configuration that an entry was started with, without what changes from run to run. */
export function describeConfig({ running, place }: StartedEntry): string {
  const names: readonly [string, string][] = [
    [place.dir, '<dir>'],
    [String(place.port), '<port>'],
    [String(place.adminPort), '<admin port>'],
    [String(place.upstreamPort), '<upstream port>'],
    [String(place.redisPort), '<redis port>'],
  ];
  return names.reduce((text, [value, name]) => (value === '0' ? text : text.replaceAll(value, name)), running.config);
}
