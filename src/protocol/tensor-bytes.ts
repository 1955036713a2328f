import type { Buffer } from 'node:buffer';

import { bf16Value, fp16Value } from './half-floats.ts';

/** The flat elements of a binary tensor. Integers of 64 bits are bigint; BOOL reads as 0 and 1. */
export type TensorValues = number[] | bigint[] | string[];

const fixedReaders: ReadonlyMap<string, readonly [size: number, read: (bytes: Buffer, at: number) => number]> = new Map(
  [
    ['BOOL', [1, (bytes, at) => (bytes.readUInt8(at) === 0 ? 0 : 1)]],
    ['UINT8', [1, (bytes, at) => bytes.readUInt8(at)]],
    ['UINT16', [2, (bytes, at) => bytes.readUInt16LE(at)]],
    ['UINT32', [4, (bytes, at) => bytes.readUInt32LE(at)]],
    ['INT8', [1, (bytes, at) => bytes.readInt8(at)]],
    ['INT16', [2, (bytes, at) => bytes.readInt16LE(at)]],
    ['INT32', [4, (bytes, at) => bytes.readInt32LE(at)]],
    ['FP16', [2, (bytes, at) => fp16Value(bytes.readUInt16LE(at))]],
    ['BF16', [2, (bytes, at) => bf16Value(bytes.readUInt16LE(at))]],
    ['FP32', [4, (bytes, at) => bytes.readFloatLE(at)]],
    ['FP64', [8, (bytes, at) => bytes.readDoubleLE(at)]],
  ],
);

/**
 * Decodes the first `max` elements of a tensor in the binary form of the Open Inference Protocol: little-endian, no
 * padding; BYTES as uint32 length and bytes per element, read as UTF-8. Null when the datatype is unknown or the bytes
 * are not a whole number of elements (of those read, for BYTES).
 */
export function decodeTensor(bytes: Buffer, datatype: string, max: number): TensorValues | null {
  if (datatype === 'BYTES') return decodeStrings(bytes, max);
  if (datatype === 'INT64') return decodeFixed(bytes, 8, max, (at) => bytes.readBigInt64LE(at));
  if (datatype === 'UINT64') return decodeFixed(bytes, 8, max, (at) => bytes.readBigUInt64LE(at));
  const reader = fixedReaders.get(datatype);
  if (reader === undefined) return null;
  const [size, read] = reader;
  return decodeFixed(bytes, size, max, (at) => read(bytes, at));
}

function decodeFixed<T>(bytes: Buffer, size: number, max: number, read: (at: number) => T): T[] | null {
  if (bytes.length % size !== 0) return null;
  const values: T[] = [];
  for (let at = 0; at < bytes.length && values.length < max; at += size) values.push(read(at));
  return values;
}

function decodeStrings(bytes: Buffer, max: number): string[] | null {
  const values: string[] = [];
  let at = 0;
  while (at < bytes.length && values.length < max) {
    if (bytes.length - at < 4) return null;
    const size = bytes.readUInt32LE(at);
    at += 4;
    if (size > bytes.length - at) return null;
    values.push(bytes.toString('utf8', at, at + size));
    at += size;
  }
  return values;
}
