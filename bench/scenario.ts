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

/** One way to run a scenario, in all that does not depend on the protocol; every peer is started anew for it. */
interface CaseShape {
  /** Empty when the scenario has only this one. */
  readonly name: string;
  /** How many different requests there are. */
  readonly requests: number;
  /** Connections of the full load, when not as many as usual. */
  readonly connections?: number;
  /** Clients that keep an idle connection open beside the load. */
  readonly held?: number;
  /** Cores that the peer may use, one by default. */
  readonly cores?: number;
  /** By peer name; a peer that is missing here takes no part. */
  readonly configs: Readonly<Partial<Record<string, Configure>>>;
}

/** Requests of HTTP/1.1; the load goes through all of them, in turn. */
export interface Case extends CaseShape {
  readonly request: (n: number) => WireRequest;
  readonly answer: WireAnswer;
  /** The JSON that must reach the upstream for request n; without it, the bytes of the request's body. */
  readonly forwarded?: (n: number) => string;
  /** The upstream reads the whole body first and answers from a file: for bodies that do not fit into a packet. */
  readonly isLarge?: boolean;
}

/** One unary call. */
export interface Call {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Without the prefix that it has on the wire. */
  readonly message: Buffer;
}

/** Unary calls of gRPC, without TLS; the load goes through a few of them, and what compares answers through all. */
export interface GrpcCase extends CaseShape {
  readonly call: (n: number) => Call;
  /** The message of every answer, which ends with the status OK. */
  readonly answer: Buffer;
  /** Calls under way on each connection of the full load. */
  readonly streams: number;
}

export type AnyCase = Case | GrpcCase;

export function isGrpc(own: AnyCase): own is GrpcCase {
  return 'call' in own;
}

/** For what is measured over HTTP/1.1 alone; throws on a case of gRPC. */
export function asHttp(own: AnyCase): Case {
  if (isGrpc(own)) throw new Error('this phase has no clients of gRPC');
  return own;
}

/** A hash that Redis holds. */
export interface Entity {
  readonly key: string;
  readonly fields: Readonly<Record<string, string>>;
}

export interface Scenario<C extends AnyCase = AnyCase> {
  readonly name: string;
  readonly about: string;
  readonly cases: readonly C[];
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
export function firstCase<C extends AnyCase>(scenario: Scenario<C>): C {
  const [first] = scenario.cases;
  if (first === undefined) throw new Error(`the scenario ${scenario.name} has no case`);
  return first;
}
