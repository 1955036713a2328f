import { Buffer } from 'node:buffer';

import fc from 'fast-check';
import { test } from 'tap';

import { ByteQueue } from '../../../src/edges/http2/byte-queue.ts';

test('what goes in comes out, in its order, however it is cut', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('push' as const), length: fc.oneof(fc.nat(20), fc.nat(5000)) }),
    fc.record({ kind: fc.constant('drop' as const), length: fc.nat(3000) }),
    fc.record({ kind: fc.constant('shift' as const), length: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new ByteQueue();
      const taken: Buffer[] = [];
      let given = 0;
      for (const { kind, length } of steps) {
        if (kind === 'push') {
          const bytes = Buffer.from(Array.from({ length: length + 4 }, (_, i) => given + i - 2));
          queue.push(bytes, 2, length + 2);
          bytes.fill(0xee);
          given += length;
        } else if (kind === 'shift') {
          const piece = queue.shift();
          if (piece !== null) taken.push(piece);
        } else if (queue.length > 0) {
          const count = Math.min(length, queue.end - queue.start);
          taken.push(Buffer.from(queue.first.subarray(queue.start, queue.start + count)));
          queue.drop(count);
        }
      }
      for (let piece = queue.shift(); piece !== null; piece = queue.shift()) taken.push(piece);
      const all = Buffer.concat(taken);
      return queue.length === 0 && all.equals(Buffer.from(Array.from({ length: given }, (_, i) => i)));
    }),
    { seed: 11, numRuns: 500 },
  );
});

test('many small pieces take little more memory than their bytes', async (t) => {
  const queue = new ByteQueue();
  for (let i = 0; i < 100_000; i++) queue.push(Buffer.from([i]), 0, 1);
  let pieces = 0;
  for (let piece = queue.shift(); piece !== null; piece = queue.shift()) pieces++;
  t.ok(pieces < 100, `${pieces}`);
});
