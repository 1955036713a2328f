import type { FigureName, Figures } from './figures.ts';

/** Who was measured: a peer in a case of the scenario. */
export interface EntryName {
  readonly peer: string;
  /** Empty when the scenario has only one case. */
  readonly case: string;
}

/** The figures of one entry in one round. Round 0 is dropped. */
export interface Sample extends EntryName {
  readonly round: number;
  readonly loadAverage: number;
  readonly figures: Figures;
}

/** How an entry is written in text. */
export function entryLabel({ peer, case: name }: EntryName): string {
  return name === '' ? peer : `${peer}, ${name}`;
}

export function isSameEntry(a: EntryName, b: EntryName): boolean {
  return a.peer === b.peer && a.case === b.case;
}

/** The samples that count. */
export function keptSamples(samples: readonly Sample[]): Sample[] {
  return samples.filter((each) => each.round > 0);
}

function difference(value: number | undefined, base: number | undefined): number | undefined {
  return value === undefined || base === undefined ? undefined : value - base;
}

/** Fills in what each sample with one connection adds to the latency of `direct` in the same round and case. */
export function addBaseline(samples: readonly Sample[]): Sample[] {
  return samples.map((sample) => {
    const base = samples.find(
      (each) => isSameEntry(each, { ...sample, peer: 'direct' }) && each.round === sample.round,
    );
    if (base === undefined || base === sample) return sample;
    const added = (['P50Us', 'P99Us'] as const).map((end) => {
      const name: FigureName = `serial${end}`;
      return [`serialAdded${end}`, difference(sample.figures[name], base.figures[name])] as const;
    });
    const known = added.filter(([, value]) => value !== undefined);
    return { ...sample, figures: { ...sample.figures, ...Object.fromEntries(known) } };
  });
}
