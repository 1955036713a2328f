import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { frameMessage, isFrameStart, onlyMessage, readFrame } from '../../../src/protocol/grpc/frame.ts';

test('messages in a row are read one after the other', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 4 }), fc.nat(30), (messages, cut) => {
      const body = Buffer.concat(messages.map(frameMessage));
      let at = 0;
      for (const message of messages) {
        const frame = readFrame(body, at);
        assert.ok(frame !== null && !frame.isCompressed);
        assert.deepEqual(Uint8Array.from(frame.message), message);
        at = frame.end;
      }
      assert.equal(at, body.length);
      assert.equal(readFrame(body, at), null);
      const last = messages.at(-1);
      if (last === undefined) return;
      const start = body.length - last.length - 5;
      const missing = 1 + (cut % (last.length + 5));
      assert.equal(readFrame(body.subarray(0, body.length - missing), start), null, 'not whole yet');
    }),
    { seed: 431, numRuns: 500 },
  );
  t.pass('500 cases');
});

test('a compressed message is told, and other flags are none', async (t) => {
  const framed = frameMessage(Buffer.from('x'));
  framed[0] = 1;
  t.match(readFrame(framed), { isCompressed: true, end: 6 });
  t.equal(onlyMessage(framed), null);
  t.equal(isFrameStart(framed), true);
  framed[0] = 2;
  t.equal(readFrame(framed), null);
  t.equal(isFrameStart(framed), false);
});

test('a body is one message, or it is none', async (t) => {
  const framed = frameMessage(Buffer.from('x'));
  t.strictSame(onlyMessage(framed), Buffer.from('x'));
  t.equal(onlyMessage(Buffer.concat([framed, framed])), null);
  t.equal(onlyMessage(Buffer.concat([framed, Buffer.from([0])])), null);
  t.equal(onlyMessage(framed.subarray(0, 5)), null);
  t.equal(onlyMessage(Buffer.alloc(0)), null);
  t.equal(readFrame(Buffer.from([0, 0xff, 0xff, 0xff, 0xff])), null, 'a length of 4 GiB takes no memory');
});
