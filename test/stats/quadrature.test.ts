import { test } from 'tap';

import { gaussLegendre, gaussLegendreCumulative, integrate } from '../../src/stats/quadrature.ts';

test('nodes and weights are those of the literature', (t) => {
  // numpy.polynomial.legendre.leggauss(5)
  const { nodes, weights } = gaussLegendre(5);
  const expected = [-0.906179845938664, -0.5384693101056831, 0, 0.5384693101056831, 0.906179845938664];
  expected.forEach((x, i) => t.ok(Math.abs(nodes[i]! - x) < 1e-15));
  t.ok(Math.abs(weights[0]! - 0.23692688505618908) < 1e-15);
  t.ok(Math.abs(weights[2]! - 0.5688888888888889) < 1e-15);
  t.equal(gaussLegendre(5), gaussLegendre(5), 'computed once');
  t.end();
});

test('a rule of n nodes integrates polynomials up to degree 2n - 1 exactly', (t) => {
  for (const n of [1, 2, 3, 8, 16, 64, 256]) {
    const { nodes, weights } = gaussLegendre(n);
    for (const degree of [0, 1, n, 2 * n - 1, 2 * n - 2]) {
      const sum = nodes.reduce((total, x, i) => total + weights[i]! * x ** degree, 0);
      const exact = degree % 2 === 0 ? 2 / (degree + 1) : 0;
      t.ok(Math.abs(sum - exact) < 1e-13, `${n} nodes, degree ${degree}: ${sum - exact}`);
    }
  }
  t.end();
});

test('the cumulative matrix integrates from -1 to each node', (t) => {
  const n = 16;
  const matrix = gaussLegendreCumulative(n);
  const { nodes } = gaussLegendre(n);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += matrix[i * n + j]! * Math.exp(2 * nodes[j]!);
    t.ok(Math.abs(sum - (Math.exp(2 * nodes[i]!) - Math.exp(-2)) / 2) < 1e-14, `node ${i}`);
  }
  t.end();
});

test('an integral does not depend on where the interval lies, and its sign on the direction', (t) => {
  t.ok(Math.abs(integrate(Math.exp, 1, 3) - (Math.exp(3) - Math.E)) < 1e-13);
  t.ok(Math.abs(integrate(Math.exp, 3, 1) + (Math.exp(3) - Math.E)) < 1e-13);
  t.end();
});

test('an order out of range is refused', (t) => {
  for (const n of [0, 257, 1.5, NaN]) t.throws(() => gaussLegendre(n), RangeError);
  t.end();
});
