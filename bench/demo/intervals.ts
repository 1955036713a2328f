/** An estimate and the ends of its 95 % interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** The 97.5 % quantile of the normal distribution. */
const Z = 1.959963984540054;

/**
 * A share with its score interval (Wilson, 1927), which also holds near 0 and 1.
 *
 * @param count in [0, total].
 * @param total at least 1.
 */
export function estimateShare(count: number, total: number): Estimate {
  const share = count / total;
  const center = share + Z ** 2 / (2 * total);
  const half = Z * Math.sqrt((share * (1 - share)) / total + Z ** 2 / (4 * total ** 2));
  const scale = 1 + Z ** 2 / total;
  return { value: share, low: (center - half) / scale, high: (center + half) / scale };
}

/**
 * Mean difference of paired numbers with its normal interval; NaN on either side leaves a pair out. The pair is the
 * unit: many requests for one sample say no more about other samples than one does.
 *
 * @throws RangeError with less than two pairs.
 */
export function estimateDifference(a: readonly number[], b: readonly number[]): Estimate {
  const differences = a.map((value, i) => value - (b[i] ?? Number.NaN)).filter((value) => !Number.isNaN(value));
  const { length } = differences;
  if (length < 2) throw new RangeError('a difference needs two pairs');
  const mean = meanOf(differences);
  const variance = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (length - 1);
  const half = Z * Math.sqrt(variance / length);
  return { value: mean, low: mean - half, high: mean + half };
}

/** The mean of the numbers that are none of NaN; NaN when there are none. */
export function meanOf(values: readonly number[]): number {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}
