import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import type { Into } from '../../../src/protocol/feature-into.ts';
import { type FeatureDatatype, type FeatureValue, layOutFeatures } from '../../../src/protocol/feature-layout.ts';
import { GrpcBody } from '../../../src/protocol/grpc/grpc-body.ts';
import { checkInferRequest } from '../../../src/protocol/grpc/infer-request.ts';
import { compileKey } from '../../../src/protocol/json-key.ts';
import { pathOf } from '../../../src/protocol/json-path.ts';
import type { Existing } from '../../../src/protocol/member-merge.ts';
import {
  modelInferRequest,
  type ProtoContents,
  type ProtoRequest,
  type ProtoTensor,
  unpackedInferRequest,
} from '../../support/grpc-protos.ts';
import { filledRequest, kinds, mutate, mutation, plain, raw } from './infer-arbitrary.ts';

interface Column {
  readonly name: string;
  readonly datatype: FeatureDatatype;
  /** One for each row. */
  readonly values: readonly FeatureValue[];
}

const tensorInto: Into = { kind: 'tensor', name: 'f', datatype: 'FP32' };
const two: readonly Column[] = [
  { name: 'a', datatype: 'FP64', values: [1, 3] },
  { name: 'b', datatype: 'FP64', values: [2.5, 4] },
];
const bodyOf = (request: ProtoRequest) => new GrpcBody(modelInferRequest.encode(request));

function place(body: GrpcBody, into: Into, columns: readonly Column[], existing: Existing = 'request') {
  const rows = columns[0]?.values.length ?? 1;
  const values: FeatureValue[] = [];
  for (let row = 0; row < rows; row++) for (const column of columns) values.push(column.values[row] ?? null);
  return body.place({ layout: layOutFeatures(into, columns), rows, values, existing });
}

/** The request with features, or the reason of the failure. */
function placed(request: ProtoRequest, into: Into, columns: readonly Column[], existing: Existing = 'request') {
  const result = place(bodyOf(request), into, columns, existing);
  return 'ok' in result ? result.reason : modelInferRequest.decode(result.bytes);
}

const tensor = (name: string, datatype: string, shape: (number | string)[], contents?: ProtoContents): ProtoTensor => ({
  name,
  datatype,
  shape: shape.map(String),
  ...(contents === undefined ? {} : { contents }),
});
const floats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer);

test('an entity is read from the id and the parameters', async (t) => {
  const body = bodyOf({ id: 'r', parameters: { user: { int64_param: '9007199254740993' }, empty: {} } });
  t.equal(body.readField(pathOf(['id'])), 'r');
  t.equal(body.readField(pathOf(['parameters', 'user'])), '9007199254740993');
  for (const path of [['parameters', 'empty'], ['parameters', 'x'], ['parameters'], ['instances', '0']]) {
    t.equal(body.readField(pathOf(path)), null, path.join('.'));
  }
});

test('a tensor of entities gives its elements, typed or raw, packed or not', async (t) => {
  fc.assert(
    fc.property(filledRequest, fc.boolean(), ({ request, tensors }, isPacked) => {
      const body = new GrpcBody((isPacked ? modelInferRequest : unpackedInferRequest).encode(request));
      for (const { tensor, values } of tensors) {
        const read = body.readTensor(compileKey(tensor.name), 4);
        if (tensor.datatype.startsWith('FP')) {
          assert.ok(!read.ok && read.reason === 'DATATYPE');
          continue;
        }
        const expected = values.map((value) => {
          if (Buffer.isBuffer(value)) return value.toString();
          return typeof value === 'string' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
        });
        assert.deepEqual(read, { ok: true, values: expected });
        const capped = body.readTensor(compileKey(tensor.name), 3);
        if (values.length > 3) assert.ok(!capped.ok && capped.reason === 'TOO_MANY_ROWS');
      }
    }),
    { seed: 501, numRuns: 500 },
  );
  t.pass('500 cases');
});

