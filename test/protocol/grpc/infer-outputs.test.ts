import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { readInferOutputs } from '../../../src/protocol/grpc/infer-outputs.ts';
import { readOutputs } from '../../../src/protocol/outputs.ts';
import { modelInferResponse, type ProtoResponse, unpackedInferResponse } from '../../support/grpc-protos.ts';
import { type FilledTensor, filledTensor, mutate, mutation, raw, typed } from './infer-arbitrary.ts';

const read = (response: ProtoResponse, max = 100) => readInferOutputs(modelInferResponse.encode(response), max);

function responseOf(tensors: readonly FilledTensor[], isRaw: boolean): ProtoResponse {
  return isRaw
    ? { outputs: tensors.map(({ tensor }) => tensor), raw_output_contents: tensors.map(raw) }
    : { model_name: 'm', outputs: tensors.map(typed) };
}

function element(value: FilledTensor['values'][number]): string {
  if (Buffer.isBuffer(value)) return JSON.stringify(value.toString());
  return Object.is(value, -0) ? '-0' : String(value);
}

/** The same answer as JSON. */
function jsonOf(tensors: readonly FilledTensor[]): Buffer {
  const outputs = tensors.map(({ tensor: { name, datatype, shape }, values }) => {
    const head = JSON.stringify({ name, datatype, shape }).slice(0, -1);
    return `${head},"data":[${values.map(element).join(',')}]}`;
  });
  return Buffer.from(`{"outputs":[${outputs.join(',')}]}`);
}

test('an answer reads as the same answer in JSON, typed or raw, packed or not', async (t) => {
  const tensors = fc.array(filledTensor, { maxLength: 4 });
  fc.assert(
    fc.property(tensors, fc.boolean(), fc.boolean(), fc.integer({ min: 0, max: 12 }), (list, isRaw, isPacked, max) => {
      const type = isPacked ? modelInferResponse : unpackedInferResponse;
      const outputs = readInferOutputs(type.encode(responseOf(list, isRaw)), max);
      assert.deepEqual(outputs, readOutputs(jsonOf(list), null, 'oip', max));
    }),
    { seed: 481, numRuns: 1000 },
  );
  t.pass('1000 cases');
});

test('data of unknown datatypes, or that do not fit theirs, are left out', async (t) => {
  const outputs = [
    { name: 'a', datatype: 'FP8', shape: [1] },
    { name: 'b', datatype: 'INT8', shape: [2] },
    { name: 'c', datatype: 'FP32', shape: [1] },
    { name: 'd', datatype: 'FP16', shape: [1] },
  ];
  const raws = [Buffer.alloc(2), Buffer.from([1, 0xff]), Buffer.alloc(3), Buffer.from([0, 0x3c])];
  t.strictSame(read({ outputs, raw_output_contents: raws }), [
    { name: 'b', shape: [2], values: [1, -1], isTruncated: false },
    { name: 'd', shape: [1], values: [1], isTruncated: false },
  ]);
  const contents = { fp32_contents: [1] };
  t.strictSame(read({ outputs: [{ name: 'a', datatype: 'FP16', shape: [1], contents }] }), []);
});

test('contents in several pieces are read as one', async (t) => {
  const piece = [0x2a, 4, 0x12, 2, 1, 2];
  const head = [0x0a, 1, 0x79, 0x12, 4, ...Buffer.from('INT8'), 0x18, 4];
  const bytes = Buffer.from([0x2a, head.length + 2 * piece.length, ...head, ...piece, ...piece]);
  t.strictSame(readInferOutputs(bytes, 9), [{ name: 'y', shape: [4], values: [1, 2, 1, 2], isTruncated: false }]);
  t.strictSame(readInferOutputs(bytes, 3), [{ name: 'y', shape: [4], values: [1, 2, 1], isTruncated: true }]);
});

test('an answer without a shape has none', async (t) => {
  t.match(read({ outputs: [{ name: 'y', datatype: 'INT8', contents: { int_contents: [1] } }] }), [{ shape: null }]);
});

test('malformed answers give null', async (t) => {
  const y = { name: 'y', datatype: 'INT8', shape: [1] };
  t.equal(read({ outputs: [y, y], raw_output_contents: [Buffer.alloc(1)] }), null);
  t.equal(readInferOutputs(Buffer.from([0x0a]), 9), null);
  t.equal(readInferOutputs(Buffer.from([0x2a, 1, 0x0a]), 9), null);
  t.equal(readInferOutputs(Buffer.from([0x2a, 9, 0x12, 4, ...Buffer.from('INT8'), 0x2a, 1, 0x12]), 9), null);
  t.equal(readInferOutputs(Buffer.alloc(4096, Buffer.from([0x2a, 0])), 9), null, 'more outputs than are read');
  t.strictSame(readInferOutputs(Buffer.alloc(0), 9), []);
});

test('no bytes make reading throw, and no more elements are kept than allowed', async (t) => {
  fc.assert(
    fc.property(fc.array(filledTensor, { maxLength: 3 }), fc.boolean(), mutation, (tensors, isRaw, changes) => {
      const outputs = readInferOutputs(mutate(modelInferResponse.encode(responseOf(tensors, isRaw)), changes), 3);
      assert.ok((outputs ?? []).reduce((sum, { values }) => sum + values.length, 0) <= 3);
    }),
    { seed: 482, numRuns: 5000 },
  );
  t.pass('5000 cases');
});
