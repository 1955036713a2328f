import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';

import type { ProtoContents, ProtoParameter, ProtoRequest, ProtoTensor } from '../../support/grpc-protos.ts';

/** Objects as `{}` makes them. */
export function plain<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);
/** Text that survives UTF-8. */
export const name = fc.string({ unit: 'grapheme', maxLength: 6 });

export const parameter: fc.Arbitrary<ProtoParameter> = fc.oneof(
  plain({ bool_param: fc.boolean() }),
  plain({ int64_param: int64 }),
  plain({ string_param: name }),
  plain({ double_param: fc.double({ noNaN: true }) }),
  plain({ uint64_param: uint64 }),
  fc.constant({}),
);
export const parameters = fc.dictionary(name, parameter, { maxKeys: 3, noNullPrototype: true });

interface Kind {
  readonly field: keyof ProtoContents;
  readonly element: fc.Arbitrary<boolean | number | string | Buffer>;
  /** Raw bytes of an element. */
  readonly raw: (value: boolean | number | string | Buffer) => Buffer;
}

function sized(size: number, write: (bytes: Buffer, value: never) => void): Kind['raw'] {
  return (value) => {
    const bytes = Buffer.alloc(size);
    write(bytes, value as never);
    return bytes;
  };
}

const integer = (bits: number, isSigned: boolean) =>
  isSigned
    ? fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 })
    : fc.integer({ min: 0, max: 2 ** bits - 1 });

export const kinds: Readonly<Record<string, Kind>> = {
  BOOL: { field: 'bool_contents', element: fc.boolean(), raw: sized(1, (b, v: boolean) => b.writeUInt8(Number(v))) },
  INT8: { field: 'int_contents', element: integer(8, true), raw: sized(1, (b, v: number) => b.writeInt8(v)) },
  INT16: { field: 'int_contents', element: integer(16, true), raw: sized(2, (b, v: number) => b.writeInt16LE(v)) },
  INT32: { field: 'int_contents', element: integer(32, true), raw: sized(4, (b, v: number) => b.writeInt32LE(v)) },
  INT64: { field: 'int64_contents', element: int64, raw: sized(8, (b, v: string) => b.writeBigInt64LE(BigInt(v))) },
  UINT8: { field: 'uint_contents', element: integer(8, false), raw: sized(1, (b, v: number) => b.writeUInt8(v)) },
  UINT16: { field: 'uint_contents', element: integer(16, false), raw: sized(2, (b, v: number) => b.writeUInt16LE(v)) },
  UINT32: { field: 'uint_contents', element: integer(32, false), raw: sized(4, (b, v: number) => b.writeUInt32LE(v)) },
  UINT64: { field: 'uint64_contents', element: uint64, raw: sized(8, (b, v: string) => b.writeBigUInt64LE(BigInt(v))) },
  FP32: {
    field: 'fp32_contents',
    element: fc.float({ noNaN: true }),
    raw: sized(4, (b, v: number) => b.writeFloatLE(v)),
  },
  FP64: {
    field: 'fp64_contents',
    element: fc.double({ noNaN: true }),
    raw: sized(8, (b, v: number) => b.writeDoubleLE(v)),
  },
  BYTES: {
    field: 'bytes_contents',
    element: name.map((text) => Buffer.from(text)),
    raw: (value) => {
      const text = value as Buffer;
      const size = Buffer.alloc(4);
      size.writeUInt32LE(text.length);
      return Buffer.concat([size, text]);
    },
  },
};

/** A tensor with its elements beside it. */
export interface FilledTensor {
  readonly tensor: ProtoTensor & { readonly name: string; readonly datatype: string };
  readonly values: readonly (boolean | number | string | Buffer)[];
}

export const filledTensor: fc.Arbitrary<FilledTensor> = fc
  .constantFrom(...Object.keys(kinds))
  .chain((datatype) =>
    plain({
      name,
      datatype: fc.constant(datatype),
      values: fc.array(kinds[datatype]!.element, { maxLength: 4 }),
      isMatrix: fc.boolean(),
      parameters,
    }),
  )
  .map(({ name, datatype, values, isMatrix, parameters }) => ({
    tensor: { name, datatype, shape: isMatrix ? [1, values.length] : [values.length], parameters },
    values,
  }));

export function typed({ tensor, values }: FilledTensor): ProtoTensor {
  return { ...tensor, contents: { [kinds[tensor.datatype]!.field]: values } };
}

export function raw({ tensor, values }: FilledTensor): Buffer {
  return Buffer.concat(values.map(kinds[tensor.datatype]!.raw));
}

export interface FilledRequest {
  readonly request: ProtoRequest;
  readonly tensors: readonly FilledTensor[];
  readonly isRaw: boolean;
}

/** Good requests, with typed or raw contents; the names of their tensors differ. */
export const filledRequest: fc.Arbitrary<FilledRequest> = fc
  .record({
    model_name: name,
    model_version: name,
    id: name,
    parameters,
    tensors: fc.uniqueArray(filledTensor, { maxLength: 4, selector: ({ tensor }) => tensor.name }),
    outputs: fc.array(plain({ name, parameters }), { maxLength: 2 }),
    isRaw: fc.boolean(),
  })
  .map(({ tensors, isRaw, ...request }) => ({
    tensors,
    isRaw,
    request: {
      ...request,
      inputs: tensors.map((tensor) => (isRaw ? tensor.tensor : typed(tensor))),
      raw_input_contents: isRaw ? tensors.map(raw) : [],
    },
  }));

/** Changes of bytes that make messages malformed, or others. */
export const mutation = fc.array(
  plain({ at: fc.nat(), value: fc.nat(255), kind: fc.constantFrom('set', 'cut', 'insert', 'end') }),
  { minLength: 1, maxLength: 4 },
);

export function mutate(
  bytes: Buffer,
  changes: readonly { readonly at: number; readonly value: number; readonly kind: string }[],
): Buffer {
  let mutated = bytes;
  for (const { at, value, kind } of changes) {
    const position = at % (mutated.length + 1);
    const tail = kind === 'end' ? Buffer.alloc(0) : mutated.subarray(position + (kind === 'insert' ? 0 : 1));
    const middle = kind === 'set' || kind === 'insert' ? Buffer.from([value]) : Buffer.alloc(0);
    mutated = Buffer.concat([mutated.subarray(0, position), middle, tail]);
  }
  return mutated;
}