test('a tensor that cannot be read says why', async (t) => {
  const read = (request: ProtoRequest) => {
    const result = bodyOf(request).readTensor(compileKey('d'), 9);
    return result.ok ? result.values : result.reason;
  };
  t.strictSame(read({}), []);
  t.strictSame(read({ inputs: [tensor('d', 'INT8', [1])] }), []);
  t.equal(read({ inputs: [tensor('d', 'INT8', [1]), tensor('d', 'INT8', [1])] }), 'DUPLICATE_TENSOR');
  t.equal(read({ inputs: [tensor('d', 'INT16', [1])], raw_input_contents: [Buffer.alloc(3)] }), 'BINARY_DATA');
  t.equal(read({ inputs: [tensor('d', 'INT8', [1])], raw_input_contents: [floats(1), floats(1)] }), 'RAW_COUNT');
  t.equal(read({ inputs: [tensor('d', 'INT8', [5])], raw_input_contents: [Buffer.alloc(1)] }), 'ELEMENT_COUNT');
  const broken = new GrpcBody(Buffer.from([0x2a, 7, 0x0a, 1, 0x64, 0x12, 0, 0x2a, 0x05]));
  t.match(broken.readTensor(compileKey('d'), 9), { ok: true, values: [] }, 'no name is read of a malformed tensor');
  t.match(new GrpcBody(Buffer.from([0x0a])).problem(), { code: 'BAD_BODY', message: /well-formed/ });
  t.equal(bodyOf({ id: 'x' }).problem(), null);
});

test('raw contents are found beside tensors in shared memory', async (t) => {
  const parameters = { shared_memory_region: { string_param: 'r' } };
  const inputs = [{ ...tensor('s', 'INT8', [1]), parameters }, tensor('d', 'INT8', [2])];
  const body = bodyOf({ inputs, raw_input_contents: [Buffer.from([5, 6])] });
  t.match(body.readTensor(compileKey('d'), 9), { values: [5, 6] });
  t.match(body.readTensor(compileKey('s'), 9), { values: [] });
});

test('the batch is the first dimension of the first input with two', async (t) => {
  const inputs = [tensor('a', 'INT8', [7]), tensor('f', 'INT8', [5, 1]), tensor('b', 'INT8', [3, 1])];
  t.equal(bodyOf({ inputs }).countRows(null, 2), 5);
  t.equal(bodyOf({ inputs }).countRows(compileKey('f'), 2), 3);
  t.equal(bodyOf({ inputs: [tensor('a', 'INT8', [-1, 2])] }).countRows(null, 2), 1);
  t.equal(bodyOf({}).countRows(null, 2), 1);
});

test('what the request brings itself is told', async (t) => {
  const body = bodyOf({ inputs: [tensor('b', 'FP32', [1])], parameters: { f_a: {} } });
  const supplied = (into: Into, rows: number) => body.supplied(layOutFeatures(into, two), rows);
  t.strictSame(supplied({ kind: 'tensors' }, 2), Uint8Array.of(0, 1, 0, 1));
  t.strictSame(supplied({ kind: 'tensor', name: 'b', datatype: 'FP32' }, 1), Uint8Array.of(1, 1));
  t.equal(supplied(tensorInto, 1), null);
  t.strictSame(supplied({ kind: 'parameters', prefix: 'f_' }, 1), Uint8Array.of(1, 0));
  t.equal(supplied({ kind: 'parameters', prefix: '' }, 1), null);
  t.equal(supplied({ kind: 'columns', position: 'append' }, 1), null);
});

test('a tensor is added with typed contents', async (t) => {
  const x = tensor('x', 'INT8', [1], { int_contents: [1] });
  const f = tensor('f', 'FP32', [2, 2], { fp32_contents: [1, 2.5, 3, 4] });
  t.strictSame(placed({ id: 'r', inputs: [x] }, tensorInto, two), { id: 'r', inputs: [x, f] });
  t.strictSame(placed({}, tensorInto, two), { inputs: [f] }, 'also the first one');
});

test('a tensor is added with raw contents to a request that has raw ones', async (t) => {
  const x = tensor('x', 'INT8', [1]);
  const raws = [Buffer.from([1]), floats(1, 2.5, 3, 4)];
  t.strictSame(placed({ inputs: [x], raw_input_contents: raws.slice(0, 1) }, tensorInto, two), {
    inputs: [x, tensor('f', 'FP32', [2, 2])],
    raw_input_contents: raws,
  });
});

