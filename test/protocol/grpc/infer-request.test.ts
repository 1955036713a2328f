import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { checkInferRequest } from '../../../src/protocol/grpc/infer-request.ts';
import {
  modelInferRequest,
  type ProtoContents,
  type ProtoRequest,
  type ProtoTensor,
  unpackedInferRequest,
} from '../../support/grpc-protos.ts';
import { filledRequest, kinds, mutate, mutation } from './infer-arbitrary.ts';

const reasonOf = (bytes: Buffer) => checkInferRequest(bytes)?.reason ?? null;
const reason = (request: ProtoRequest) => reasonOf(modelInferRequest.encode(request));

function tensor(datatype: string, shape: readonly (number | string)[], contents?: ProtoContents): ProtoTensor {
  return { name: 'x', datatype, shape, ...(contents === undefined ? {} : { contents }) };
}

test('good requests pass, typed or raw, packed or not', async (t) => {
  fc.assert(
    fc.property(filledRequest, ({ request }) => {
      assert.equal(checkInferRequest(modelInferRequest.encode(request)), null);
      assert.equal(checkInferRequest(unpackedInferRequest.encode(request)), null);
    }),
    { seed: 471, numRuns: 500 },
  );
  t.pass('500 cases');
});

test('raw contents may come before the tensors', async (t) => {
  fc.assert(
    fc.property(filledRequest, ({ request }) => {
      const { raw_input_contents = [], ...rest } = request;
      const parts = [modelInferRequest.encode({ raw_input_contents }), modelInferRequest.encode(rest)];
      assert.equal(checkInferRequest(Buffer.concat(parts)), null);
    }),
    { seed: 472, numRuns: 200 },
  );
  t.pass('200 cases');
});

test('one element more or less than the shape says is refused', async (t) => {
  fc.assert(
    fc.property(filledRequest, fc.nat(), fc.boolean(), ({ request, tensors, isRaw }, at, isMore) => {
      const filled = tensors[at % Math.max(1, tensors.length)];
      // A BYTES tensor of one text may say the length of the text.
      if (filled === undefined || (filled.tensor.datatype === 'BYTES' && filled.values.length === 1)) return;
      const count = filled.values.length + (isMore ? 1 : -1);
      if (count < 0) return;
      const inputs = request.inputs!.map((input) => {
        return input.name === filled.tensor.name ? { ...input, shape: [count] } : input;
      });
      const failure = checkInferRequest(modelInferRequest.encode({ ...request, inputs }));
      assert.equal(failure?.reason, 'ELEMENT_COUNT', `${filled.tensor.datatype} ${isRaw}`);
      assert.ok(failure.message.includes(JSON.stringify(filled.tensor.name)), failure.message);
    }),
    { seed: 473, numRuns: 500 },
  );
  t.pass('500 cases');
});

test('unknown datatypes are refused, and those without a typed form where they are typed', async (t) => {
  for (const datatype of ['', 'FP8', 'fp32', 'STRING', 'INT32\0', 'INT322', 'FP32'.repeat(9)]) {
    t.equal(reason({ inputs: [tensor(datatype, [0])] }), 'DATATYPE', datatype);
  }
  const failure = checkInferRequest(modelInferRequest.encode({ inputs: [tensor('FP8', [1])] }));
  t.match(failure, { code: 'BAD_BODY', message: /tensor "x" has the datatype "FP8"; these are known: BOOL,.* BYTES/ });
  for (const datatype of ['FP16', 'BF16']) {
    t.equal(reason({ inputs: [tensor(datatype, [1], { fp32_contents: [1] })] }), 'DATATYPE', datatype);
    t.equal(reason({ inputs: [tensor(datatype, [2])], raw_input_contents: [Buffer.alloc(4)] }), null, datatype);
  }
});

test('contents of another datatype are refused', async (t) => {
  for (const [datatype, { field }] of Object.entries(kinds)) {
    const other = field === 'fp32_contents' ? 'fp64_contents' : 'fp32_contents';
    t.equal(reason({ inputs: [tensor(datatype, [1], { [other]: [1] })] }), 'DATATYPE', datatype);
  }
  t.equal(reason({ inputs: [tensor('INT8', [1], { int_contents: [1], fp32_contents: [] })] }), null, 'empty ones pass');
});

