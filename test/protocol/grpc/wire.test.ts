import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import protobuf from 'protobufjs';
import { test } from 'tap';

import {
  BYTES,
  eachField,
  FieldReader,
  FIXED32,
  FIXED64,
  readInteger,
  readVarint,
  readVarint32,
  readVarint64,
  VARINT,
  varintEnd,
  WireWriter,
} from '../../../src/protocol/grpc/wire.ts';
import { plain } from './infer-arbitrary.ts';

interface Field {
  readonly number: number;
  readonly type: number;
  readonly value: bigint | Uint8Array;
}

const uint64 = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 300n }));
const number = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 2 ** 29 - 1 }));
const field: fc.Arbitrary<Field> = fc.oneof(
  plain<Field>({ number, type: fc.constant(VARINT), value: uint64 }),
  plain<Field>({ number, type: fc.constant(FIXED64), value: uint64 }),
  plain<Field>({ number, type: fc.constant(FIXED32), value: fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }) }),
  plain<Field>({ number, type: fc.constant(BYTES), value: fc.uint8Array({ maxLength: 200 }) }),
);

/** Written by another implementation. */
function writeAll(fields: readonly Field[]): Buffer {
  const writer = protobuf.Writer.create();
  for (const { number, type, value } of fields) {
    writer.uint32(((number << 3) | type) >>> 0);
    if (typeof value !== 'bigint') writer.bytes(value);
    else if (type === VARINT) writer.uint64(String(value));
    else if (type === FIXED64) writer.fixed64(String(value));
    else writer.fixed32(Number(value));
  }
  return Buffer.from(writer.finish());
}

function readAll(bytes: Buffer): Field[] | null {
  const fields: Field[] = [];
  const isWell = eachField(bytes, 0, bytes.length, (number, type, from, to) => {
    if (type === VARINT) fields.push({ number, type, value: readVarint64(bytes, from) });
    else if (type === FIXED64) fields.push({ number, type, value: bytes.readBigUInt64LE(from) });
    else if (type === FIXED32) fields.push({ number, type, value: BigInt(bytes.readUInt32LE(from)) });
    else fields.push({ number, type, value: Uint8Array.from(bytes.subarray(from, to)) });
  });
  return isWell ? fields : null;
}

test('the fields of a message are those that were written', async (t) => {
  fc.assert(
    fc.property(fc.array(field, { maxLength: 8 }), (fields) => {
      assert.deepEqual(readAll(writeAll(fields)), fields);
    }),
    { seed: 401, numRuns: 1500 },
  );
  t.pass('1500 cases');
});

test('the writer writes what another implementation writes', async (t) => {
  fc.assert(
    fc.property(fc.array(field, { maxLength: 8 }), fc.nat(9), (fields, capacity) => {
      const writer = new WireWriter(capacity);
      for (const { number, type, value } of fields) {
        if (typeof value !== 'bigint') {
          writer.bytes(number, value);
          continue;
        }
        writer.tag(number, type);
        if (type === FIXED64) writer.fixed64(value);
        else if (type === FIXED32) writer.fixed32(Number(value));
        else if (value <= BigInt(Number.MAX_SAFE_INTEGER)) writer.varint(Number(value));
        else writer.varint64(value);
      }
      const expected = writeAll(fields);
      assert.equal(writer.length, expected.length);
      assert.deepEqual(writer.finish(), expected);
    }),
    { seed: 402, numRuns: 1500 },
  );
  t.pass('1500 cases');
});

test('floats and text are written as other implementations read them', async (t) => {
  const text = fc.string({ unit: 'grapheme' });
  fc.assert(
    fc.property(fc.double(), fc.float(), text, (wide, single, words) => {
      const writer = new WireWriter(0);
      writer.float64(wide);
      writer.float32(single);
      writer.text(3, words);
      const reader = protobuf.Reader.create(writer.finish());
      assert.deepEqual([reader.double(), reader.float(), reader.uint32(), reader.string()], [wide, single, 26, words]);
    }),
    { seed: 403, numRuns: 500 },
  );
  const writer = new WireWriter(0);
  writer.text(1, '\ud800');
  t.strictSame(writer.finish(), Buffer.from('\n\u0003\ufffd'), 'half of a surrogate pair keeps the length right');
});

