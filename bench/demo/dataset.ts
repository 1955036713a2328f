import { readFileSync } from 'node:fs';

/** One tissue sample: what was measured, and what it turned out to be (1 = malignant, 0 = benign). */
export type Sample = { readonly id: string; readonly features: ReadonlyMap<string, number>; readonly label: 0 | 1 };

/** What a client sends: the sample it asks about, the values of tensor `quick` in order, and the truth learned later. */
export type DemoRequest = { readonly sample_id: string; readonly quick: readonly number[]; readonly label: 0 | 1 };

/** One line of the online store: the key, then the lab measurements by name. */
export type StoreRow = { readonly key: string } & { readonly [feature: string]: string | number };

export type Split = { readonly training: readonly Sample[]; readonly heldOut: readonly Sample[] };

/** Columns of tensor `quick`: ratios and grey values, which a client has before the lab has measured anything. */
export const quickFeatures: readonly string[] = ['mean_texture', 'mean_smoothness', 'mean_compactness'];

/** Columns of tensor `lab`: the extremes over all nuclei of a sample, which only the online store has. */
export const labFeatures: readonly string[] = [
  'worst_radius',
  'worst_texture',
  'worst_perimeter',
  'worst_area',
  'worst_smoothness',
  'worst_compactness',
  'worst_concavity',
  'worst_concave_points',
  'worst_symmetry',
  'worst_fractal_dimension',
];

export const classes: readonly [string, string] = ['benign', 'malignant'];

/** The seed of the split, written into every model so that a reader can make the same split. */
export const splitSeed = 20261;

/** Every n-th held-out sample is missing from the online store: about 3 %, so that defaults are seen at work. */
export const missingEvery = 32;

export const dataUrl = new URL('./data/', import.meta.url);

/** Reads the committed data set; the file has no quoted cells, so that splitting at commas is all the parsing it needs. */
export function readSamples(): Sample[] {
  const text = readFileSync(new URL('breast-cancer-wisconsin.csv', dataUrl), 'utf8');
  const [header = '', ...lines] = text.trimEnd().split('\n');
  const names = header.split(',').slice(1, -1);
  return lines.map((line) => {
    const cells = line.split(',');
    const features = new Map(names.map((name, column) => [name, Number(cells[column + 1])]));
    return { id: cells[0] ?? '', features, label: cells.at(-1) === classes[1] ? 1 : 0 };
  });
}

/** Shuffles with a seed and cuts in the middle: the demo needs as many held-out rows as it can get. */
export function splitSamples(samples: readonly Sample[], seed: number): Split {
  const shuffled = [...samples];
  const draw = createDraws(seed);
  for (let last = shuffled.length - 1; last > 0; last--) {
    const other = Math.floor(draw() * (last + 1));
    const kept = shuffled[last]!;
    shuffled[last] = shuffled[other]!;
    shuffled[other] = kept;
  }
  const middle = Math.ceil(shuffled.length / 2);
  return { training: shuffled.slice(0, middle), heldOut: shuffled.slice(middle) };
}

/** The values of the named columns, in that order. */
export function pickFeatures(sample: Sample, names: readonly string[]): number[] {
  return names.map((name) => {
    const value = sample.features.get(name);
    if (value === undefined) throw new Error(`the data set has no column "${name}"`);
    return value;
  });
}

export function toRequests(heldOut: readonly Sample[]): DemoRequest[] {
  return heldOut.map((sample) => ({
    sample_id: sample.id,
    quick: pickFeatures(sample, quickFeatures),
    label: sample.label,
  }));
}

export function toStoreRows(heldOut: readonly Sample[]): StoreRow[] {
  const stored = heldOut.filter((_, index) => index % missingEvery !== missingEvery - 1);
  return stored.map((sample) => {
    const values = pickFeatures(sample, labFeatures);
    return { key: sample.id, ...Object.fromEntries(labFeatures.map((name, j) => [name, values[j] ?? 0])) };
  });
}

/** The held-out rows as traffic, in a fixed order. */
export function readRequests(): DemoRequest[] {
  return readLines<DemoRequest>('requests.jsonl');
}

export function readStoreRows(): StoreRow[] {
  return readLines<StoreRow>('online-store.jsonl');
}

function readLines<Row>(file: string): Row[] {
  const lines = readFileSync(new URL(file, dataUrl), 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line));
}

/** Uniform draws in [0, 1): a 32-bit Weyl sequence through the finalizer of MurmurHash3 (Appleby, public domain). */
function createDraws(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let bits = state;
    bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32;
  };
}
