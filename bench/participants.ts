import { allowOpenFiles } from './open-files.ts';
import type { Peer } from './peer.ts';
import type { AnyCase, Scenario } from './scenario.ts';

/** What was asked for and does not take part. */
export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

export interface Participants {
  readonly peers: readonly Peer[];
  readonly cases: readonly AnyCase[];
  readonly skipped: readonly Skipped[];
}

const SPARE_FILES = 4_000;

/**
 * Chooses who takes part: the peers that the scenario has a configuration for and that are installed, and the cases that
 * the system allows. `isNamed` when the user asked for these peers by name, so that none is left out in silence.
 */
export function chooseParticipants(scenario: Scenario, wanted: readonly Peer[], isNamed: boolean): Participants {
  const skipped: Skipped[] = [];
  const peers = wanted.filter((peer) => {
    const takesPart = scenario.cases.some((each) => each.configs[peer.name] !== undefined);
    if (!takesPart && !isNamed) return false;
    const reason = takesPart ? peer.missing() : `the scenario ${scenario.name} has no configuration for it`;
    if (reason !== null) skipped.push({ name: peer.name, reason });
    return reason === null;
  });
  const cases = scenario.cases.filter((each) => {
    // A proxy has a connection to the client and perhaps one to the upstream for each held client.
    const reason = each.held === undefined ? null : allowOpenFiles(each.held + SPARE_FILES);
    if (reason !== null) skipped.push({ name: each.name, reason });
    return reason === null;
  });
  return { peers, cases, skipped };
}
