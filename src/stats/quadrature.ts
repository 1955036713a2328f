/** A quadrature rule on [-1, 1]: ascending nodes and their weights, which sum to 2. */
export interface QuadratureRule {
  readonly nodes: Float64Array;
  readonly weights: Float64Array;
}

const MAX_ORDER = 256;
const rules = new Map<number, QuadratureRule>();
const cumulativeRules = new Map<number, Float64Array>();

/** Legendre polynomials P_0(x) ... P_n(x) by Bonnet's recurrence. */
function legendre(n: number, x: number): Float64Array {
  const p = new Float64Array(n + 1);
  p[0] = 1;
  if (n > 0) p[1] = x;
  for (let k = 1; k < n; k++) p[k + 1] = ((2 * k + 1) * x * p[k]! - k * p[k - 1]!) / (k + 1);
  return p;
}

/**
 * The Gauss-Legendre rule of n nodes (an integer, 1 to 256; RangeError otherwise), exact for polynomials of degree
 * 2n - 1. Nodes are the roots of P_n by Newton from Tricomi's estimate, weights 2 / ((1 - x²) P_n'(x)²): Abramowitz and
 * Stegun 25.4.29. Computed once for each n; do not write into the arrays.
 */
export function gaussLegendre(n: number): QuadratureRule {
  if (!Number.isInteger(n) || n < 1 || n > MAX_ORDER)
    throw new RangeError(`The order is from 1 to ${MAX_ORDER}: ${n}.`);
  const known = rules.get(n);
  if (known !== undefined) return known;
  const nodes = new Float64Array(n);
  const weights = new Float64Array(n);
  for (let i = 0; i < n / 2; i++) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (n + 0.5));
    let slope = 1;
    for (let round = 0; round < 10; round++) {
      const p = legendre(n, x);
      slope = (n * (p[n - 1]! - x * p[n]!)) / (1 - x * x);
      const step = p[n]! / slope;
      x -= step;
      if (Math.abs(step) < 1e-15) break;
    }
    if (2 * i + 1 === n) x = 0;
    const p = legendre(n, x);
    slope = (n * (p[n - 1]! - x * p[n]!)) / (1 - x * x);
    const weight = 2 / ((1 - x * x) * slope * slope);
    nodes[i] = x === 0 ? 0 : -x;
    nodes[n - 1 - i] = x;
    weights[i] = weight;
    weights[n - 1 - i] = weight;
  }
  const rule = { nodes, weights };
  rules.set(n, rule);
  return rule;
}

/**
 * The matrix, row by row (n × n), that turns the values of f at the Gauss-Legendre nodes into the integrals of f from -1
 * to each node; exact for polynomials of degree n - 1. From the Legendre series of the interpolant and
 * ∫ P_k = (P_{k+1} - P_{k-1}) / (2k + 1). Computed once for each n; do not write into it.
 */
export function gaussLegendreCumulative(n: number): Float64Array {
  const known = cumulativeRules.get(n);
  if (known !== undefined) return known;
  const { nodes, weights } = gaussLegendre(n);
  const at = Array.from(nodes, (x) => legendre(n, x));
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let sum = nodes[i]! + 1;
      for (let k = 1; k < n; k++) sum += at[j]![k]! * (at[i]![k + 1]! - at[i]![k - 1]!);
      matrix[i * n + j] = 0.5 * weights[j]! * sum;
    }
  }
  cumulativeRules.set(n, matrix);
  return matrix;
}

/** The integral of `f` from `from` to `to` by one Gauss-Legendre rule of n nodes. */
export function integrate(f: (x: number) => number, from: number, to: number, n = 16): number {
  const { nodes, weights } = gaussLegendre(n);
  const half = (to - from) / 2;
  const middle = (from + to) / 2;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += weights[i]! * f(middle + half * nodes[i]!);
  return half * sum;
}
