import { readFileSync } from 'node:fs';
import { sigmoid } from './logistic.ts';

/** A trained model as it lies in `models/*.json`. Every model reads the same two inputs; its terms say what it uses. */
export type Model = {
  readonly name: string;
  readonly seed: number;
  readonly l2: number;
  readonly trainingRows: number;
  readonly heldOutRows: number;
  /** Shares in [0, 1]: rows whose label is the class with the larger probability. */
  readonly trainingAccuracy: number;
  readonly heldOutAccuracy: number;
  /** The same held-out rows, with every lab value at its default: what the model is worth without the online store. */
  readonly heldOutAccuracyWithoutLab: number;
  readonly classes: readonly string[];
  readonly quick: readonly string[];
  readonly lab: readonly string[];
  /** Per lab feature the mean of the training rows: what stands in for a sample that nobody has measured. */
  readonly labDefaults: Readonly<Record<string, number>>;
  readonly intercept: number;
  readonly terms: readonly Term[];
};

export type Term = {
  readonly feature: string;
  readonly mean: number;
  readonly scale: number;
  readonly weight: number;
};

/** Scores row `row` of the flat, row-major tensors; without `lab` the defaults stand in. The result is in [0, 1]. */
export type Scorer = (quick: ArrayLike<number>, lab: ArrayLike<number> | undefined, row: number) => number;

/** Reads a model file; the models are made by this repository, so that only their presence is checked. */
export function readModel(path: string | URL): Model {
  const model: Model = JSON.parse(readFileSync(path, 'utf8'));
  return model;
}

/** The three models of the demo by name. */
export function readDemoModel(name: 'weak' | 'strong' | 'candidate'): Model {
  return readModel(new URL(`./models/${name}.json`, import.meta.url));
}

/** Folds mean and scale into one factor per column, so that a row costs one multiplication per column. */
export function compileScorer(model: Model): Scorer {
  const quickFactors = new Float64Array(model.quick.length);
  const labFactors = new Float64Array(model.lab.length);
  let intercept = model.intercept;
  for (const { feature, mean, scale, weight } of model.terms) {
    intercept -= (weight * mean) / scale;
    const quickColumn = model.quick.indexOf(feature);
    const labColumn = model.lab.indexOf(feature);
    if (quickColumn >= 0) quickFactors[quickColumn] = weight / scale;
    else if (labColumn >= 0) labFactors[labColumn] = weight / scale;
    else throw new Error(`model "${model.name}" uses "${feature}", which neither input has`);
  }
  const defaults = Float64Array.from(model.lab, (name) => Math.fround(model.labDefaults[name] ?? Number.NaN));
  return (quick, lab, row) =>
    lab === undefined
      ? sigmoid(intercept + dot(quickFactors, quick, row) + dot(labFactors, defaults, 0))
      : sigmoid(intercept + dot(quickFactors, quick, row) + dot(labFactors, lab, row));
}

function dot(factors: Float64Array, values: ArrayLike<number>, row: number): number {
  const offset = row * factors.length;
  let sum = 0;
  for (let column = 0; column < factors.length; column++) {
    sum += factors[column]! * values[offset + column]!;
  }
  return sum;
}
