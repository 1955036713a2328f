import type { Entity, WireAnswer, WireRequest } from '../scenario.ts';

/** The features of a flower, in the order in which the model gets them. */
export const FEATURES = [
  'sepal_length',
  'sepal_width',
  'petal_length',
  'petal_width',
  'stem_length',
  'stem_width',
  'leaf_count',
  'leaf_area',
  'soil_moisture',
  'light_hours',
] as const;

/** How many users, and how many flowers, the load goes through. */
export const UNITS = 1_000;
const ID = '7f3c1c9e-0d0f-4c55-9d0b-3a0f6a5b2e11';

function flowerId(n: number): string {
  return `f-${String(n % UNITS).padStart(6, '0')}`;
}

function featureValues(n: number): number[] {
  return FEATURES.map((_, k) => (((n % UNITS) * 7 + k * 131) % 997) / 100);
}

function document(n: number) {
  return {
    id: ID,
    inputs: [
      { name: 'input', shape: [1, 4], datatype: 'FP32', data: [5.1, 3.5, 1.4, 0.2] },
      { name: 'context', shape: [1, 4], datatype: 'FP32', data: [0.25, 0.5, 0.75, 1.5] },
    ],
    outputs: [{ name: 'scores' }, { name: 'label' }],
    parameters: { flower_id: flowerId(n) },
  };
}

/** About 340 bytes of body, the size of one row of a small tabular model; the user and the flower go with n. */
export function flowerRequest(n: number, model = 'iris'): WireRequest {
  return {
    method: 'POST',
    path: `/v2/models/${model}/infer`,
    headers: {
      'content-type': 'application/json',
      accept: '*/*',
      'user-agent': 'makas-bench',
      'x-user-id': `user-${n % UNITS}`,
    },
    body: JSON.stringify(document(n)),
  };
}

export const flowerAnswer: WireAnswer = {
  contentType: 'application/json',
  body: JSON.stringify({
    model_name: 'iris',
    model_version: '1',
    id: ID,
    outputs: [{ name: 'scores', shape: [1, 3], datatype: 'FP32', data: [0.97, 0.02, 0.01] }],
  }),
};

/** What the upstream must get when the features of the flower were added. */
export function enrichedBody(n: number): string {
  const plain = document(n);
  const features = { name: 'features', shape: [1, FEATURES.length], datatype: 'FP32', data: featureValues(n) };
  return JSON.stringify({ ...plain, inputs: [...plain.inputs, features] });
}

/** Every flower as Redis holds it. */
export const flowers: readonly Entity[] = Array.from({ length: UNITS }, (_, n) => {
  const values = featureValues(n);
  const fields = Object.fromEntries(FEATURES.map((name, k) => [name, String(values[k])]));
  return { key: `flower:${flowerId(n)}`, fields };
});
