import type { Figures, Sample } from './measure.ts';
import { spreadOf, type Spread } from './statistics.ts';

export type FigureName = keyof Figures;
export type Spreads = Readonly<Record<FigureName, Spread | null>>;

export interface Summary {
  readonly peer: string;
  readonly figures: Spreads;
  /** By base peer: the median over the rounds of this peer's figure divided by the base's in the same round. */
  readonly ratios: Readonly<Record<string, Spreads>>;
}

function spreads(values: (name: FigureName) => (number | null)[]): Spreads {
  const of = (name: FigureName): Spread | null => spreadOf(values(name).filter((each) => each !== null));
  return {
    rps: of('rps'),
    p50Us: of('p50Us'),
    p99Us: of('p99Us'),
    cpuUsPerRequest: of('cpuUsPerRequest'),
    coreShare: of('coreShare'),
    rssMiB: of('rssMiB'),
    serialP50Us: of('serialP50Us'),
    serialP99Us: of('serialP99Us'),
    addedP50Us: of('addedP50Us'),
  };
}

function ofSameRound(samples: readonly Sample[], sample: Sample, peer: string): Figures | undefined {
  return samples.find((each) => each.peer === peer && each.round === sample.round)?.figures;
}

function divide(value: number | null, base: number | null | undefined): number | null {
  return value === null || base === null || base === undefined || base === 0 ? null : value / base;
}

/** Fills in what each sample adds to the latency of `direct` in its round. */
export function addBaseline(samples: readonly Sample[]): Sample[] {
  return samples.map((sample) => {
    const base = ofSameRound(samples, sample, 'direct');
    const isBase = base === undefined || sample.peer === 'direct';
    const addedP50Us = isBase ? null : sample.figures.serialP50Us - base.serialP50Us;
    return { ...sample, figures: { ...sample.figures, addedP50Us } };
  });
}

/** Sums up the rounds of each peer, in the order of `peers`, leaving out round 0. */
export function summarize(samples: readonly Sample[], peers: readonly string[], bases: readonly string[]): Summary[] {
  const kept = samples.filter((each) => each.round > 0);
  return peers.map((peer) => {
    const own = kept.filter((each) => each.peer === peer);
    const ratioTo = (base: string): Spreads =>
      spreads((name) => own.map((each) => divide(each.figures[name], ofSameRound(kept, each, base)?.[name])));
    return {
      peer,
      figures: spreads((name) => own.map((each) => each.figures[name])),
      ratios: Object.fromEntries(bases.filter((base) => peers.includes(base)).map((base) => [base, ratioTo(base)])),
    };
  });
}
