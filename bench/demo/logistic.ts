/** A fitted model on raw columns: probability = sigmoid(intercept + sum of weight * (x - mean) / scale). */
export type LogisticFit = {
  readonly mean: readonly number[];
  readonly scale: readonly number[];
  readonly weights: readonly number[];
  readonly intercept: number;
};

const iterations = 25;

/**
 * Binary logistic regression with an L2 penalty of `l2 / 2 * |weights|^2` on the standardised columns; the intercept is
 * free. Newton's method (iteratively reweighted least squares; Hastie, Tibshirani, Friedman, "The Elements of Statistical
 * Learning", 4.4.1) with a fixed number of steps, which ends at machine precision for any l2 > 0 of this size.
 *
 * @param rows n rows of d finite numbers.
 * @param labels n labels, 0 or 1.
 * @param l2 penalty > 0; scikit-learn's `C` is `1 / l2`.
 * @throws if a column is constant or the rows do not fit together.
 */
export function fitLogistic(rows: readonly (readonly number[])[], labels: readonly number[], l2: number): LogisticFit {
  const width = rows[0]?.length ?? 0;
  if (width === 0 || labels.length !== rows.length) throw new Error('needs as many labels as rows, and a column');
  const mean = columnMeans(rows, width);
  const scale = columnScales(rows, mean);
  const design = rows.map((row) => [1, ...row.map((x, j) => (x - at(mean, j)) / at(scale, j))]);
  let beta = Array.from({ length: width + 1 }, () => 0);
  for (let step = 0; step < iterations; step++) beta = newtonStep(design, labels, beta, l2);
  return { mean, scale, weights: beta.slice(1), intercept: at(beta, 0) };
}

/** The logistic function, in [0, 1]; large inputs end at 0 or 1 and never at NaN. */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

export function columnMeans(rows: readonly (readonly number[])[], width: number): number[] {
  return Array.from({ length: width }, (_, j) => rows.reduce((sum, row) => sum + at(row, j), 0) / rows.length);
}

/** Standard deviations with divisor n, as scikit-learn's StandardScaler has them. */
function columnScales(rows: readonly (readonly number[])[], mean: readonly number[]): number[] {
  return mean.map((center, j) => {
    const scale = Math.sqrt(rows.reduce((sum, row) => sum + (at(row, j) - center) ** 2, 0) / rows.length);
    if (!(scale > 0)) throw new Error(`column ${j} does not vary`);
    return scale;
  });
}

function newtonStep(design: readonly number[][], labels: readonly number[], beta: readonly number[], l2: number) {
  const penalties = beta.map((_, j) => (j === 0 ? 0 : l2));
  const gradient = beta.map((b, j) => -at(penalties, j) * b);
  const hessian = beta.map((_, j) => beta.map((_, k) => (j === k ? at(penalties, j) : 0)));
  design.forEach((row, i) => {
    const p = sigmoid(row.reduce((sum, x, j) => sum + x * at(beta, j), 0));
    const residual = at(labels, i) - p;
    row.forEach((x, j) => {
      gradient[j] = at(gradient, j) + x * residual;
      const line = at(hessian, j);
      row.forEach((z, k) => (line[k] = at(line, k) + p * (1 - p) * x * z));
    });
  });
  const delta = solvePositive(hessian, gradient);
  return beta.map((b, j) => b + at(delta, j));
}

/** Solves A x = b for a symmetric positive definite A by Cholesky's factors; A is overwritten. */
function solvePositive(a: number[][], b: readonly number[]): number[] {
  const cell = (i: number, j: number) => at(at(a, i), j);
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = cell(i, j);
      for (let k = 0; k < j; k++) sum -= cell(i, k) * cell(j, k);
      if (i === j && !(sum > 0)) throw new Error('the matrix is not positive definite');
      at(a, i)[j] = i === j ? Math.sqrt(sum) : sum / cell(j, j);
    }
  }
  const x = [...b];
  for (let i = 0; i < x.length; i++) {
    for (let k = 0; k < i; k++) x[i] = at(x, i) - cell(i, k) * at(x, k);
    x[i] = at(x, i) / cell(i, i);
  }
  for (let i = x.length - 1; i >= 0; i--) {
    for (let k = i + 1; k < x.length; k++) x[i] = at(x, i) - cell(k, i) * at(x, k);
    x[i] = at(x, i) / cell(i, i);
  }
  return x;
}

function at<Value>(values: readonly Value[], index: number): Value {
  const value = values[index];
  if (value === undefined) throw new RangeError(`no element ${index}`);
  return value;
}
