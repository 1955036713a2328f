import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { joinBinary, splitBinary } from '../../src/protocol/oip-binary.ts';

test('a body is split where the header says and joins to the same bytes', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1 }), fc.nat(), (bytes, at) => {
      const body = Buffer.from(bytes);
      const length = 1 + (at % body.length);
      const split = splitBinary(body, String(length));
      return (
        split.ok &&
        split.kind === 'binary' &&
        split.json.length === length &&
        joinBinary(split.json, split.tail).equals(body)
      );
    }),
    { seed: 10, numRuns: 1000 },
  );
});

test('no header means JSON and the value 0 a raw request', async (t) => {
  const body = Buffer.from('abc');
  t.match(splitBinary(body, undefined), { ok: true, kind: 'json', json: body, tail: Buffer.alloc(0) });
  t.match(splitBinary(body, '0'), { ok: true, kind: 'raw', json: Buffer.alloc(0), tail: body });
});

test('a length that is no number or beyond the body is refused', async (t) => {
  for (const value of ['', '-1', '+1', '1.0', '0x1', ' 1', '1, 1', '1e0', '4', '9'.repeat(400), '١']) {
    t.match(splitBinary(Buffer.from('abc'), value), { ok: false, code: 'BAD_REQUEST', reason: 'BINARY_LENGTH' }, value);
  }
});
