import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { InferFields } from '../../../src/protocol/grpc/infer-fields.ts';
import {
  modelInferRequest,
  type ProtoParameter,
  type ProtoRequest,
  unpackedInferRequest,
} from '../../support/grpc-protos.ts';
import { filledRequest, mutate, mutation } from './infer-arbitrary.ts';

function scalarOf(parameter: ProtoParameter): string | number | boolean | undefined {
  const integer = parameter.int64_param ?? parameter.uint64_param;
  if (integer === undefined) return parameter.bool_param ?? parameter.string_param ?? parameter.double_param;
  return Number.isSafeInteger(Number(integer)) ? Number(integer) : integer;
}

function scalars(parameters: Readonly<Record<string, ProtoParameter>> = {}): Record<string, unknown> {
  const entries = Object.entries(parameters).map(([key, value]) => [key, scalarOf(value)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** What an expression should see of a message, by the oracle. */
function meant(request: ProtoRequest): unknown {
  const { model_name = '', model_version = '', id = '', parameters, inputs = [], outputs = [] } = request;
  return {
    model_name,
    model_version,
    id,
    parameters: scalars(parameters),
    inputs: inputs.map(({ name = '', datatype = '', shape = [], parameters: own }) => {
      return { name, datatype, shape: shape.map(Number), parameters: scalars(own) };
    }),
    outputs: outputs.map(({ name = '' }) => ({ name })),
  };
}

test('a request is read as another implementation reads it', async (t) => {
  fc.assert(
    fc.property(filledRequest, filledRequest, fc.boolean(), (one, two, isPacked) => {
      const type = isPacked ? modelInferRequest : unpackedInferRequest;
      // Two messages in a row are one.
      const bytes = Buffer.concat([type.encode(one.request), modelInferRequest.encode(two.request)]);
      const decoded = modelInferRequest.decode(bytes);
      const fields = new InferFields(bytes);
      assert.deepEqual(fields.parsed(), meant(decoded));
      assert.equal(fields.parsed(), fields.parsed(), 'read once');
      for (const text of ['model_name', 'model_version', 'id'] as const) {
        assert.equal(fields.field([text]), decoded[text] === '' ? undefined : decoded[text]);
      }
      for (const [key, parameter] of Object.entries(decoded.parameters ?? {})) {
        assert.deepEqual(fields.field(['parameters', key]), scalarOf(parameter));
      }
    }),
    { seed: 461, numRuns: 500 },
  );
  t.pass('500 cases');
});

test('what is absent, or no scalar, is undefined', async (t) => {
  const fields = new InferFields(
    modelInferRequest.encode({ id: '', parameters: { a: {} }, inputs: [{ name: 'x', datatype: 'FP32' }] }),
  );
  const paths = [['id'], ['model_name'], ['parameters'], ['parameters', 'a'], ['parameters', 'b'], ['inputs'], []];
  for (const path of [...paths, ['inputs', '0', 'name'], ['id', 'x'], ['parameters', 'a', 'b'], ['toString']]) {
    t.equal(fields.field(path), undefined, path.join('.'));
  }
});

test('integers beyond the safe range keep their digits', async (t) => {
  const parameters = {
    most: { int64_param: '9007199254740991' },
    more: { int64_param: '9007199254740993' },
    least: { int64_param: '-9223372036854775808' },
    largest: { uint64_param: '18446744073709551615' },
  };
  const fields = new InferFields(modelInferRequest.encode({ parameters }));
  t.equal(fields.field(['parameters', 'most']), 9007199254740991);
  t.equal(fields.field(['parameters', 'more']), '9007199254740993');
  t.equal(fields.field(['parameters', 'least']), '-9223372036854775808');
  t.equal(fields.field(['parameters', 'largest']), '18446744073709551615');
});

test('a path is looked up once', async (t) => {
  const bytes = modelInferRequest.encode({ id: 'a' });
  const fields = new InferFields(bytes);
  const path = ['id'];
  t.equal(fields.field(path), 'a');
  bytes.fill(0);
  t.equal(fields.field(path), 'a');
});

test('keys of parameters are never taken for prototypes', async (t) => {
  const entry = Buffer.concat([
    Buffer.from([0x22, 0x0f, 0x0a, 0x09]),
    Buffer.from('__proto__'),
    Buffer.from([0x12, 2, 8, 1]),
  ]);
  const fields = new InferFields(entry);
  t.equal(fields.field(['parameters', '__proto__']), true);
  t.strictSame(Object.entries(fields.parsed()?.parameters ?? {}), [['__proto__', true]]);
  t.equal(fields.field(['parameters', 'constructor']), undefined);
});

test('a malformed message has no fields', async (t) => {
  const good = modelInferRequest.encode({ model_name: 'iris', id: '1', parameters: { a: { bool_param: true } } });
  const cases: [string, Buffer][] = [
    ['cut off', Buffer.concat([good, Buffer.from([0x0a])])],
    ['a malformed tensor', Buffer.concat([good, Buffer.from([0x2a, 0x01, 0x0a])])],
    ['a malformed shape', Buffer.concat([good, Buffer.from([0x2a, 0x03, 0x1a, 0x01, 0x80])])],
    ['a malformed requested output', Buffer.concat([good, Buffer.from([0x32, 0x01, 0x0a])])],
    ['a malformed parameter', Buffer.concat([good, Buffer.from([0x22, 0x01, 0x0a])])],
  ];
  for (const [title, bytes] of cases) t.equal(new InferFields(bytes).parsed(), undefined, title);
  const cut = new InferFields(cases[0]![1]);
  for (const path of [['id'], ['model_name'], ['parameters', 'a']]) t.equal(cut.field(path), undefined);
});

test('a message of very many small tensors is not made objects of', async (t) => {
  const tensors = Buffer.from([0x2a, 0x00].concat(...Array.from({ length: 20_000 }, () => [0x2a, 0x00])));
  t.equal(new InferFields(tensors).parsed(), undefined);
  t.equal(new InferFields(tensors.subarray(0, 20_000)).parsed()?.inputs.length, 10_000);
  const shaped = modelInferRequest.encode({ inputs: [{ shape: Array.from({ length: 100_000 }, () => 1) }] });
  t.equal(new InferFields(shaped).parsed()?.inputs[0]?.shape.length, 32, 'nor are very many dimensions');
});

test('no bytes make reading throw', async (t) => {
  fc.assert(
    fc.property(filledRequest, mutation, ({ request }, changes) => {
      const fields = new InferFields(mutate(modelInferRequest.encode(request), changes));
      fields.parsed();
      for (const path of [['id'], ['parameters', 'a'], ['parameters', '']]) fields.field(path);
    }),
    { seed: 462, numRuns: 5000 },
  );
  t.pass('5000 cases');
});
