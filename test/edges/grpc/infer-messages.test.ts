import { test } from 'tap';

import { inferMessages } from '../../../src/edges/grpc/infer-messages.ts';
import type { BodyStream } from '../../../src/gateway/ports.ts';
import { inferBytes } from '../../support/grpc.ts';
import { frame } from '../../support/http2.ts';

const message = inferBytes('m');

/** A body that comes in these pieces. */
function bodyOf(...pieces: Buffer[]): BodyStream {
  const source = {
    async *[Symbol.asyncIterator]() {
      yield* pieces;
    },
  };
  return { kind: 'stream', length: null, source };
}

test('a compressed message is read when the one before has gone on', async (t) => {
  let count = 0;
  const { source } = inferMessages(bodyOf(Buffer.concat(Array<Buffer>(100).fill(frame(Buffer.from('z'), true)))), {
    model: 'm',
    version: '',
    isModelForced: false,
    encoding: 'gzip',
    inflate: () => {
      count++;
      return message;
    },
    maxBytes: 1 << 20,
  });
  const messages = source[Symbol.asyncIterator]();
  for (let i = 1; i <= 3; i++) {
    t.strictSame((await messages.next()).value, frame(message));
    t.equal(count, i);
  }
});

test('a message is a piece of its own, however it came', async (t) => {
  const sent = [inferBytes('m', 'a'), inferBytes('m', 'b'.repeat(20_000)), inferBytes('m', 'c')];
  const bytes = Buffer.concat(sent.map((one) => frame(one)));
  for (const length of [1, 7, 9000, bytes.length]) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += length) pieces.push(bytes.subarray(at, at + length));
    const settings = { model: 'm', version: '', isModelForced: false, encoding: undefined, maxBytes: 1 << 20 };
    const { source } = inferMessages(bodyOf(...pieces), { ...settings, inflate: () => 'unknown' });
    const got: Uint8Array[] = [];
    for await (const piece of source) got.push(piece);
    t.strictSame(
      got,
      sent.map((one) => frame(one)),
    );
  }
});
