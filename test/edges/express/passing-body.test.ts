import { Buffer } from 'node:buffer';
import { buffer } from 'node:stream/consumers';

import { test } from 'tap';

import { type BodySink, PassingBody } from '../../../src/edges/express/passing-body.ts';

/** A body of `length` octets, and how often more of it was asked for. */
function setUp(length: number) {
  const asked = { count: 0 };
  return { asked, body: new PassingBody(length, { resumeBody: () => void asked.count++ }) };
}

/** Writes down what it is told, and takes more as long as `isFlowing`. */
class Noting implements BodySink {
  text = '';
  isFlowing = true;
  onPiece(bytes: Buffer): boolean {
    this.text += bytes.toString('latin1');
    return this.isFlowing;
  }
  onLast(): void {
    this.text += ' last';
  }
  onBroken(): void {
    this.text += ' broken';
  }
}

function add(body: PassingBody, text: string): number {
  const bytes = Buffer.from(`<${text}>`);
  return body.add(bytes, 1, bytes.length - 1);
}

test('what comes before somebody takes it is held, and no more is read when that is much', (t) => {
  const { body } = setUp(70_000);
  add(body, 'a'.repeat(65_535));
  t.notOk(body.isBlocked, 'so that a client is seen to leave');
  add(body, 'b');
  t.ok(body.isBlocked);
  t.equal(body.open(new Noting()).length, 65_536);
  t.end();
});

test('a body goes to who takes it, as fast as that one wants', (t) => {
  const { body, asked } = setUp(10);
  t.equal(add(body, 'abc'), 3);
  const sink = new Noting();
  t.equal(body.open(sink).toString(), 'abc');
  body.resume();
  t.equal(asked.count, 0, 'it was not held up');
  t.equal(add(body, 'defg'), 4);
  t.notOk(body.isBlocked);
  sink.isFlowing = false;
  add(body, 'h');
  t.ok(body.isBlocked);
  body.resume();
  body.resume();
  t.equal(asked.count, 1);
  t.equal(add(body, 'ij next'), 2, 'only what belongs to it');
  t.ok(body.isReceived);
  t.notOk(body.isBlocked);
  body.resume();
  t.equal(asked.count, 1, 'nothing more is wanted');
  t.equal(sink.text, 'defghij last');
  body.close();
  t.equal(sink.text, 'defghij last');
  t.end();
});

test('what is held stays as it came', (t) => {
  const { body } = setUp(10);
  const bytes = Buffer.from('abc');
  body.add(bytes, 0, 3);
  bytes.fill('#');
  t.equal(body.open(new Noting()).toString(), 'abc');
  t.end();
});

test('a body is sent once', (t) => {
  const { body } = setUp(3);
  add(body, 'abc');
  t.equal(body.open(new Noting()).toString(), 'abc');
  t.throws(() => body.open(new Noting()), /sent before/);
  t.end();
});

test('the rest of a body that nobody wants goes nowhere', (t) => {
  const { body } = setUp(10);
  const sink = new Noting();
  body.open(sink);
  add(body, 'abc');
  body.close();
  body.close();
  t.equal(add(body, 'defghijk'), 7, 'it still ends where it should');
  t.equal(sink.text, 'abc broken');
  const unopened = setUp(3).body;
  unopened.close();
  t.throws(() => unopened.open(sink), /sent before/);
  t.end();
});

test('as a source it is opened when it is read, and waits for who reads it', async (t) => {
  const { body, asked } = setUp(300_000);
  add(body, 'a'.repeat(100_000));
  const unread = body.source[Symbol.asyncIterator]();
  // As an attempt that found no connection.
  await unread.return?.();
  const pieces = body.source[Symbol.asyncIterator]();
  let text = '';
  const first = await pieces.next();
  text += Buffer.from(first.value as Uint8Array).toString();
  t.throws(() => body.open(new Noting()), /sent before/);
  const rest = (async () => {
    for (;;) {
      const { value, done } = await pieces.next();
      if (done === true) return;
      text += Buffer.from(value).toString();
    }
  })();
  for (const mark of ['b', 'c']) {
    const bytes = Buffer.from(mark.repeat(100_000));
    while (body.isBlocked) await new Promise(setImmediate);
    body.add(bytes, 0, bytes.length);
    bytes.fill('#');
  }
  await rest;
  t.ok(text === 'a'.repeat(100_000) + 'b'.repeat(100_000) + 'c'.repeat(100_000));
  t.ok(asked.count > 0);
});

test('as a source it is complete when all of it came before', async (t) => {
  const { body } = setUp(3);
  add(body, 'abc');
  t.equal((await buffer(body.source)).toString(), 'abc');
});

test('as a source it fails when the rest does not come', async (t) => {
  const { body } = setUp(10);
  const pieces = body.source[Symbol.asyncIterator]();
  const next = pieces.next();
  add(body, 'abc');
  t.equal(Buffer.from((await next).value as Uint8Array).toString(), 'abc');
  const failed = pieces.next();
  body.close();
  await t.rejects(failed, { code: 'CLIENT_CLOSED' });
});
