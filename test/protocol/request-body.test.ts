import { Buffer } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';

import * as fc from 'fast-check';
import { test } from 'tap';

import { compileSteps, findField, pathOf } from '../../src/protocol/json-path.ts';
import { inputsPath } from '../../src/protocol/oip-tensor.ts';
import { compilePlaces, openBody, RequestBody } from '../../src/protocol/request-body.ts';
import { documentPath, jsonDocument } from './json-document.ts';

test('what is looked for together is found as what is looked for alone', async (t) => {
  fc.assert(
    fc.property(jsonDocument, fc.array(documentPath, { maxLength: 4 }), documentPath, (text, prepared, other) => {
      const paths = prepared.map((steps) => compileSteps(steps) ?? pathOf([]));
      const json = Buffer.from(text);
      const body = new RequestBody(json, Buffer.alloc(0), false, compilePlaces(paths));
      return [...paths, pathOf(other), inputsPath].every((path) =>
        isDeepStrictEqual(body.find(path), findField(json, path)),
      );
    }),
    { seed: 63, numRuns: 3000 },
  );
  t.pass();
});

test('a body is divided as its header says, and joined again when it changed', async (t) => {
  const bytes = Buffer.from('{"a":1}xyz');
  const body = openBody(bytes, 7);
  if (!(body instanceof RequestBody)) throw new Error('it can be opened');
  t.equal(body.bytes, bytes, 'nothing is copied');
  t.equal(body.tail.toString(), 'xyz');
  const changed = body.with(Buffer.from('{"a":12}'), body.tail);
  t.equal(changed.bytes.toString(), '{"a":12}xyz');
  t.equal(changed.inferenceHeaderLength, 8);
  const plain = openBody(bytes, null);
  t.ok(plain instanceof RequestBody && plain.inferenceHeaderLength === null && plain.json === bytes);
  t.match(openBody(bytes, 0), { reason: 'RAW_REQUEST' });
  t.match(openBody(bytes, 11), { reason: 'BINARY_LENGTH' });
});
