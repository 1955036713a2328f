import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { readStringField, renameStringField, setStringField } from '../../../src/protocol/grpc/string-field.ts';
import { modelInferRequest } from '../../support/grpc-protos.ts';
import { filledRequest, mutate, mutation, name } from './infer-arbitrary.ts';

const names = { 1: 'model_name', 2: 'model_version', 3: 'id' } as const;
const numbers = fc.constantFrom(1, 2, 3);

test('a text is read as another implementation reads it', async (t) => {
  fc.assert(
    fc.property(filledRequest, filledRequest, numbers, (one, two, number) => {
      // Two messages in a row are one, in which the later text counts.
      const bytes = Buffer.concat([modelInferRequest.encode(one.request), modelInferRequest.encode(two.request)]);
      assert.equal(readStringField(bytes, number), modelInferRequest.decode(bytes)[names[number]] ?? '');
    }),
    { seed: 411, numRuns: 300 },
  );
  t.pass('300 cases');
});

test('setting a text changes that text alone', async (t) => {
  fc.assert(
    fc.property(filledRequest, filledRequest, numbers, name, (one, two, number, text) => {
      const bytes = Buffer.concat([modelInferRequest.encode(one.request), modelInferRequest.encode(two.request)]);
      const before = modelInferRequest.decode(bytes);
      const set = setStringField(bytes, number, text);
      assert.equal(readStringField(set, number), text);
      assert.deepEqual(
        { ...modelInferRequest.decode(set), [names[number]]: text },
        { ...before, [names[number]]: text },
      );
      if ((before[names[number]] ?? '') === text) assert.equal(set, bytes, 'the same buffer');
    }),
    { seed: 412, numRuns: 300 },
  );
  t.pass('300 cases');
});

test('the other bytes stay, unknown fields and odd spellings too', async (t) => {
  const unknown = Buffer.from([0x78, 0x81, 0x00, 0xfb, 0x01, 0x08, 0x00, 0xfc, 0x01]);
  const field = Buffer.from('\n\u0004iris');
  const changed = setStringField(Buffer.concat([unknown, field, unknown]), 1, 'lily!');
  t.strictSame(changed, Buffer.concat([unknown, Buffer.from('\n\u0005lily!'), unknown]));
  t.strictSame(setStringField(unknown, 1, 'x'), Buffer.concat([Buffer.from('\n\u0001x'), unknown]), 'in front of all');
});

test('a field of another wire type is another field', async (t) => {
  const bytes = Buffer.from([0x08, 0x05]);
  t.equal(readStringField(bytes, 1), '');
  t.strictSame(setStringField(bytes, 1, 'x'), Buffer.from([0x0a, 0x01, 0x78, 0x08, 0x05]));
});

test('only the given text is renamed', async (t) => {
  const bytes = modelInferRequest.encode({ model_name: 'iris', id: '7' });
  t.equal(readStringField(renameStringField(bytes, 1, 'iris', 'iris-2'), 1), 'iris-2');
  t.equal(renameStringField(bytes, 1, 'other', 'iris-2'), bytes);
  t.equal(renameStringField(bytes, 1, 'iris', 'iris'), bytes);
});

test('a malformed message has no texts and stays as it is', async (t) => {
  const bytes = Buffer.from('\n\u0004iris\n\u0004iri');
  t.equal(readStringField(bytes, 1), '');
  t.equal(setStringField(bytes, 1, 'x'), bytes);
  t.equal(renameStringField(bytes, 1, '', 'x'), bytes);
});

test('no bytes make setting throw, and what was set is read again', async (t) => {
  fc.assert(
    fc.property(filledRequest, mutation, numbers, name, ({ request }, changes, number, text) => {
      const bytes = mutate(modelInferRequest.encode(request), changes);
      const set = setStringField(bytes, number, text);
      return set === bytes || readStringField(set, number) === text;
    }),
    { seed: 413, numRuns: 3000 },
  );
  t.pass('3000 cases');
});
