/** Median and quartiles of one figure over the rounds of a run. */
export interface Spread {
  readonly median: number;
  readonly q1: number;
  readonly q3: number;
}

/**
 * Quantile `p` in [0, 1] by linear interpolation between order statistics (Hyndman and Fan 1996, type 7).
 * Throws on an empty list.
 */
export function quantile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * p;
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  if (below === undefined || above === undefined) throw new RangeError('quantile of no values');
  return below + (above - below) * (position - Math.floor(position));
}

/** Median and quartiles, or null when there are no values. */
export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  return { median: quantile(values, 0.5), q1: quantile(values, 0.25), q3: quantile(values, 0.75) };
}
