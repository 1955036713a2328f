import * as fc from 'fast-check';
import { test } from 'tap';

import { betaQuantile, logitBeta, logitBetaLowerTail } from '../../src/stats/beta.ts';

const isNear = (found: number, expected: number, relative: number): boolean =>
  Math.abs(found - expected) <= relative * Math.abs(expected);
const logit = (x: number): number => Math.log(x) - Math.log1p(-x);
const cdf = (x: number, a: number, b: number): number => logitBetaLowerTail(logitBeta(a, b), logit(x));
/** The upper tail is the lower one of 1 - x. */
const survival = (x: number, a: number, b: number): number => logitBetaLowerTail(logitBeta(b, a), -logit(x));

test('the density agrees with SciPy', (t) => {
  // scipy.stats.beta(a, b).logpdf(x), and the density of the logit is that of x times x (1 - x).
  const rows: readonly [x: number, a: number, b: number, logPdf: number][] = [
    [0.3, 2.5, 7, Math.log(2.409430634131165)],
    [1e-10, 2.5, 7, -29.713377057196432],
    [0.25, 0.5, 0.5, -0.30774166906356415],
  ];
  for (const [x, a, b, logPdf] of rows) {
    const expected = logPdf + Math.log(x) + Math.log1p(-x);
    t.ok(isNear(logitBeta(a, b).logPdf(logit(x)), expected, 1e-13), `${a}, ${b} at ${x}`);
  }
  t.end();
});

test('both tails agree with SciPy, deep down and for shapes up to 1e8', (t) => {
  // scipy.special.betainc(a, b, x), scipy.special.betaincc(a, b, x)
  const rows: readonly [x: number, a: number, b: number, cdf: number, survival: number][] = [
    [0.1, 121, 881, 0.01773112197053758, 0.9822688780294625],
    [0.01, 121, 881, 1.1264717847004697e-87, 1],
    [0.999, 1e5, 3, 1.8050206664622744e-40, 1],
    [1e-300, 0.5, 0.5, 6.366197723675813e-151, 1],
    [0.3, 2, 3, 0.3483, 0.6517],
    [0.3001, 3e6, 7e6, 0.7549386711358075, 0.24506132886427007],
    [0.5, 1e8, 1e8 + 100, 0.5028209237106782, 0.49717907628932645],
    [0.166, 1e7, 5e7, 4.737382858342677e-44, 1],
  ];
  for (const [x, a, b, lower, upper] of rows) {
    t.ok(isNear(cdf(x, a, b), lower, 1e-11), `cdf of ${a}, ${b} at ${x}`);
    t.ok(isNear(survival(x, a, b), upper, 1e-11), `survival of ${a}, ${b} at ${x}`);
  }
  for (const size of [2, 2000]) {
    t.equal(cdf(0, size, 3000), 0);
    t.equal(cdf(1, size, 3000), 1);
    t.equal(survival(0, size, 3000), 1);
    t.equal(survival(1, size, 3000), 0);
  }
  t.end();
});

test('quantiles agree with SciPy', (t) => {
  // scipy.stats.beta(a, b).ppf(p)
  const rows: readonly [p: number, a: number, b: number, x: number][] = [
    [1e-14, 121, 881, 0.0567380973521927],
    [0.025, 121, 881, 0.10132341964422845],
    [0.975, 121, 881, 0.1416269997488508],
    [1e-6, 0.5, 0.5, 2.46740110027031e-12],
    [0.5, 2, 3, 0.3857275681323895],
    [1 - 1e-10, 5, 2, 0.9999974180021067],
    [0.025, 1e6, 2e6, 0.3328000040759549],
  ];
  for (const [p, a, b, x] of rows) t.ok(isNear(betaQuantile(p, a, b), x, 1e-12), `${p} of ${a}, ${b}`);
  t.equal(betaQuantile(0, 2, 3), 0);
  t.equal(betaQuantile(1, 2, 3), 1);
  t.end();
});

test('the distribution function undoes the quantile', (t) => {
  const shape = fc.double({ min: Math.log(0.3), max: Math.log(1e6), noNaN: true }).map(Math.exp);
  const p = fc.double({ min: Math.log(1e-14), max: Math.log(0.5), noNaN: true }).map(Math.exp);
  fc.assert(
    fc.property(p, shape, shape, (p, a, b) => {
      const x = betaQuantile(p, a, b);
      // Near 1 a double is too coarse to name the place.
      return x > 0.999 || isNear(cdf(x, a, b), p, 1e-9);
    }),
    { seed: 1, numRuns: 500 },
  );
  t.end();
});

test('shapes and probabilities out of range are refused', (t) => {
  t.throws(() => logitBeta(0, 1), RangeError);
  t.throws(() => logitBeta(1, NaN), RangeError);
  t.throws(() => betaQuantile(0.5, 1, Infinity), RangeError);
  t.throws(() => betaQuantile(1.5, 1, 1), RangeError);
  t.end();
});