test('each feature can be a tensor of its own datatype', async (t) => {
  const columns: Column[] = [
    { name: 'i', datatype: 'INT64', values: [-1, 2n ** 60n] },
    { name: 's', datatype: 'BYTES', values: ['é', ''] },
    { name: 'o', datatype: 'BOOL', values: [true, false] },
    { name: 'w', datatype: 'INT32', values: [-7, 7] },
  ];
  const shape = [2, 1];
  t.strictSame(placed({}, { kind: 'tensors' }, columns), {
    inputs: [
      tensor('i', 'INT64', shape, { int64_contents: ['-1', '1152921504606846976'] }),
      tensor('s', 'BYTES', shape, { bytes_contents: [Buffer.from('é'), Buffer.alloc(0)] }),
      tensor('o', 'BOOL', shape, { bool_contents: [true, false] }),
      tensor('w', 'INT32', shape, { int_contents: [-7, 7] }),
    ],
  });
});

test('an input of the same name stays or is replaced with its raw contents, by the policy', async (t) => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => tensor(name, 'INT8', [1]));
  const request = { inputs: [a!, b!, c!], raw_input_contents: [1, 2, 3].map((value) => Buffer.from([value])) };
  const columns: Column[] = [
    { name: 'c', datatype: 'FP32', values: [9] },
    { name: 'b', datatype: 'FP32', values: [8] },
    { name: 'd', datatype: 'FP32', values: [7] },
  ];
  const own = (name: string) => tensor(name, 'FP32', [1, 1]);
  t.strictSame(placed(request, { kind: 'tensors' }, columns, 'store'), {
    inputs: [a, own('b'), own('c'), own('d')],
    raw_input_contents: [Buffer.from([1]), floats(8), floats(9), floats(7)],
  });
  t.strictSame(placed(request, { kind: 'tensors' }, columns, 'request'), {
    inputs: [a, b, c, own('d')],
    raw_input_contents: [...request.raw_input_contents, floats(7)],
  });
  const body = bodyOf(request);
  t.equal(place(body, { kind: 'tensors' }, columns.slice(0, 2)), body, 'nothing to add: the same body');
});

test('a tensor in shared memory is replaced by one with raw contents in their order', async (t) => {
  const parameters = { shared_memory_region: { string_param: 'r' } };
  const [a, b, c] = ['a', 'b', 'c'].map((name) => tensor(name, 'INT8', [1]));
  const shared = (old: ProtoTensor) => ({ ...old, parameters });
  const columns = ['c', 'a', 'b'].map((name, i): Column => ({ name, datatype: 'FP32', values: [i] }));
  const replaced = (inputs: ProtoTensor[], raws: Buffer[]) => {
    const result = placed({ inputs, raw_input_contents: raws }, { kind: 'tensors' }, columns, 'store');
    return typeof result === 'string' ? result : result.raw_input_contents;
  };
  const expected = [floats(1), floats(2), floats(0)];
  t.strictSame(replaced([shared(a!), shared(b!), c!], [Buffer.from([3])]), expected);
  t.strictSame(replaced([a!, shared(b!), shared(c!)], [Buffer.from([1])]), expected);
  t.strictSame(replaced([shared(a!), b!, shared(c!)], [Buffer.from([2])]), expected);
});

test('features go into the parameters', async (t) => {
  const into: Into = { kind: 'parameters', prefix: 'f_' };
  const columns: Column[] = [
    { name: 'a', datatype: 'FP32', values: [0.1] },
    { name: 'b', datatype: 'INT64', values: [2n ** 60n] },
    { name: 'c', datatype: 'BOOL', values: [true] },
    { name: 'd', datatype: 'BYTES', values: ['x'] },
    { name: 'e', datatype: 'FP64', values: [null] },
  ];
  const added = {
    f_a: { double_param: 0.1 },
    f_b: { int64_param: '1152921504606846976' },
    f_c: { bool_param: true },
    f_d: { string_param: 'x' },
  };
  t.strictSame(placed({ parameters: { z: { bool_param: true } } }, into, columns), {
    parameters: { z: { bool_param: true }, ...added },
  });
  const parameters = { f_a: { string_param: 'mine' }, f_e: { string_param: 'mine' } };
  t.strictSame(placed({ parameters }, into, columns), { parameters: { ...added, ...parameters } });
  t.strictSame(placed({ parameters }, into, columns, 'store'), { parameters: added }, 'null replaces by nothing');
});