test('typed and raw contents do not go together', async (t) => {
  const inputs = [tensor('INT8', [1]), { ...tensor('INT8', [1], { int_contents: [1] }), name: 'y' }];
  const failure = checkInferRequest(modelInferRequest.encode({ inputs, raw_input_contents: [Buffer.from([1])] }));
  t.match(failure, { reason: 'MIXED_CONTENTS', message: /"y"/ });
});

test('there must be raw contents for each tensor', async (t) => {
  const inputs = [tensor('INT8', [1]), tensor('INT8', [1])];
  for (const count of [1, 3]) {
    const raw_input_contents = Array.from({ length: count }, () => Buffer.from([1]));
    t.match(checkInferRequest(modelInferRequest.encode({ inputs, raw_input_contents })), {
      reason: 'RAW_COUNT',
      message: new RegExp(`${count} raw_input_contents for 2`),
    });
  }
  t.equal(reason({ inputs }), 'ELEMENT_COUNT', 'no data at all');
  t.equal(reason({ inputs: [tensor('INT8', [0])] }), null, 'no elements, no data');
});

test('tensors in shared memory have no data of their own', async (t) => {
  const parameters = { shared_memory_region: { string_param: 'r' }, shared_memory_byte_size: { int64_param: '8' } };
  const shared = { ...tensor('INT8', [8]), parameters };
  t.equal(reason({ inputs: [shared] }), null);
  t.equal(reason({ inputs: [shared, tensor('INT8', [1], { int_contents: [1] })] }), null);
  const inputs = [shared, tensor('INT8', [1])];
  t.equal(reason({ inputs, raw_input_contents: [Buffer.from([1])] }), null);
  t.equal(reason({ inputs, raw_input_contents: [Buffer.alloc(8), Buffer.from([1])] }), 'RAW_COUNT');
});

test('raw BYTES are lengths and bytes in turn', async (t) => {
  const check = (shape: number, raw: string) =>
    reason({ inputs: [tensor('BYTES', [shape])], raw_input_contents: [Buffer.from(raw, 'latin1')] });
  t.equal(check(2, '\u0001\0\0\0a\0\0\0\0'), null);
  t.equal(check(0, ''), null);
  t.equal(check(1, '\u0002\0\0\0a'), 'BINARY_DATA');
  t.equal(check(1, '\u0001\0\0'), 'BINARY_DATA');
  t.equal(check(1, '\u0001\0\0\0abc'), 'BINARY_DATA');
  t.equal(check(1, '\u00ff\u00ff\u00ff\u00ff'), 'BINARY_DATA');
  t.equal(check(3, '\0\0\0\0\0\0\0\0'), 'ELEMENT_COUNT');
});

test('one text may have its length as its shape, as examples of MLServer do', async (t) => {
  const text = Buffer.from('{"name":"Foo"}');
  t.equal(reason({ inputs: [tensor('BYTES', [text.length], { bytes_contents: [text] })] }), null);
  t.equal(reason({ inputs: [tensor('BYTES', [text.length + 1], { bytes_contents: [text] })] }), 'ELEMENT_COUNT');
});

test('shapes that are negative or too large are refused', async (t) => {
  const large = String(2n ** 62n);
  for (const shape of [[-1], [1, -1], [large], [large, 0], [2 ** 27, 2 ** 27], ['-9223372036854775808', 0]]) {
    t.equal(reason({ inputs: [tensor('INT8', shape)] }), 'SHAPE', String(shape));
    t.equal(reason({ inputs: [tensor('INT8', shape, { int_contents: [1] })] }), 'SHAPE', String(shape));
  }
  t.equal(reason({ inputs: [tensor('FP64', [1e9, 1e6], { fp64_contents: [1] })] }), 'ELEMENT_COUNT');
  t.equal(reason({ inputs: [tensor('INT8', [], { int_contents: [1] })] }), null, 'no dimensions, one element');
});

