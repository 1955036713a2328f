import { meanOf } from './intervals.ts';

/** Slices of time in which the shares of the arms are counted. */
export const SLICES = 40;

/** What one stream of requests came to, as its client saw it. */
export class Tally {
  readonly #right: Float64Array;
  readonly #asked: Float64Array;
  readonly #byArm = new Map<string, number>();
  readonly #slices = Array.from({ length: SLICES }, () => ({ all: 0, strong: 0 }));
  readonly #units = new Map<string, { visits: number; readonly arms: Set<string> }>();
  #requests = 0;

  /** `samples`: how many different ones there are. */
  constructor(samples: number) {
    this.#right = new Float64Array(samples);
    this.#asked = new Float64Array(samples);
  }

  /** Counts an answer. `elapsed` in [0, 1) is the part of the run that is over. */
  add(arm: string, sample: number, isRight: boolean, elapsed: number, unit?: string): void {
    this.#requests++;
    this.#byArm.set(arm, (this.#byArm.get(arm) ?? 0) + 1);
    this.#asked[sample]! += 1;
    if (isRight) this.#right[sample]! += 1;
    const slice = this.#slices[Math.min(SLICES - 1, Math.floor(elapsed * SLICES))]!;
    slice.all++;
    if (arm === 'strong') slice.strong++;
    if (unit !== undefined) this.#addUnit(unit, arm);
  }

  get requests(): number {
    return this.#requests;
  }

  /** Share of the requests, in [0, 1]. */
  shareOf(arm: string): number {
    return (this.#byArm.get(arm) ?? 0) / this.#requests;
  }

  /** Share of right answers of each sample; NaN where a sample was never asked about. */
  get accuracies(): number[] {
    return Array.from(this.#right, (right, i) => right / this.#asked[i]!);
  }

  /** Mean over the samples, so that every sample counts alike however often it was asked about. */
  get accuracy(): number {
    return meanOf(this.accuracies);
  }

  /** Share of the strong model in each slice of time; NaN where there were no requests. */
  get strongBySlice(): number[] {
    return this.#slices.map(({ all, strong }) => strong / all);
  }

  /** Units that came, came again, were ever on the strong model, and were on more than one. */
  get units(): { readonly all: number; readonly returned: number; readonly strong: number; readonly moved: number } {
    const units = [...this.#units.values()];
    return {
      all: units.length,
      returned: units.filter(({ visits }) => visits > 1).length,
      strong: units.filter(({ arms }) => arms.has('strong')).length,
      moved: units.filter(({ arms }) => arms.size > 1).length,
    };
  }

  #addUnit(name: string, arm: string): void {
    const unit = this.#units.get(name) ?? { visits: 0, arms: new Set() };
    this.#units.set(name, unit);
    unit.visits++;
    unit.arms.add(arm);
  }
}
