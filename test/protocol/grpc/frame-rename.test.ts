import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { gzipSync } from 'node:zlib';

import * as fc from 'fast-check';
import { test } from 'tap';

import { frameMessage, readFrame } from '../../../src/protocol/grpc/frame.ts';
import { FrameRename } from '../../../src/protocol/grpc/frame-rename.ts';
import { modelInferResponse, modelStreamInferResponse } from '../../support/grpc-protos.ts';

const response = { model_name: 'inner', id: '7', outputs: [{ name: 'y', datatype: 'FP32', shape: [1] }] };
const bare = modelInferResponse.encode(response);
const streamed = modelStreamInferResponse.encode({ infer_response: response });
const failed = modelStreamInferResponse.encode({ error_message: 'no' });
const renamed = { ...modelInferResponse.decode(bare), model_name: 'outer' };

const zipped = gzipSync(bare);

function inflate(message: Buffer): Buffer {
  return message.equals(zipped) ? bare : message;
}

/** A message with the flag of compression. */
function compressedFrame(message: Buffer): Buffer {
  const framed = frameMessage(message);
  framed[0] = 1;
  return framed;
}

/** All that comes out for chunks of these lengths, the last of them again and again. */
function pass(body: Buffer, lengths: readonly number[] = [body.length + 1]): Buffer {
  const rename = new FrameRename('inner', 'outer', inflate);
  const out: Buffer[] = [];
  for (let at = 0, i = 0; at < body.length; i++) {
    const end = at + lengths[Math.min(i, lengths.length - 1)]!;
    // What comes in is used again for other bytes.
    const chunk = Buffer.from(body.subarray(at, end));
    out.push(Buffer.from(rename.take(chunk)));
    chunk.fill(0xff);
    at = end;
  }
  return Buffer.concat([...out, rename.end()]);
}

test('the model is renamed in bare answers and in those of a stream', async (t) => {
  const out = pass(Buffer.concat([bare, streamed, failed].map(frameMessage)));
  const first = readFrame(out)!;
  t.strictSame(modelInferResponse.decode(first.message), renamed);
  const second = readFrame(out, first.end)!;
  t.strictSame(modelStreamInferResponse.decode(second.message), { infer_response: renamed });
  t.strictSame(out.subarray(second.end), frameMessage(failed));
});

test('a compressed message that has the name leaves without compression', async (t) => {
  for (const lengths of [[1], [7], [1000]]) {
    const out = pass(Buffer.concat([compressedFrame(zipped), frameMessage(bare)]), lengths);
    const first = readFrame(out)!;
    t.notOk(first.isCompressed);
    t.strictSame(modelInferResponse.decode(first.message), renamed);
    t.strictSame(modelInferResponse.decode(readFrame(out, first.end)!.message), renamed);
  }
});

test('other names, and what is no message, pass as they are, compressed or not', async (t) => {
  const compressed = compressedFrame(failed);
  const odd = frameMessage(bare);
  odd[0] = 7;
  const other = frameMessage(modelInferResponse.encode({ model_name: 'third' }));
  const broken = frameMessage(Buffer.from('\n\u0005inner\n'));
  for (const body of [compressed, odd, other, broken, other.subarray(0, 8), Buffer.alloc(0)]) {
    t.strictSame(pass(body), body);
    t.strictSame(pass(body, [1]), body);
  }
  const behind = pass(Buffer.concat([compressed, frameMessage(bare)]), [3]);
  t.strictSame(
    modelInferResponse.decode(readFrame(behind, compressed.length)!.message),
    renamed,
    'the next is renamed',
  );
});

test('messages may come in any pieces', async (t) => {
  const compressed = compressedFrame(zipped);
  const body = Buffer.concat([frameMessage(bare), compressed, frameMessage(streamed), frameMessage(Buffer.alloc(0))]);
  const whole = pass(body);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }), (lengths) => {
      assert.deepEqual(pass(body, lengths), whole);
    }),
    { seed: 432, numRuns: 500 },
  );
  t.pass('500 cases');
});

test('what is whole leaves at once', async (t) => {
  const rename = new FrameRename('inner', 'outer', inflate);
  const framed = frameMessage(bare);
  t.equal(rename.take(framed.subarray(0, -1)).length, 0);
  t.equal(rename.take(framed.subarray(-1)).length, framed.length);
  t.equal(rename.end().length, 0);
});

test('a message too large to be held passes as it comes', async (t) => {
  const rename = new FrameRename('inner', 'outer', inflate);
  const prefix = Buffer.from([0, 0xf0, 0, 0, 0]);
  t.strictSame(rename.take(Buffer.concat([prefix, bare])), Buffer.concat([prefix, bare]));
  t.strictSame(rename.take(bare), bare);
});

test('a large message in small pieces takes time by its length alone', async (t) => {
  const large = frameMessage(
    modelInferResponse.encode({ model_name: 'inner', raw_output_contents: [Buffer.alloc(8 << 20)] }),
  );
  const startMs = performance.now();
  const out = pass(large, [256]);
  t.equal(out.length, large.length);
  // Joined anew for each piece, 128 GiB would be copied.
  t.ok(performance.now() - startMs < 10_000);
});

test('no bytes make it throw, and as many come out when nothing is renamed', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 1, max: 9 }), (random, length) => {
      const body = Buffer.concat([frameMessage(random.subarray(0, 20)), random]);
      return pass(body, [length]).equals(body);
    }),
    { seed: 433, numRuns: 2000 },
  );
  t.pass('2000 cases');
});
