import fc from 'fast-check';
import { test } from 'tap';

import { MessageBuffer } from '../../../src/edges/grpc/message-buffer.ts';
import { MessageMeter } from '../../../src/edges/grpc/message-meter.ts';
import { frame } from '../../support/http2.ts';

const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 });
const cuts = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 60 });

/** The bytes in pieces of these lengths, over and over. */
function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[i % lengths.length]!;
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

test('messages come back whole however they are cut', async () => {
  fc.assert(
    fc.property(messages, cuts, (sent, lengths) => {
      const buffer = new MessageBuffer(40);
      const got: Buffer[] = [];
      for (const piece of cut(Buffer.concat(sent.map((one) => frame(one))), lengths)) {
        for (let at = 0; at < piece.length;) {
          at = buffer.add(piece, at, piece.length);
          if (!buffer.isWhole) continue;
          if (!buffer.framed.equals(frame(buffer.message))) return false;
          got.push(buffer.message);
          buffer.reset();
        }
      }
      return buffer.isEmpty && got.length === sent.length && got.every((one, i) => one.equals(sent[i]!));
    }),
    { seed: 20261123, numRuns: 500 },
  );
});

test('a message that is too long is refused by its prefix alone', async (t) => {
  const buffer = new MessageBuffer(10);
  buffer.add(frame(Buffer.alloc(11)), 0, 5);
  t.equal(buffer.problem, 'too-large');
  t.equal(new MessageMeter(10).take(frame(Buffer.alloc(11)).subarray(0, 5)), 'too-large');
});

test('a first byte that is no flag is refused at once', async (t) => {
  const buffer = new MessageBuffer(10);
  buffer.add(Buffer.from([2]), 0, 1);
  t.equal(buffer.problem, 'bad-flag');
  t.equal(new MessageMeter(10).take(Buffer.from([0x50])), 'bad-flag');
});

test('the meter knows where messages end however they are cut', async () => {
  fc.assert(
    fc.property(messages, cuts, fc.integer({ min: 0, max: 60 }), (sent, lengths, kept) => {
      const meter = new MessageMeter(40);
      const whole = Buffer.concat(sent.map((one) => frame(one)));
      const part = whole.subarray(0, whole.length - Math.min(kept, whole.length));
      if (cut(part, lengths).some((piece) => meter.take(piece) !== null)) return false;
      let end = 0;
      const ends = [0, ...sent.map((one) => (end += 5 + one.length))];
      return meter.isAtEnd === ends.includes(part.length);
    }),
    { seed: 20261123, numRuns: 500 },
  );
});

test('a message that is announced as long takes no memory before it comes', async (t) => {
  const buffer = new MessageBuffer(2 ** 31);
  const prefix = Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]);
  t.equal(buffer.add(Buffer.concat([prefix, Buffer.alloc(100)]), 0, 105), 105);
  t.equal(buffer.problem, null);
  t.ok(buffer.framed.buffer.byteLength < 100_000);
});
