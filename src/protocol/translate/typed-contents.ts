import { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import { eachTensorElement, type InferTensor } from '../grpc/infer-tensor.ts';
import { contentsField } from '../grpc/typed-contents.ts';
import { readVarint, readVarint32, readVarint64, WireWriter } from '../grpc/wire.ts';
import { countElements, elementSize, failCount, isBinaryOnly } from './datatypes.ts';

/** Writes the element at `message[from, to)` to `raw[at]`; returns behind it, or -1 when the datatype cannot hold it. */
type Encode = (raw: Buffer, at: number, message: Buffer, from: number, to: number) => number;

const encoders: ReadonlyMap<string, Encode> = new Map<string, Encode>([
  ['BOOL', (raw, at, message, from) => raw.writeUInt8(readVarint(message, from) === 0 ? 0 : 1, at)],
  ['INT8', signed(0x80, (raw, value, at) => raw.writeInt8(value, at))],
  ['INT16', signed(0x8000, (raw, value, at) => raw.writeInt16LE(value, at))],
  ['INT32', signed(0x80000000, (raw, value, at) => raw.writeInt32LE(value, at))],
  ['UINT8', unsigned(0xff, (raw, value, at) => raw.writeUInt8(value, at))],
  ['UINT16', unsigned(0xffff, (raw, value, at) => raw.writeUInt16LE(value, at))],
  ['UINT32', unsigned(0xffffffff, (raw, value, at) => raw.writeUInt32LE(value, at))],
  ['INT64', encodeLong],
  ['UINT64', encodeLong],
  ['FP32', encodeBytes],
  ['FP64', encodeBytes],
  ['BYTES', encodeText],
]);

/**
 * The typed elements of a tensor in the binary form. Fails when their number is not that of the shape, or one does not fit
 * the datatype. `label` such as `input "x"`.
 */
export function encodeTyped(message: Buffer, tensor: InferTensor, label: string): Buffer | CodecFailure {
  const { datatype, shape, contents } = tensor;
  const size = elementSize(datatype, label);
  if (typeof size !== 'number') return size;
  const encode = encoders.get(datatype);
  if (encode === undefined || isBinaryOnly(datatype)) {
    return fail('BAD_BODY', 'DATATYPE', `The ${label} is ${datatype}, which has raw contents only.`);
  }
  let bytes = 0;
  for (let i = 0; i < contents.length; i += 2) bytes += contents[i + 1]! - contents[i]!;
  const count = countElements(shape);
  // An element takes a byte at least, so that a shape alone makes nothing large.
  if (count > bytes) return failCount(label, shape, 'fewer');
  const raw = Buffer.allocUnsafe(size > 0 ? count * size : 4 * count + bytes);
  let at = 0;
  let found = 0;
  const isWell = eachTensorElement(message, tensor, (from, to) => {
    found++;
    if (found <= count) at = encode(raw, at, message, from, to);
    return found <= count && at !== -1;
  });
  if (!isWell) return fail('BAD_BODY', 'MALFORMED', `The contents of the ${label} are malformed.`);
  if (at === -1) {
    const text = `Element ${found - 1} of the ${label} is not ${datatype}; send what its datatype can hold.`;
    return fail('BAD_BODY', 'NOT_REPRESENTABLE', text);
  }
  return found === count ? raw.subarray(0, at) : failCount(label, shape, found < count ? 'fewer' : 'more');
}

function signed(bound: number, write: (raw: Buffer, value: number, at: number) => number): Encode {
  return (raw, at, message, from) => {
    const value = readVarint32(message, from);
    return value >= -bound && value < bound ? write(raw, value, at) : -1;
  };
}

function unsigned(max: number, write: (raw: Buffer, value: number, at: number) => number): Encode {
  return (raw, at, message, from) => {
    const value = readVarint32(message, from) >>> 0;
    return value <= max ? write(raw, value, at) : -1;
  };
}

function encodeLong(raw: Buffer, at: number, message: Buffer, from: number): number {
  const value = readVarint(message, from);
  if (value > Number.MAX_SAFE_INTEGER) return raw.writeBigUInt64LE(readVarint64(message, from), at);
  const high = Math.floor(value / 2 ** 32);
  raw.writeUInt32LE(value - high * 2 ** 32, at);
  return raw.writeUInt32LE(high, at + 4);
}

/** Floats stand in protobuf as they stand in the binary form. */
function encodeBytes(raw: Buffer, at: number, message: Buffer, from: number, to: number): number {
  return at + message.copy(raw, at, from, to);
}

function encodeText(raw: Buffer, at: number, message: Buffer, from: number, to: number): number {
  raw.writeUInt32LE(to - from, at);
  return encodeBytes(raw, at + 4, message, from, to);
}

/** Elements in the binary form as InferTensorContents; `checkRaw` must have accepted them. */
export function typedContents(raw: Buffer, datatype: string): Buffer {
  const field = contentsField(datatype);
  const contents = new WireWriter(raw.length + 16);
  if (raw.length === 0) return contents.finish();
  if (datatype === 'BYTES') {
    for (let at = 0; at < raw.length;) {
      const end = at + 4 + raw.readUInt32LE(at);
      contents.bytes(field, raw.subarray(at + 4, end));
      at = end;
    }
  } else contents.bytes(field, datatype === 'FP32' || datatype === 'FP64' ? raw : packVarints(raw, datatype));
  return contents.finish();
}

function packVarints(raw: Buffer, datatype: string): Buffer {
  const size = Number(elementSize(datatype, ''));
  const isSigned = datatype.startsWith('INT');
  const packed = Buffer.allocUnsafe((raw.length / size) * 10);
  let to = 0;
  for (let at = 0; at < raw.length; at += size) {
    if (size === 8) to = putVarint(packed, to, raw.readUInt32LE(at), raw.readUInt32LE(at + 4));
    else if (datatype === 'BOOL') packed[to++] = raw[at] === 0 ? 0 : 1;
    else {
      const value = isSigned ? raw.readIntLE(at, size) : raw.readUIntLE(at, size);
      // Negative integers of 32 bits take 64 in protobuf.
      to = putVarint(packed, to, value >>> 0, value < 0 ? 0xffffffff : 0);
    }
  }
  return packed.subarray(0, to);
}

/** Writes the 64 bits of two unsigned halves; returns behind them. */
function putVarint(into: Buffer, at: number, low: number, high: number): number {
  let to = at;
  let lower = low;
  let upper = high;
  while (upper !== 0 || lower > 0x7f) {
    into[to++] = (lower & 0x7f) | 0x80;
    lower = ((lower >>> 7) | (upper << 25)) >>> 0;
    upper >>>= 7;
  }
  into[to++] = lower;
  return to;
}
