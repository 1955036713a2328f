import type { Bar } from './bars.ts';
import type { FigureName } from './figures.ts';
import type { Phase } from './phases/phase.ts';

/** One request as the client writes it. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the upstream answers with status 200, and what every peer must hand on byte for byte. */
export interface WireAnswer {
  readonly contentType: string;
  readonly body: string;
}

/** Where a peer lives during a run: its ports, those of what it uses, and a directory of its own. */
export interface Place {
  readonly port: number;
  readonly adminPort: number;
  readonly upstreamPort: number;
  readonly redisPort: number;
  readonly dir: string;
}

/** Makes the configuration of one peer; empty for a peer that takes none. */
export type Configure = (place: Place) => string;

/** One way to run a scenario; every peer is started anew for it. */
export interface Case {
  /** Empty when the scenario has only this one. */
  readonly name: string;
  /** How many different requests the load goes through, in turn. */
  readonly requests: number;
  readonly request: (n: number) => WireRequest;
  readonly answer: WireAnswer;
  /** The JSON that must reach the upstream for request n; without it, the bytes of the request's body. */
  readonly forwarded?: (n: number) => string;
  /** The upstream reads the whole body first and answers from a file: for bodies that do not fit into a packet. */
  readonly isLarge?: boolean;
  /** Connections of the full load, when not as many as usual. */
  readonly connections?: number;
  /** Clients that keep an idle connection open beside the load. */
  readonly held?: number;
  /** Cores that the peer may use, one by default. */
  readonly cores?: number;
  /** By peer name; a peer that is missing here takes no part. */
  readonly configs: Readonly<Partial<Record<string, Configure>>>;
}

/** A hash that Redis holds. */
export interface Entity {
  readonly key: string;
  readonly fields: Readonly<Record<string, string>>;
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly cases: readonly Case[];
  /** What is done with a peer in its turn of a round, in this order. */
  readonly phases: readonly Phase[];
  /** Peers start anew for every turn, so that none carries memory over from the round before. */
  readonly isFresh?: boolean;
  readonly entities?: readonly Entity[];
  readonly bars: readonly Bar[];
  /** The figure that the chart shows. */
  readonly chart: FigureName;
}

/** The first of the cases; throws when there is none. */
export function firstCase(scenario: Scenario): Case {
  const [first] = scenario.cases;
  if (first === undefined) throw new Error(`the scenario ${scenario.name} has no case`);
  return first;
}