test('names that are not UTF-8 are refused', async (t) => {
  const bad = [0xc3, 0x28];
  const cases: [string, number[]][] = [
    ['model', [0x0a, 2, ...bad]],
    ['version', [0x12, 2, ...bad]],
    ['id', [0x1a, 2, ...bad]],
    ['tensor', [0x2a, 4, 0x0a, 2, ...bad]],
    ['output', [0x32, 4, 0x0a, 2, ...bad]],
    ['key', [0x22, 4, 0x0a, 2, ...bad]],
    ['text of a parameter', [0x22, 6, 0x12, 4, 0x1a, 2, ...bad]],
    ['text of a parameter', [0x32, 8, 0x12, 6, 0x12, 4, 0x1a, 2, ...bad]],
    ['key', [0x2a, 6, 0x22, 4, 0x0a, 2, ...bad]],
  ];
  for (const [title, bytes] of cases) {
    const failure = checkInferRequest(Buffer.from(bytes));
    t.match(failure, { reason: 'NOT_UTF8', message: new RegExp(`${title}.* is not valid UTF-8`) }, title);
  }
  t.equal(reasonOf(Buffer.from('\n\u0002é')), null);
  const bytes = [0x2a, 17, 0x12, 5, ...Buffer.from('BYTES'), 0x1a, 1, 1, 0x2a, 4, 0x42, 2, ...bad, 0, 0];
  bytes[1] = bytes.length - 4;
  t.equal(reasonOf(Buffer.from(bytes.slice(0, -2))), null, 'elements are bytes');
});

test('malformed messages are refused, wherever it is', async (t) => {
  const cases: [string, number[]][] = [
    ['the request', [0x0a]],
    ['a group without its end', [0x7b]],
    ['a tensor', [0x2a, 1, 0x0a]],
    ['a shape', [0x2a, 3, 0x1a, 1, 0x80]],
    ['a parameter', [0x22, 1, 0x0a]],
    ['its value', [0x22, 3, 0x12, 1, 0x1a]],
    ['a requested output', [0x32, 1, 0x0a]],
    ['contents', [0x2a, 9, 0x12, 4, ...Buffer.from('INT8'), 0x2a, 1, 0x12]],
    ['a packed run', [0x2a, 11, 0x12, 4, ...Buffer.from('INT8'), 0x2a, 3, 0x12, 1, 0x80]],
    ['half of a float', [0x2a, 11, 0x12, 4, ...Buffer.from('FP32'), 0x2a, 3, 0x32, 1, 0x80]],
  ];
  for (const [title, bytes] of cases) t.equal(reasonOf(Buffer.from(bytes)), 'MALFORMED', title);
  const whole = modelInferRequest.encode({ inputs: [tensor('INT8', [1], { int_contents: [1] })] });
  for (let end = 1; end < whole.length; end++) t.not(reasonOf(whole.subarray(0, end)), null, `cut at ${end}`);
});

test('fields that nobody knows pass', async (t) => {
  const bytes = modelInferRequest.encode({ inputs: [tensor('INT8', [1], { int_contents: [1] })] });
  const unknown = Buffer.from([0x78, 1, 0x7b, 0x08, 1, 0x7c, 0xfa, 0x01, 2, 0xc3, 0x28]);
  t.equal(reasonOf(Buffer.concat([unknown, bytes, unknown])), null);
});

test('no bytes make checking throw, and the text stays short', async (t) => {
  fc.assert(
    fc.property(filledRequest, mutation, ({ request }, changes) => {
      const failure = checkInferRequest(mutate(modelInferRequest.encode(request), changes));
      assert.ok(failure === null || (failure.code === 'BAD_BODY' && failure.message.length < 500));
    }),
    { seed: 474, numRuns: 10_000 },
  );
  t.pass('10000 cases');
});

test('a message of very many small parts is judged in time', async (t) => {
  const parts = (...part: number[]) => Buffer.alloc(2_000_000 - (2_000_000 % part.length), Buffer.from(part));
  const startMs = performance.now();
  t.equal(reasonOf(parts(0x2a, 0)), 'DATATYPE');
  t.equal(reasonOf(parts(0x2a, 9, 0x12, 4, 0x49, 0x4e, 0x54, 0x38, 0x1a, 1, 0)), null);
  t.equal(reasonOf(parts(0x3a, 0)), 'RAW_COUNT');
  t.equal(reasonOf(parts(0x22, 0)), null);
  t.ok(performance.now() - startMs < 10_000);
});
