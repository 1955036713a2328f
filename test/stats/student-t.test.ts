import * as fc from 'fast-check';
import { test } from 'tap';

import { studentTCdf, studentTLogPeak, studentTQuantile } from '../../src/stats/student-t.ts';

const isNear = (found: number, expected: number, relative: number): boolean =>
  Math.abs(found - expected) <= relative * Math.abs(expected);

test('the peak of the density agrees with SciPy', (t) => {
  // scipy.stats.t(df).logpdf(x), which falls from the peak by (df + 1) / 2 · ln(1 + x² / df).
  t.ok(isNear(studentTLogPeak(1), -1.1447298858494, 1e-13));
  t.ok(isNear(studentTLogPeak(5) - 3 * Math.log1p(9 / 5), -4.0574778405981995, 1e-13));
  t.ok(isNear(studentTLogPeak(30) - 15.5 * Math.log1p(2.25 / 30), -2.0482405798630525, 1e-13));
  t.end();
});

test('tails agree with SciPy and keep their digits', (t) => {
  // scipy.stats.t(df).cdf(x)
  const rows: readonly [x: number, df: number, cdf: number][] = [
    [-40, 5, 9.205981085886477e-8],
    [-5, 341, 4.5946741262131196e-7],
    [-1.96, 30, 0.029671156448025246],
    [-1e-5, 2, 0.49999646446609414],
    [2, 1, 0.8524163823495667],
    [-3, 1e8, 0.0013498983640187468],
  ];
  for (const [x, df, cdf] of rows) t.ok(isNear(studentTCdf(x, df), cdf, 1e-12), `${x}, ${df}: ${studentTCdf(x, df)}`);
  t.equal(studentTCdf(0, 7), 0.5);
  t.end();
});

test('quantiles agree with SciPy', (t) => {
  // scipy.stats.t(df).ppf(p)
  const rows: readonly [p: number, df: number, x: number][] = [
    [1e-14, 1, -31830988618379.066],
    [1e-14, 30, -13.673352679819388],
    [0.025, 5, -2.5705818356363155],
    [0.975, 341, 1.9669451293272178],
    [0.49, 2, -0.028289929799333573],
    [1e-6, 0.5, -102849115631.63399],
  ];
  for (const [p, df, x] of rows) t.ok(isNear(studentTQuantile(p, df), x, 1e-12), `${p}, ${df}`);
  t.equal(studentTQuantile(0.5, 3), 0);
  t.equal(studentTQuantile(0, 3), -Infinity);
  t.equal(studentTQuantile(1, 3), Infinity);
  t.end();
});

test('the distribution function undoes the quantile', (t) => {
  const df = fc.double({ min: Math.log(0.3), max: Math.log(1e7), noNaN: true }).map(Math.exp);
  const p = fc.double({ min: Math.log(1e-14), max: Math.log(0.5), noNaN: true }).map(Math.exp);
  fc.assert(
    fc.property(p, df, (p, df) => isNear(studentTCdf(studentTQuantile(p, df), df), p, 1e-11)),
    { seed: 1, numRuns: 500 },
  );
  t.end();
});

test('degrees of freedom and probabilities out of range are refused', (t) => {
  t.throws(() => studentTCdf(1, 0), RangeError);
  t.throws(() => studentTLogPeak(NaN), RangeError);
  t.throws(() => studentTQuantile(-0.1, 3), RangeError);
  t.throws(() => studentTQuantile(0.1, Infinity), RangeError);
  t.end();
});
