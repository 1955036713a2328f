import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { decodeTensor } from '../../src/protocol/tensor-bytes.ts';

test('typed arrays are read back as they were', async () => {
  const arrays = {
    UINT8: fc.uint8Array(),
    UINT16: fc.uint16Array(),
    UINT32: fc.uint32Array(),
    INT8: fc.int8Array(),
    INT16: fc.int16Array(),
    INT32: fc.int32Array(),
    FP32: fc.float32Array(),
    FP64: fc.float64Array(),
    INT64: fc.bigInt64Array(),
    UINT64: fc.bigUint64Array(),
  };
  for (const [datatype, array] of Object.entries(arrays)) {
    fc.assert(
      fc.property(array, (values: ArrayLike<number | bigint> & ArrayBufferView) => {
        const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
        const decoded = decodeTensor(bytes, datatype, 1000);
        return decoded?.length === values.length && decoded.every((value, i) => Object.is(value, values[i]));
      }),
      { seed: 40, numRuns: 200 },
    );
  }
});

test('every FP16 is read as the engine reads it', async (t) => {
  const bytes = Buffer.alloc(2 * 65536);
  for (let bits = 0; bits < 65536; bits++) bytes.writeUInt16LE(bits, 2 * bits);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const getFloat16: unknown = Reflect.get(DataView.prototype, 'getFloat16');
  if (typeof getFloat16 !== 'function') throw new Error('this engine has no getFloat16');
  const decoded: readonly unknown[] = decodeTensor(bytes, 'FP16', 65536) ?? [];
  const same = decoded.map((value, bits) => Object.is(value, Reflect.apply(getFloat16, view, [2 * bits, true])));
  t.notOk(same.includes(false));
  t.equal(decoded.length, 65536);
});

test('BOOL reads as 0 and 1', async (t) => {
  t.same(decodeTensor(Buffer.from([0, 1, 255]), 'BOOL', 9), [0, 1, 1]);
});

test('bytes that do not fit the datatype give null', async (t) => {
  t.equal(decodeTensor(Buffer.alloc(3), 'FP16', 9), null);
  t.equal(decodeTensor(Buffer.alloc(9), 'INT64', 9), null);
  t.equal(decodeTensor(Buffer.from([255, 255, 255, 255]), 'BYTES', 9), null);
  t.equal(decodeTensor(Buffer.alloc(4), 'fp32', 9), null);
  t.equal(decodeTensor(Buffer.alloc(4), '__proto__', 9), null);
});

test('no more than the cap is decoded', async (t) => {
  t.same(decodeTensor(Buffer.from([1, 2, 3]), 'INT8', 2), [1, 2]);
  t.same(decodeTensor(Buffer.alloc(400), 'BYTES', 3), ['', '', '']);
});