test('a replaced parameter is replaced at every repetition', async (t) => {
  const one = modelInferRequest.encode({ parameters: { a: { bool_param: true } } });
  const body = new GrpcBody(Buffer.concat([one, one]));
  const result = place(
    body,
    { kind: 'parameters', prefix: '' },
    [{ name: 'a', datatype: 'BYTES', values: ['x'] }],
    'store',
  );
  t.ok(!('ok' in result));
  if ('ok' in result) return;
  t.strictSame(result.bytes, modelInferRequest.encode({ parameters: { a: { string_param: 'x' } } }));
});

test('places that a message does not have are refused', async (t) => {
  for (const into of [
    { kind: 'columns', position: 'append' },
    { kind: 'pointer', path: pathOf(['x']) },
  ] as const) {
    t.match(place(bodyOf({}), into, two), {
      code: 'BAD_BODY',
      reason: 'UNSUPPORTED_FIELD',
      message: /oip-grpc do not have/,
    });
  }
  t.match(bodyOf({}).readColumn(), { reason: 'UNSUPPORTED_FIELD', message: /rows of a JSON body/ });
});

test('requests that cannot take features are refused with a reason', async (t) => {
  const twice = { inputs: [tensor('f', 'INT8', [1]), tensor('f', 'INT8', [1])] };
  t.equal(placed(twice, tensorInto, two), 'DUPLICATE_TENSOR');
  const short = { inputs: [tensor('x', 'INT8', [1]), tensor('y', 'INT8', [1])], raw_input_contents: [Buffer.alloc(1)] };
  t.equal(placed(short, tensorInto, two), 'RAW_COUNT');
  t.equal(placed({}, { kind: 'parameters', prefix: '' }, two), 'ROW_COUNT');
  t.match(place(new GrpcBody(Buffer.from([0x0a])), tensorInto, two), { reason: 'MALFORMED' });
  const odd: Column[] = [{ name: 'age', datatype: 'INT32', values: ['x'] }];
  t.equal(placed({}, { kind: 'tensors' }, odd), 'NOT_REPRESENTABLE');
  t.match(place(bodyOf({}), { kind: 'tensors' }, [{ ...odd[0]!, values: [null] }]), {
    code: 'FEATURE_MISSING',
    reason: 'NULL_VALUE',
    message: /\bage\b/,
  });
  const layout = layOutFeatures(tensorInto, two);
  t.match(bodyOf({}).place({ layout, rows: 3, values: [1, 2], existing: 'store' }), { reason: 'ROW_COUNT' });
  const body = bodyOf({});
  t.equal(place(body, tensorInto, []), body);
});

test('all other bytes stay, unknown fields and odd spellings too', async (t) => {
  const unknown = Buffer.from([0x78, 0x81, 0x00, 0xfb, 0x01, 0x08, 0x00, 0xfc, 0x01]);
  const f = modelInferRequest.encode({ inputs: [tensor('f', 'INT8', [1], { int_contents: [1] })] });
  const changed = place(new GrpcBody(Buffer.concat([unknown, f, unknown])), tensorInto, two, 'store');
  t.ok(!('ok' in changed));
  if ('ok' in changed) return;
  const own = changed.bytes.subarray(unknown.length, -unknown.length);
  t.strictSame(changed.bytes, Buffer.concat([unknown, own, unknown]));
  t.strictSame(modelInferRequest.decode(own), {
    inputs: [tensor('f', 'FP32', [2, 2], { fp32_contents: [1, 2.5, 3, 4] })],
  });
});

