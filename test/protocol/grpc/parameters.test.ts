import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { addStringParameter, hasKey, readParameter } from '../../../src/protocol/grpc/parameters.ts';
import { modelInferRequest, modelInferResponse } from '../../support/grpc-protos.ts';
import { filledRequest, mutate, mutation, name } from './infer-arbitrary.ts';

test('a text is added to the parameters, and the bytes before it stay', async (t) => {
  fc.assert(
    fc.property(filledRequest, name, name, ({ request }, key, value) => {
      const bytes = modelInferRequest.encode(request);
      const before = modelInferRequest.decode(bytes);
      const added = addStringParameter(bytes, 4, key, value);
      assert.ok(added.subarray(0, bytes.length).equals(bytes));
      const after = modelInferRequest.decode(added);
      // Also where there was one of that name.
      assert.deepEqual(after, { ...before, parameters: { ...before.parameters, [key]: { string_param: value } } });
    }),
    { seed: 451, numRuns: 500 },
  );
  t.pass('500 cases');
});

test('an answer takes a parameter as well', async (t) => {
  const added = addStringParameter(modelInferResponse.encode({ model_name: 'iris' }), 4, 'makas_decision', 'tökën');
  t.strictSame(modelInferResponse.decode(added), {
    model_name: 'iris',
    parameters: { makas_decision: { string_param: 'tökën' } },
  });
});

test('a malformed message stays as it is', async (t) => {
  const bytes = Buffer.from([0x0a, 0x05, 0x00]);
  t.equal(addStringParameter(bytes, 4, 'k', 'v'), bytes);
});

test('the last value of an entry counts, and values of a wrong wire type do not', async (t) => {
  const read = (...entry: number[]) => readParameter(Buffer.from(entry), 0, entry.length);
  t.strictSame(read(), { key: '', value: undefined });
  t.strictSame(read(0x0a, 1, 0x61, 0x12, 4, 0x08, 0x01, 0x10, 0x07), { key: 'a', value: 7 });
  t.strictSame(read(0x12, 2, 0x10, 0x07, 0x0a, 1, 0x61, 0x12, 2, 0x08, 0x00), { key: 'a', value: false });
  t.strictSame(read(0x12, 2, 0x18, 0x07), { key: '', value: undefined }, 'a number as text');
  t.equal(read(0x12, 2, 0x10, 0x80), null, 'malformed inside');
  t.equal(read(0x0a, 2, 0x61), null, 'malformed');
});

test('keys are compared whole', async (t) => {
  const entry = Buffer.from([0x0a, 1, 0x61, 0x0a, 2, 0x61, 0x62]);
  t.equal(hasKey(entry, 0, 7, Buffer.from('ab')), true);
  t.equal(hasKey(entry, 0, 7, Buffer.from('a')), false, 'the last counts');
  t.equal(hasKey(entry, 0, 3, Buffer.from('a')), true);
  t.equal(hasKey(entry, 0, 0, Buffer.alloc(0)), true, 'no key is the empty one');
  t.equal(hasKey(entry, 0, 5, Buffer.from('a')), false, 'malformed');
});

test('no bytes make reading throw', async (t) => {
  fc.assert(
    fc.property(filledRequest, mutation, ({ request }, changes) => {
      const bytes = mutate(modelInferRequest.encode(request), changes);
      readParameter(bytes, 0, bytes.length);
      hasKey(bytes, 0, bytes.length, Buffer.from('a'));
      addStringParameter(bytes, 4, 'k', 'v');
    }),
    { seed: 452, numRuns: 3000 },
  );
  t.pass('3000 cases');
});
