import type { Model, Scorer } from './model.ts';

/** A request that the model cannot answer; its message is for the client. */
export class BadRequest extends Error {}

type Json = { readonly [key: string]: unknown };
type Tensor = { readonly rows: number; readonly values: Float32Array };
type OutputTensor = { name: string; datatype: string; shape: number[]; data: number[] };

export type InferAnswer = { model_name: string; model_version: string; id?: string; outputs: OutputTensor[] };

const outputNames: readonly string[] = ['label', 'probability'];

/**
 * Answers one OIP V2 infer request (inference_rest.md, "Inference"): `quick` FP32 [n, q] and, where somebody has it, `lab`
 * FP32 [n, l]; answers `label` INT64 [n] (1 = malignant, probability >= 0.5) and `probability` FP32 [n] in [0, 1].
 *
 * @throws BadRequest for anything that is not such a request.
 */
export function infer(model: Model, score: Scorer, name: string, version: string, body: string): InferAnswer {
  const request = readObject(body);
  const { id } = request;
  if (id !== undefined && typeof id !== 'string') throw new BadRequest('"id" must be a string');
  const inputs = readInputs(request, model);
  const quick = inputs.get('quick');
  const lab = inputs.get('lab');
  if (quick === undefined) throw new BadRequest('input "quick" is missing');
  if (lab !== undefined && lab.rows !== quick.rows) {
    throw new BadRequest(`input "lab" has ${lab.rows} rows, but "quick" has ${quick.rows}`);
  }
  const probabilities = Array.from({ length: quick.rows }, (_, row) => score(quick.values, lab?.values, row));
  const outputs: OutputTensor[] = [
    { name: 'label', datatype: 'INT64', shape: [quick.rows], data: probabilities.map((p) => (p >= 0.5 ? 1 : 0)) },
    { name: 'probability', datatype: 'FP32', shape: [quick.rows], data: probabilities.map(Math.fround) },
  ];
  const wanted = readWantedOutputs(request);
  return {
    model_name: name,
    model_version: version,
    ...(id === undefined ? {} : { id }),
    outputs: wanted === undefined ? outputs : outputs.filter((output) => wanted.has(output.name)),
  };
}

function readObject(body: string): Json {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw new BadRequest('the body is not JSON');
  }
  if (!isObject(parsed)) throw new BadRequest('the body is not a JSON object');
  return parsed;
}

function readInputs(request: Json, model: Model): Map<string, Tensor> {
  if (!Array.isArray(request['inputs'])) throw new BadRequest('"inputs" must be an array');
  const tensors = new Map<string, Tensor>();
  for (const input of request['inputs'] as unknown[]) {
    const name = isObject(input) ? input['name'] : undefined;
    if (!isObject(input) || typeof name !== 'string') throw new BadRequest('every input needs a "name"');
    if (tensors.has(name)) throw new BadRequest(`input "${name}" is given twice`);
    if (name === 'quick') tensors.set(name, readTensor(input, name, model.quick.length));
    else if (name === 'lab') tensors.set(name, readTensor(input, name, model.lab.length));
    else throw new BadRequest(`unexpected input "${name}"`);
  }
  return tensors;
}

function readTensor(input: Json, name: string, width: number): Tensor {
  const { datatype, shape, data } = input;
  if (datatype !== 'FP32') throw new BadRequest(`input "${name}" must have datatype FP32`);
  if (!Array.isArray(shape) || shape.length !== 2 || shape[1] !== width || !isCount(shape[0])) {
    throw new BadRequest(`input "${name}" must have shape [n, ${width}] with n >= 1`);
  }
  if (!Array.isArray(data)) throw new BadRequest(`input "${name}" needs "data", an array`);
  // The OIP text allows the elements flat in row-major order, or nested as the shape says.
  const isNested = Array.isArray(data[0]);
  if (isNested && !data.every((row) => Array.isArray(row) && row.length === width)) {
    throw new BadRequest(`the rows of input "${name}" must have ${width} elements each`);
  }
  const elements = (isNested ? data.flat() : data) as unknown[];
  if (elements.length !== shape[0] * width) {
    throw new BadRequest(`input "${name}" has ${elements.length} elements, but its shape says ${shape[0] * width}`);
  }
  const values = new Float32Array(elements.length);
  for (let i = 0; i < elements.length; i++) {
    const element = elements[i];
    values[i] = typeof element === 'number' ? element : Number.NaN;
    if (!Number.isFinite(values[i]))
      throw new BadRequest(`element ${i} of input "${name}" is not a finite FP32 number`);
  }
  return { rows: shape[0], values };
}

function readWantedOutputs(request: Json): Set<string> | undefined {
  const { outputs } = request;
  if (outputs === undefined) return undefined;
  if (!Array.isArray(outputs)) throw new BadRequest('"outputs" must be an array');
  const wanted = new Set<string>();
  for (const output of outputs as unknown[]) {
    const name = isObject(output) ? output['name'] : undefined;
    if (typeof name !== 'string' || !outputNames.includes(name))
      throw new BadRequest(`unknown output; there are ${outputNames.join(' and ')}`);
    wanted.add(name);
  }
  return wanted;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1;
}
