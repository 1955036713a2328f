import { figureNames, type FigureName } from './figures.ts';
import { isSameEntry, keptSamples, type EntryName, type Sample } from './sample.ts';
import { spreadOf, type Spread } from './statistics.ts';

export type Spreads = Readonly<Partial<Record<FigureName, Spread>>>;

export interface Summary extends EntryName {
  readonly figures: Spreads;
}

function spreads(values: (name: FigureName) => readonly (number | undefined)[]): Spreads {
  const found: Partial<Record<FigureName, Spread>> = {};
  for (const name of figureNames) {
    const spread = spreadOf(values(name).filter((each) => each !== undefined));
    if (spread !== null) found[name] = spread;
  }
  return found;
}

/** Sums up the rounds of each entry, leaving out round 0. */
export function summarize(samples: readonly Sample[], entries: readonly EntryName[]): Summary[] {
  const kept = keptSamples(samples);
  return entries.map((entry) => {
    const own = kept.filter((each) => isSameEntry(each, entry));
    return { peer: entry.peer, case: entry.case, figures: spreads((name) => own.map((each) => each.figures[name])) };
  });
}

/** Ratios of one entry to another, each taken within a round, so that drift between the rounds cancels. */
export function ratiosOf(samples: readonly Sample[], entry: EntryName, base: EntryName): Spreads {
  const kept = keptSamples(samples);
  const own = kept.filter((each) => isSameEntry(each, entry));
  const baseOf = (sample: Sample): Sample | undefined =>
    kept.find((each) => isSameEntry(each, base) && each.round === sample.round);
  const divide = (sample: Sample, name: FigureName): number | undefined => {
    const [value, divisor] = [sample.figures[name], baseOf(sample)?.figures[name]];
    return value === undefined || divisor === undefined || divisor <= 0 ? undefined : value / divisor;
  };
  return spreads((name) => own.map((each) => divide(each, name)));
}