test('varints are read in each width', async (t) => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      const writer = new WireWriter(0);
      writer.varint64(value);
      const bytes = writer.finish();
      const unsigned = BigInt.asUintN(64, value);
      assert.equal(varintEnd(bytes, 0, bytes.length), bytes.length);
      assert.equal(varintEnd(bytes, 0, bytes.length - 1), -1);
      assert.equal(readVarint64(bytes, 0), unsigned);
      assert.equal(readVarint32(bytes, 0), Number(BigInt.asIntN(32, value)));
      const exact = (wanted: bigint) => (Number.isSafeInteger(Number(wanted)) ? Number(wanted) : String(wanted));
      assert.equal(readInteger(bytes, 0, true), exact(value));
      assert.equal(readInteger(bytes, 0, false), exact(unsigned));
      if (unsigned <= BigInt(Number.MAX_SAFE_INTEGER)) {
        assert.equal(readVarint(bytes, 0), Number(unsigned));
      }
    }),
    { seed: 404, numRuns: 1500 },
  );
  t.equal(readVarint64(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), 0), 2n ** 64n - 1n);
  t.equal(varintEnd(Buffer.alloc(11, 0x80), 0, 11), -1, 'ten bytes at most');
  t.equal(readVarint(Buffer.from([0x80, 0x80, 0x00]), 0), 0, 'longer than needed');
});

test('groups are skipped whole', async (t) => {
  const around = (inside: number[]) => Buffer.from([0x08, 1, ...inside, 0x10, 2]);
  const seen = (inside: number[]) => readAll(around(inside))?.map(({ number }) => number) ?? null;
  t.strictSame(seen([0x1b, 0x08, 5, 0x12, 1, 0, 0x0d, 0, 0, 0, 0, 0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0x1c]), [1, 2]);
  t.strictSame(seen([0x1b, 0x23, 0x24, 0x1c]), [1, 2], 'one inside another');
  t.equal(seen([0x1b, 0x24]), null, 'the end of another group');
  t.equal(seen([0x1c]), null, 'an end without a beginning');
  t.equal(seen([0x1b]), null, 'no end');
  t.equal(seen([0x1b, 0x12, 0x7f, 0x1c]), null, 'bytes beyond the end');
  t.equal(readAll(Buffer.alloc(100_000, 0x1b)), null, 'too deep');
});

test('what is no message is told', async (t) => {
  const cases: [string, number[]][] = [
    ['a tag without a value', [0x08]],
    ['an endless tag', [0x80, 0x80]],
    ['a tag of more than 32 bits', [0x88, 0x80, 0x80, 0x80, 0x80, 0x01, 0x01]],
    ['the field 0', [0x00, 0x01]],
    ['the wire types 6 and 7', [0x0e, 0x00]],
    ['a length beyond the end', [0x0a, 0x02, 0x00]],
    ['a length of 2^63', [0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]],
    ['half of a fixed32', [0x0d, 0x00, 0x00]],
    ['half of a fixed64', [0x09, 0x00, 0x00, 0x00, 0x00]],
  ];
  for (const [title, bytes] of cases) t.equal(readAll(Buffer.from(bytes)), null, title);
  t.strictSame(readAll(Buffer.alloc(0)), []);
});

test('a visitor can stop, and the rest is not judged', async (t) => {
  const bytes = Buffer.from([0x08, 1, 0xff]);
  t.equal(
    eachField(bytes, 0, bytes.length, () => false),
    true,
  );
  t.equal(
    eachField(bytes, 0, bytes.length, () => {}),
    false,
  );
});

test('random bytes end, and no range leaves the message', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(5), fc.nat(5), (random, before, behind) => {
      const bytes = Buffer.from(random);
      const start = Math.min(before, bytes.length);
      const end = Math.max(start, bytes.length - behind);
      const reader = new FieldReader(bytes, start, end);
      let last = start;
      let fields = 0;
      while (reader.next()) {
        const { tagAt, from, to } = reader;
        if (tagAt < last || from <= tagAt || to < from || to > end || ++fields > bytes.length) return false;
        last = to;
      }
      return !reader.next();
    }),
    { seed: 405, numRuns: 20_000 },
  );
  t.pass('20000 cases');
});
