import type { Buffer } from 'node:buffer';

import { entryFields, requestFields, tensorFields } from './infer-message.ts';
import { isShared } from './infer-tensor.ts';
import { isEqual } from './parameters.ts';
import { BYTES, FieldReader } from './wire.ts';

/** Where fields of one number are in a message: the tag, the begin and the end of the content in turn. */
export type Places = readonly number[];

/**
 * The parts of a ModelInferRequest that enrichment works on, as places in the message: objects for each would take many
 * times the memory of the small tensors that a hostile message can have.
 */
export class InferParts {
  readonly message: Buffer;
  readonly isWell: boolean;
  readonly parameters: Places;
  readonly inputs: Places;
  readonly raws: Places;
  #names: readonly number[] | null = null;
  #rawOf: readonly number[] | null = null;

  constructor(message: Buffer) {
    const [parameters, inputs, raws]: [number[], number[], number[]] = [[], [], []];
    const field = new FieldReader(message);
    while (field.next()) {
      if (field.type !== BYTES) continue;
      const { number, tagAt, from, to } = field;
      if (number === requestFields.inputs) inputs.push(tagAt, from, to);
      else if (number === requestFields.rawContents) raws.push(tagAt, from, to);
      else if (number === requestFields.parameters) parameters.push(tagAt, from, to);
    }
    this.message = message;
    this.isWell = field.isWell;
    this.parameters = parameters;
    this.inputs = inputs;
    this.raws = raws;
  }

  get inputCount(): number {
    return this.inputs.length / 3;
  }

  get rawCount(): number {
    return this.raws.length / 3;
  }

  /** Position of the input of this name; -1 for none, -2 when there are several. */
  findInput(name: Buffer): number {
    const names = (this.#names ??= this.#readNames());
    let found = -1;
    for (let i = 0; 2 * i < names.length; i++) {
      if (!isEqual(this.message, names[2 * i]!, names[2 * i + 1]!, name)) continue;
      if (found !== -1) return -2;
      found = i;
    }
    return found;
  }

  /** For each input the position of its raw contents, which tensors in shared memory do not have: -1 minus that which follows. */
  rawOf(): readonly number[] {
    if (this.#rawOf !== null) return this.#rawOf;
    const { inputCount, rawCount } = this;
    const rawOf: number[] = [];
    let next = 0;
    for (let i = 0; i < inputCount; i++) {
      const isElsewhere =
        rawCount !== inputCount && isShared(this.message, this.inputs[3 * i + 1]!, this.inputs[3 * i + 2]!);
      rawOf.push(isElsewhere ? -1 - next : next++);
    }
    return (this.#rawOf = rawOf);
  }

  /** Whether there are raw contents for every input that needs them, or none at all. */
  hasAllRaws(): boolean {
    if (this.rawCount === 0 || this.rawCount === this.inputCount) return true;
    let wanted = 0;
    for (const raw of this.rawOf()) if (raw >= 0) wanted++;
    return wanted === this.rawCount;
  }

  /** Begin and end of the names in turn; of a tensor that is malformed none. */
  #readNames(): number[] {
    const names: number[] = [];
    for (let i = 0; i < this.inputs.length; i += 3) {
      let from = 0;
      let to = 0;
      const field = new FieldReader(this.message, this.inputs[i + 1], this.inputs[i + 2]);
      while (field.next()) {
        if (field.number === tensorFields.name && field.type === BYTES) ({ from, to } = field);
      }
      names.push(from, field.isWell ? to : -1);
    }
    return names;
  }
}

/** The first of the keys that the entry of a map in `message[from, to)` has; -1 for none, and when it is malformed. */
export function findColumn(
  message: Buffer,
  from: number,
  to: number,
  columns: readonly { readonly key: { readonly bytes: Buffer } }[],
): number {
  let keyFrom = 0;
  let keyTo = 0;
  const field = new FieldReader(message, from, to);
  while (field.next()) {
    if (field.number === entryFields.key && field.type === BYTES) [keyFrom, keyTo] = [field.from, field.to];
  }
  if (!field.isWell) return -1;
  for (let i = 0; i < columns.length; i++) if (isEqual(message, keyFrom, keyTo, columns[i]!.key.bytes)) return i;
  return -1;
}