test('placing equals the operation on decoded messages, and the result is a good request', async (t) => {
  const column = plain<Column>({
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    datatype: fc.constantFrom('INT64', 'FP32'),
    values: fc.tuple(fc.integer(), fc.integer({ min: -9, max: 9 })),
  });
  const columns = fc.uniqueArray(column, { minLength: 1, maxLength: 3, selector: ({ name }) => name });
  const existing = fc.constantFrom<Existing>('request', 'store');
  fc.assert(
    fc.property(filledRequest, columns, existing, fc.boolean(), ({ request, isRaw }, list, policy, isPacked) => {
      // Some tensors have the names of features.
      const renamed = request.inputs!.map((input, i) => (i % 2 === 0 ? { ...input, name: 'abcd'[i]! } : input));
      const isClear = new Set(renamed.map(({ name }) => name)).size === renamed.length;
      const type = isPacked ? modelInferRequest : unpackedInferRequest;
      const bytes = type.encode({ ...request, inputs: renamed });
      const result = place(new GrpcBody(bytes), { kind: 'tensors' }, list, policy);
      if (!isClear && 'ok' in result) return;
      assert.ok(!('ok' in result));
      assert.equal(checkInferRequest(result.bytes), null);
      const inputs: ProtoTensor[] = [...(modelInferRequest.decode(bytes).inputs ?? [])];
      const raws = [...(request.raw_input_contents ?? [])];
      const isRawNow = isRaw && raws.length > 0;
      for (const { name, datatype, values } of list) {
        const filled = { tensor: { name, datatype, shape: ['2', '1'] }, values: values.map(asProto(datatype)) };
        const at = inputs.findIndex((input) => input.name === name);
        if (at !== -1 && policy === 'request') continue;
        const position = at === -1 ? inputs.length : at;
        const contents = { [kinds[datatype]!.field]: filled.values };
        inputs[position] = isRawNow ? filled.tensor : { ...filled.tensor, contents };
        if (isRawNow) raws[position] = raw(filled);
      }
      const after = modelInferRequest.decode(result.bytes);
      assert.deepEqual(after.inputs ?? [], inputs);
      assert.deepEqual(after.raw_input_contents ?? [], raws);
      const { inputs: _inputs, raw_input_contents: _raws, ...rest } = after;
      const { inputs: _old, raw_input_contents: _oldRaws, ...before } = modelInferRequest.decode(bytes);
      assert.deepEqual(rest, before);
    }),
    { seed: 502, numRuns: 1000 },
  );
  t.pass('1000 cases');
});

/** A feature as the oracle writes it. */
const asProto = (datatype: string) => (value: FeatureValue) =>
  datatype === 'FP32' ? Math.fround(Number(value)) : String(value);

test('no bytes make reading or placing throw', async (t) => {
  const places: readonly Into[] = [tensorInto, { kind: 'tensors' }, { kind: 'parameters', prefix: '' }];
  const one = two.map((column) => ({ ...column, values: [1] }));
  fc.assert(
    fc.property(filledRequest, mutation, fc.constantFrom(...places), ({ request, tensors }, changes, into) => {
      const body = new GrpcBody(mutate(modelInferRequest.encode(request), changes));
      body.problem();
      body.countRows(null, 2);
      for (const { tensor } of tensors) body.readTensor(compileKey(tensor.name), 3);
      body.readField(pathOf(['parameters', 'a']));
      body.supplied(layOutFeatures(into, one), 1);
      for (const existing of ['request', 'store'] as const) {
        const result = place(body, into, one, existing);
        assert.ok('ok' in result || result.problem() === null);
      }
    }),
    { seed: 503, numRuns: 3000 },
  );
  t.pass('3000 cases');
});

test('very many small parts are worked on in time', async (t) => {
  const many = (...part: number[]) => new GrpcBody(Buffer.alloc(1_000_000, Buffer.from(part)));
  const columns = Array.from({ length: 100 }, (_, i): Column => ({ name: `c${i}`, datatype: 'FP32', values: [1] }));
  const startMs = performance.now();
  for (const body of [many(0x2a, 0), many(0x3a, 0), many(0x22, 0), many(0x2a, 0, 0x3a, 0)]) {
    for (const into of [{ kind: 'tensors' }, { kind: 'parameters', prefix: '' }] as const) {
      body.supplied(layOutFeatures(into, columns), 1);
      place(body, into, columns, 'store');
    }
    body.countRows(null, 2);
    body.readTensor(compileKey('x'), 9);
  }
  t.ok(performance.now() - startMs < 10_000);
});
