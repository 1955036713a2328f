import * as fc from 'fast-check';
import { test } from 'tap';

import type { FeatureDatatype, FeatureValue } from '../../src/protocol/feature-layout.ts';
import { writeValue } from '../../src/protocol/json-number.ts';
import { JsonWriter } from '../../src/protocol/json-writer.ts';

/** The text, or the reason of the failure. */
function write(value: FeatureValue, datatype: FeatureDatatype): string {
  const out = new JsonWriter();
  return writeValue(out, value, datatype, 'age')?.reason ?? out.toString();
}

test('FP32 text reads back as the same FP32 and has no digit too many', async () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = write(value, 'FP32');
      const digits = (s: string) =>
        s
          .replace(/e.*/, '')
          .replace(/[-.]/g, '')
          .replace(/^0+|0+$/g, '').length;
      const shortest =
        [1, 2, 3, 4, 5, 6, 7, 8, 9].find((p) => Math.fround(Number(value.toPrecision(p))) === value) ?? 0;
      return (
        Object.is(Math.fround(Number(text)), value) && digits(text) <= shortest && typeof JSON.parse(text) === 'number'
      );
    }),
    { seed: 7, numRuns: 20000 },
  );
});

test('FP32 values are written as people write them', async (t) => {
  t.equal(write(5.1, 'FP32'), '5.1');
  t.equal(write(Math.fround(0.1), 'FP32'), '0.1');
  t.equal(write(16777216, 'FP32'), '16777216');
  t.equal(write(3.4028234663852886e38, 'FP32'), '3.4028235e+38');
  t.equal(write(1.401298464324817e-45, 'FP32'), '1e-45');
  t.equal(write(-0, 'FP32'), '-0');
  t.equal(write(1e39, 'FP32'), 'NOT_REPRESENTABLE', 'not infinity');
  t.equal(write(0.1 + 0.2, 'FP64'), '0.30000000000000004');
});

test('64-bit integers lose nothing, from bigint or from digits', async (t) => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      return write(value, 'INT64') === String(value) && write(String(value), 'INT64') === String(value);
    }),
    { seed: 8, numRuns: 2000 },
  );
  t.equal(write(2n ** 63n, 'INT64'), 'NOT_REPRESENTABLE');
  t.equal(write(-(2n ** 63n), 'INT64'), '-9223372036854775808');
  t.equal(write('12a', 'INT64'), 'NOT_REPRESENTABLE');
  t.equal(write('9'.repeat(1000), 'INT64'), 'NOT_REPRESENTABLE');
  t.equal(write(1.5, 'INT64'), 'NOT_REPRESENTABLE');
  t.equal(write(2 ** 31, 'INT32'), 'NOT_REPRESENTABLE');
  t.equal(write(-(2 ** 31), 'INT32'), '-2147483648');
  t.equal(write(-0, 'INT32'), '0');
});

test('NaN and infinities are refused, because JSON cannot carry them', async (t) => {
  for (const value of [NaN, Infinity, -Infinity]) {
    t.equal(write(value, 'FP32'), 'NOT_FINITE');
    t.equal(write(value, 'FP64'), 'NOT_FINITE');
    t.equal(write(value, 'INT64'), 'NOT_REPRESENTABLE');
  }
  const refused = writeValue(new JsonWriter(), NaN, 'FP64', 'age');
  t.match(refused, { ok: false, code: 'FEATURE_MISSING', message: /\bage\b/ });
});

test('booleans, strings and null are written in their datatype', async (t) => {
  t.equal(write(true, 'BOOL'), 'true');
  t.equal(write(0, 'BOOL'), 'false');
  t.equal(write(2, 'BOOL'), 'NOT_REPRESENTABLE');
  t.equal(write(true, 'FP32'), '1');
  t.equal(write('a"\n\ud800', 'BYTES'), '"a\\"\\n\\ud800"');
  t.equal(write(5n, 'BYTES'), '"5"');
  t.equal(write('1.5', 'FP64'), 'NOT_REPRESENTABLE');
  t.equal(write(null, 'FP64'), 'null');
});
