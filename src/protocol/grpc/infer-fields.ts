import { Buffer } from 'node:buffer';

import type { FieldPath, Scalar } from '../../core/facts.ts';
import type { BodyFields } from '../body-fields.ts';
import { requestedFields, requestFields } from './infer-message.ts';
import { readTensor } from './infer-tensor.ts';
import { hasKey, readParameter } from './parameters.ts';
import { readStringField } from './string-field.ts';
import { BYTES, FieldReader } from './wire.ts';

/** Objects are many times larger than the bytes that they are read from. No server takes so many tensors or parameters. */
const maxParts = 16_384;

const texts: ReadonlyMap<string, number> = new Map([
  ['model_name', requestFields.modelName],
  ['model_version', requestFields.modelVersion],
  ['id', requestFields.id],
]);

/** A ModelInferRequest for expressions. Parameters without a value are left out. */
export interface ParsedInfer {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly parameters: Readonly<Record<string, Scalar>>;
  readonly inputs: readonly ParsedInput[];
  readonly outputs: readonly { readonly name: string }[];
}

export interface ParsedInput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters: Readonly<Record<string, Scalar>>;
}

/** The fields of a ModelInferRequest, found by scanning the message; each path once. */
export class InferFields implements BodyFields {
  readonly #message: Buffer;
  #found: Map<FieldPath, Scalar | undefined> | null = null;
  #parsed: { readonly value: ParsedInfer | undefined } | null = null;
  #isWell: boolean | null = null;

  constructor(message: Buffer) {
    this.#message = message;
  }

  /**
   * `model_name`, `model_version`, `id`, or a key of `parameters`. Undefined for every other path, and for empty names,
   * which protobuf does not tell from absent ones. Integers beyond 2^53 - 1 are their digits.
   */
  field(path: FieldPath): Scalar | undefined {
    const known = this.#found?.get(path);
    if (known !== undefined || this.#found?.has(path) === true) return known;
    const value = this.#read(path);
    this.#found ??= new Map();
    this.#found.set(path, value);
    return value;
  }

  /** Undefined for malformed messages, and for those with more than 16,384 tensors and parameters. */
  parsed(): ParsedInfer | undefined {
    this.#parsed ??= { value: parseInfer(this.#message) };
    return this.#parsed.value;
  }

  /** A message that is malformed, or too much for expressions. */
  isDoubtful(): boolean {
    if (this.#parsed !== null && this.#parsed.value === undefined) return true;
    if (this.#found === null) return false;
    return !(this.#isWell ??= isWellFormed(this.#message));
  }

  #read(path: FieldPath): Scalar | undefined {
    const [first, key] = path;
    if (path.length === 2 && first === 'parameters') return findParameter(this.#message, Buffer.from(key!));
    const number = path.length === 1 ? texts.get(first!) : undefined;
    if (number === undefined) return undefined;
    const text = readStringField(this.#message, number);
    return text === '' ? undefined : text;
  }
}

function isWellFormed(message: Buffer): boolean {
  const field = new FieldReader(message);
  while (field.next());
  return field.isWell;
}

/** Of equal keys the last counts. */
function findParameter(message: Buffer, key: Buffer): Scalar | undefined {
  let found: Scalar | undefined;
  const field = new FieldReader(message);
  while (field.next()) {
    if (field.number !== requestFields.parameters || field.type !== BYTES) continue;
    if (hasKey(message, field.from, field.to, key)) found = readParameter(message, field.from, field.to)?.value;
  }
  return field.isWell ? found : undefined;
}

function parseInfer(message: Buffer): ParsedInfer | undefined {
  const parameters: number[] = [];
  const inputs: ParsedInput[] = [];
  const outputs: { readonly name: string }[] = [];
  const names = ['', '', '', ''];
  const budget = { left: maxParts };
  const field = new FieldReader(message);
  while (field.next()) {
    const { number, from, to } = field;
    if (field.type !== BYTES) continue;
    if (number < requestFields.parameters) {
      names[number] = message.toString('utf8', from, to);
    } else if (number === requestFields.parameters) {
      parameters.push(from, to);
    } else if (number === requestFields.inputs) {
      const input = parseInput(message, from, to, budget);
      if (input === null || --budget.left < 0) return undefined;
      inputs.push(input);
    } else if (number === requestFields.outputs) {
      const name = parseRequested(message, from, to);
      if (name === null || --budget.left < 0) return undefined;
      outputs.push({ name });
    }
  }
  const read = field.isWell ? parseParameters(message, parameters, budget) : null;
  if (read === null) return undefined;
  const [, model_name = '', model_version = '', id = ''] = names;
  return { model_name, model_version, id, parameters: read, inputs, outputs };
}

function parseInput(message: Buffer, from: number, to: number, budget: { left: number }): ParsedInput | null {
  const tensor = readTensor(message, from, to);
  const parameters = tensor === null ? null : parseParameters(message, tensor.parameters, budget);
  if (tensor === null || parameters === null) return null;
  return { name: tensor.name, datatype: tensor.datatype, shape: tensor.shape, parameters };
}

function parseRequested(message: Buffer, from: number, to: number): string | null {
  let name = '';
  const field = new FieldReader(message, from, to);
  while (field.next()) {
    if (field.number === requestedFields.name && field.type === BYTES) {
      name = message.toString('utf8', field.from, field.to);
    }
  }
  return field.isWell ? name : null;
}

const noParameters: Readonly<Record<string, Scalar>> = Object.freeze({});

/** Parameters by name, from the places of their entries; null when one is malformed or there are too many. */
function parseParameters(
  message: Buffer,
  places: readonly number[],
  budget: { left: number },
): Readonly<Record<string, Scalar>> | null {
  if (places.length === 0) return noParameters;
  const entries = new Map<string, Scalar>();
  for (let i = 0; i < places.length; i += 2) {
    const parameter = readParameter(message, places[i]!, places[i + 1]!);
    if (parameter === null || --budget.left < 0) return null;
    // An entry without a value replaces an earlier one as well.
    if (parameter.value === undefined) entries.delete(parameter.key);
    else entries.set(parameter.key, parameter.value);
  }
  // Own properties, whatever the keys are.
  return Object.fromEntries(entries);
}
