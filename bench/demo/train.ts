import { mkdirSync, writeFileSync } from 'node:fs';
import {
  classes,
  labFeatures,
  pickFeatures,
  quickFeatures,
  readSamples,
  splitSamples,
  splitSeed,
  toRequests,
  toStoreRows,
  type Sample,
  type Split,
} from './dataset.ts';
import { columnMeans, fitLogistic } from './logistic.ts';
import { compileScorer, type Model } from './model.ts';

type Recipe = { readonly name: string; readonly features: readonly string[]; readonly l2: number };

/** What each model may look at. The candidate asks whether one lab measurement would do instead of ten. */
const recipes: readonly Recipe[] = [
  { name: 'weak', features: quickFeatures, l2: 1 },
  { name: 'strong', features: [...quickFeatures, ...labFeatures], l2: 1 },
  { name: 'candidate', features: [...quickFeatures, 'worst_radius'], l2: 1 },
];

/** Trains one model; its numbers are rounded first and its accuracies taken from the rounded model. */
export function trainModel(recipe: Recipe, split: Split): Model {
  const rows = split.training.map((sample) => pickFeatures(sample, recipe.features));
  const labels = split.training.map((sample) => sample.label);
  const fit = fitLogistic(rows, labels, recipe.l2);
  const labRows = split.training.map((sample) => pickFeatures(sample, labFeatures));
  const labMeans = columnMeans(labRows, labFeatures.length);
  const model: Model = {
    name: recipe.name,
    seed: splitSeed,
    l2: recipe.l2,
    trainingRows: split.training.length,
    heldOutRows: split.heldOut.length,
    trainingAccuracy: 0,
    heldOutAccuracy: 0,
    heldOutAccuracyWithoutLab: 0,
    classes,
    quick: quickFeatures,
    lab: labFeatures,
    labDefaults: Object.fromEntries(labFeatures.map((name, j) => [name, round(labMeans[j] ?? 0)])),
    intercept: round(fit.intercept),
    terms: recipe.features.map((feature, j) => ({
      feature,
      mean: round(fit.mean[j] ?? 0),
      scale: round(fit.scale[j] ?? 0),
      weight: round(fit.weights[j] ?? 0),
    })),
  };
  return {
    ...model,
    trainingAccuracy: round(accuracy(model, split.training, true)),
    heldOutAccuracy: round(accuracy(model, split.heldOut, true)),
    heldOutAccuracyWithoutLab: round(accuracy(model, split.heldOut, false)),
  };
}

/** The share of samples that the model puts into the right class; without lab values its defaults stand in. */
export function accuracy(model: Model, samples: readonly Sample[], withLab: boolean): number {
  const score = compileScorer(model);
  const right = samples.filter((sample) => {
    const lab = withLab ? Float32Array.from(pickFeatures(sample, labFeatures)) : undefined;
    const probability = score(Float32Array.from(pickFeatures(sample, quickFeatures)), lab, 0);
    return Number(probability >= 0.5) === sample.label;
  });
  return right.length / samples.length;
}

/** Everything that training writes: file content by path relative to this folder. */
export function buildFiles(): Map<string, string> {
  const split = splitSamples(readSamples(), splitSeed);
  const files = new Map<string, string>();
  for (const recipe of recipes) {
    files.set(`models/${recipe.name}.json`, formatModel(trainModel(recipe, split)));
  }
  files.set('data/requests.jsonl', formatLines(toRequests(split.heldOut)));
  files.set('data/online-store.jsonl', formatLines(toStoreRows(split.heldOut)));
  return files;
}

/** Nine significant digits: more than FP32 holds, fewer than the last bits on which two machines might differ. */
function round(value: number): number {
  return Number(value.toPrecision(9));
}

/** JSON as the formatter of this repository leaves it: what has no nesting and fits goes on one line. */
function formatModel(model: Model): string {
  const spread = JSON.stringify(model, null, 2);
  const joined = spread.replace(/(\[|\{)\s+([^[\]{}]*?)\s+(?:\]|\})/g, (whole, open: string, inner: string) => {
    const line = inner.replace(/\s*\n\s*/g, ' ');
    if (line.length > 110) return whole;
    return open === '[' ? `[${line}]` : `{ ${line} }`;
  });
  return `${joined}\n`;
}

function formatLines(rows: readonly unknown[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

if (import.meta.main) {
  mkdirSync(new URL('./models/', import.meta.url), { recursive: true });
  for (const [path, content] of buildFiles()) {
    writeFileSync(new URL(path, import.meta.url), content);
    console.log(`${path}  ${content.length} bytes`);
  }
}
