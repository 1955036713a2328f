import { Buffer } from 'node:buffer';

import type { Into } from './feature-into.ts';
import { compileKey, type Key } from './json-key.ts';

/** The datatypes of the Open Inference Protocol in which features are kept. */
export type FeatureDatatype = 'BOOL' | 'INT32' | 'INT64' | 'FP32' | 'FP64' | 'BYTES';

/** One value; an INT64 may also be the text of its digits. */
export type FeatureValue = number | bigint | string | boolean | null;

/** The features of a view and where they go, with all bytes that do not depend on the request. */
export interface FeatureLayout {
  readonly into: Into;
  readonly columns: readonly FeatureColumn[];
  /** The tensors that the features make; none where they are members or elements. */
  readonly tensors: readonly TensorLayout[];
}

export interface FeatureColumn {
  readonly name: string;
  readonly datatype: FeatureDatatype;
  /** The key as a member of an object. */
  readonly key: Key;
  /** The key as JSON, with its colon. */
  readonly member: Buffer;
}

/** A tensor of the columns [first, first + width). */
export interface TensorLayout {
  readonly key: Key;
  readonly first: number;
  readonly width: number;
  /** What is before the number of rows, and between it and the data. */
  readonly head: Buffer;
  readonly middle: Buffer;
}

/** Prepares the features of a view, in their order, for the place `into`. */
export function layOutFeatures(
  into: Into,
  features: readonly { readonly name: string; readonly datatype: FeatureDatatype }[],
): FeatureLayout {
  const prefix = into.kind === 'parameters' ? into.prefix : '';
  const columns = features.map(({ name, datatype }) => ({
    name,
    datatype: into.kind === 'tensor' ? into.datatype : datatype,
    key: compileKey(prefix + name),
    member: Buffer.from(`${JSON.stringify(prefix + name)}:`),
  }));
  return { into, columns, tensors: layOutTensors(into, columns) };
}

function layOutTensors(into: Into, columns: readonly FeatureColumn[]): TensorLayout[] {
  if (into.kind === 'tensor') return [layOutTensor(into.name, into.datatype, 0, columns.length)];
  if (into.kind !== 'tensors') return [];
  return columns.map(({ name, datatype }, position) => layOutTensor(name, datatype, position, 1));
}

function layOutTensor(name: string, datatype: FeatureDatatype, first: number, width: number): TensorLayout {
  return {
    key: compileKey(name),
    first,
    width,
    head: Buffer.from(`{"name":${JSON.stringify(name)},"shape":[`),
    middle: Buffer.from(`,${width}],"datatype":"${datatype}","data":[`),
  };
}
