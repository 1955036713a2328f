import { Buffer } from 'node:buffer';

import { tensorFields } from './infer-message.ts';
import { hasKey } from './parameters.ts';
import { contentsField, eachElement } from './typed-contents.ts';
import { BYTES, FieldReader, readInteger, VARINT, varintEnd } from './wire.ts';

/** More dimensions than any server takes; the others are counted and not kept. */
const maxDimensions = 32;
const sharedMemory = Buffer.from('shared_memory_region');
const nowhere: readonly number[] = [];

/** An InferInputTensor or InferOutputTensor, without its elements. */
export interface InferTensor {
  readonly name: string;
  readonly datatype: string;
  /** Up to 32 dimensions; beyond 2^53 the nearest double. */
  readonly shape: readonly number[];
  /** The places of its InferTensorContents, begin and end in turn; protobuf reads several as one. */
  readonly contents: readonly number[];
  /** The places of its parameters, begin and end in turn. */
  readonly parameters: readonly number[];
}

/** Reads the tensor in `message[from, to)`; null when it is malformed. */
export function readTensor(message: Buffer, from: number, to: number): InferTensor | null {
  let name = '';
  let datatype = '';
  let shape: number[] | null = null;
  let contents: number[] | null = null;
  let parameters: number[] | null = null;
  const field = new FieldReader(message, from, to);
  while (field.next()) {
    if (field.number === tensorFields.shape) {
      if (!readDimensions(message, field, (shape ??= []))) return null;
      continue;
    }
    if (field.type !== BYTES) continue;
    if (field.number === tensorFields.name) name = message.toString('utf8', field.from, field.to);
    else if (field.number === tensorFields.datatype) datatype = message.toString('latin1', field.from, field.to);
    else if (field.number === tensorFields.parameters) (parameters ??= []).push(field.from, field.to);
    else if (field.number === tensorFields.contents) (contents ??= []).push(field.from, field.to);
  }
  if (!field.isWell) return null;
  return {
    name,
    datatype,
    shape: shape ?? nowhere,
    contents: contents ?? nowhere,
    parameters: parameters ?? nowhere,
  };
}

/** The dimensions of one field, packed or a single one; false when they are malformed. */
function readDimensions(message: Buffer, { type, from, to }: FieldReader, into: number[]): boolean {
  if (type !== BYTES && type !== VARINT) return true;
  for (let at = from; at < to;) {
    const end = varintEnd(message, at, to);
    if (end === -1) return false;
    if (into.length < maxDimensions) into.push(Number(readInteger(message, at, true)));
    at = end;
  }
  return true;
}

/** Whether the elements of the tensor in `message[from, to)` are in shared memory, so that no raw contents are its own. */
export function isShared(message: Buffer, from: number, to: number): boolean {
  const field = new FieldReader(message, from, to);
  while (field.next()) {
    if (field.number !== tensorFields.parameters || field.type !== BYTES) continue;
    if (hasKey(message, field.from, field.to, sharedMemory)) return true;
  }
  return false;
}

/**
 * Visits the typed elements of a tensor in order, for `readElement`; datatypes without a typed form have none. `visit`
 * returns false to stop. Returns whether all was well formed that was read.
 */
export function eachTensorElement(
  message: Buffer,
  { contents, datatype }: InferTensor,
  visit: (from: number, to: number) => boolean | void,
): boolean {
  const field = contentsField(datatype);
  const state = { isStopped: false };
  for (let i = 0; i < contents.length && !state.isStopped; i += 2) {
    const isWell = eachElement(message, contents[i]!, contents[i + 1]!, field, (from, to) => {
      state.isStopped = visit(from, to) === false;
      return !state.isStopped;
    });
    if (!isWell) return false;
  }
  return true;
}
