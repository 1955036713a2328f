import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import type { FeatureDatatype, FeatureValue } from '../../../src/protocol/feature-layout.ts';
import {
  type ElementWriter,
  writeParameter,
  writeRaw,
  writeTyped,
} from '../../../src/protocol/grpc/feature-element.ts';
import { readParameter, writeEntry } from '../../../src/protocol/grpc/parameters.ts';
import { contentsField, readElement } from '../../../src/protocol/grpc/typed-contents.ts';
import { BYTES, FieldReader, WireWriter } from '../../../src/protocol/grpc/wire.ts';
import { writeValue } from '../../../src/protocol/json-number.ts';
import { readScalar } from '../../../src/protocol/json-scalar.ts';
import { kindAt } from '../../../src/protocol/json-scan.ts';
import { JsonWriter } from '../../../src/protocol/json-writer.ts';
import { decodeTensor } from '../../../src/protocol/tensor-bytes.ts';

type Value = Exclude<FeatureValue, null>;
type Read = string | number | boolean | null | undefined;

const datatypes: readonly FeatureDatatype[] = ['BOOL', 'INT32', 'INT64', 'FP32', 'FP64', 'BYTES'];
const value: fc.Arbitrary<Value> = fc.oneof(
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom<Value>(0, 1, -0, 2 ** 31, -(2 ** 31), 2 ** 53, 3.5e38, '', '1', 'true', 1e300),
);

/** What a reader of the bytes finds; the reason when the value was refused. */
function written(
  write: ElementWriter,
  from: Value,
  datatype: FeatureDatatype,
  read: (bytes: WireWriter) => Read,
): Read {
  const writer = new WireWriter(0);
  const failure = write(writer, from, datatype, 'age');
  if (failure === null) return read(writer);
  assert.equal(writer.length, 0);
  assert.match(failure.message, /\bage\b/);
  return failure.reason;
}

/** The value as JSON carries it. */
function inJson(from: Value, datatype: FeatureDatatype): Read {
  const out = new JsonWriter();
  const failure = writeValue(out, from, datatype, 'age');
  if (failure !== null) return failure.reason;
  if (datatype.startsWith('FP')) return Number(out.toString());
  const json = Buffer.from(out.toString());
  return readScalar(json, { start: 0, end: json.length, kind: kindAt(json, 0) });
}

function fromTyped(writer: WireWriter, datatype: FeatureDatatype): Read {
  const bytes = writer.finish();
  const field = contentsField(datatype);
  if (datatype !== 'BYTES') return readElement(bytes, field, 0, bytes.length);
  const reader = new FieldReader(bytes);
  assert.ok(reader.next() && reader.number === field && reader.type === BYTES && reader.to === bytes.length);
  return readElement(bytes, field, reader.from, reader.to);
}

function fromRaw(writer: WireWriter, datatype: FeatureDatatype): Read {
  const decoded = decodeTensor(writer.finish(), datatype, 2);
  assert.equal(decoded?.length, 1);
  const [element] = decoded;
  if (datatype === 'BOOL') return element === 1;
  if (typeof element !== 'bigint') return element;
  return Number.isSafeInteger(Number(element)) ? Number(element) : String(element);
}

function fromParameter(writer: WireWriter): Read {
  const entry = new WireWriter();
  writeEntry(entry, 4, 'age', writer.finish());
  const bytes = entry.finish();
  const field = new FieldReader(bytes);
  assert.ok(field.next() && field.number === 4 && field.to === bytes.length);
  const parameter = readParameter(bytes, field.from, field.to);
  assert.equal(parameter?.key, 'age');
  return parameter.value;
}

test('a value reads as the same one as in JSON', async (t) => {
  fc.assert(
    fc.property(value, fc.constantFrom(...datatypes), (from, datatype) => {
      const expected = inJson(from, datatype);
      // JSON writes the shortest text of an FP32; its elements are the FP32 itself.
      const single = datatype === 'FP32' && typeof expected === 'number' ? Math.fround(expected) : expected;
      assert.deepEqual(
        written(writeTyped, from, datatype, (writer) => fromTyped(writer, datatype)),
        single,
      );
      assert.deepEqual(
        written(writeRaw, from, datatype, (writer) => fromRaw(writer, datatype)),
        single,
      );
      assert.deepEqual(written(writeParameter, from, datatype, fromParameter), expected);
    }),
    { seed: 491, numRuns: 5000 },
  );
  t.pass('5000 cases');
});

test('NaN and infinities are carried, which JSON cannot', async (t) => {
  for (const from of [Number.NaN, Infinity, -Infinity]) {
    for (const datatype of ['FP32', 'FP64'] as const) {
      const read = [
        written(writeTyped, from, datatype, (writer) => fromTyped(writer, datatype)),
        written(writeRaw, from, datatype, (writer) => fromRaw(writer, datatype)),
        written(writeParameter, from, datatype, fromParameter),
      ];
      assert.deepEqual(read, [from, from, from]);
    }
    t.equal(
      written(writeRaw, from, 'INT64', () => 0),
      'NOT_REPRESENTABLE',
    );
  }
});
