import { test } from 'tap';

import {
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  errorCode,
  HEADERS,
  PADDED,
  WITH_PRIORITY,
} from '../../../src/protocol/http2/frames.ts';
import { block, frame, hex } from '../../protocol/http2/frame-bytes.ts';
import { until } from '../../support/traffic.ts';
import { answer, data, head, headers, open, type Opened, reset, trailers } from './client-fixtures.ts';

const OK = 'grpc-status: 0\r\n';

/** How a call ends that is answered with these frames on stream 1. */
async function outcomeOf(opened: Opened, ...frames: Buffer[]): Promise<string> {
  const { peer, call } = opened;
  const heard = call();
  await peer.begun(1);
  peer.send(...frames);
  await until('it is over', () => heard.isOver);
  return `${heard.status} ${heard.headers}${heard.outcome}`;
}

const HEAD = '200 content-type: application/grpc\r\n';

test('an answer is its head, its body and its trailers, however they are put into frames', async (t) => {
  const fields = block([':status', '200'], ['content-type', 'application/grpc']);
  const end = block(['grpc-status', '0']);
  const forms: Record<string, Buffer[]> = {
    plain: [answer(1, 'body')],
    'data in pieces': [head(1), data(1, 'bo'), data(1, ''), data(1, 'dy'), trailers(1)],
    padding: [
      frame(HEADERS, END_HEADERS | PADDED, 1, Buffer.concat([hex('03'), fields, hex('000000')])),
      frame(DATA, PADDED, 1, Buffer.concat([hex('02'), Buffer.from('body'), hex('0000')])),
      frame(DATA, PADDED, 1, hex('00')),
      frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 1, Buffer.concat([hex('01'), end, hex('00')])),
    ],
    CONTINUATION: [
      frame(HEADERS, 0, 1, fields.subarray(0, 3)),
      frame(CONTINUATION, 0, 1),
      frame(CONTINUATION, 0, 1, fields.subarray(3, 20)),
      frame(CONTINUATION, END_HEADERS, 1, fields.subarray(20)),
      data(1, 'body'),
      frame(HEADERS, END_STREAM, 1, end.subarray(0, 4)),
      frame(CONTINUATION, END_HEADERS, 1, end.subarray(4)),
    ],
    'priorities and frames of unknown types': [
      frame(2, 0, 1, hex('00000000 ff')),
      frame(HEADERS, END_HEADERS | WITH_PRIORITY, 1, Buffer.concat([hex('00000000 01'), fields])),
      frame(0xfa, 0xff, 1, hex('1234')),
      data(1, 'body'),
      trailers(1),
    ],
    'interim heads': [
      headers(1, 0, [':status', '100']),
      headers(1, 0, [':status', '103'], ['a', 'b']),
      answer(1, 'body'),
    ],
  };
  for (const [what, frames] of Object.entries(forms)) {
    t.equal(await outcomeOf(await open(t), ...frames), `${HEAD}body ${OK}`, what);
    // Octet by octet, as far as the network lets them be.
    const opened = await open(t);
    const heard = opened.call();
    await opened.peer.begun(1);
    for (const octet of Buffer.concat(frames)) {
      opened.peer.send(Buffer.from([octet]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until('it is over', () => heard.isOver);
    t.equal(heard.outcome, `body ${OK}`, `${what}, octet by octet`);
  }
});

test('an answer may be all head, and may end with its last data', async (t) => {
  t.equal(
    await outcomeOf(await open(t), headers(1, END_STREAM, [':status', '200'], ['grpc-status', '5'])),
    '200 grpc-status: 5\r\n ',
  );
  t.equal(await outcomeOf(await open(t), head(1), data(1, 'body', END_STREAM)), `${HEAD}body `);
  t.equal(await outcomeOf(await open(t), head(1), data(1, 'body'), data(1, '', END_STREAM)), `${HEAD}body `);
  t.equal(await outcomeOf(await open(t), headers(1, END_STREAM, [':status', '503'])), '503  ');
});

test('a reset before or after the head says its code, and whether anything was done', async (t) => {
  t.equal(await outcomeOf(await open(t), reset(1, errorCode.REFUSED_STREAM)), '0 lost 7 untouched');
  t.equal(await outcomeOf(await open(t), reset(1, errorCode.INTERNAL_ERROR)), '0 lost 2');
  t.equal(await outcomeOf(await open(t), reset(1, errorCode.NO_ERROR)), '0 lost 0');
  t.equal(await outcomeOf(await open(t), head(1), data(1, 'x'), reset(1, errorCode.CANCEL)), `${HEAD}lost 8`);
  // Once it is answered, a reset only says that the rest of the request is not wanted.
  t.equal(await outcomeOf(await open(t), answer(1, 'x'), reset(1, errorCode.NO_ERROR)), `${HEAD}x ${OK}`);
});

test('a malformed answer is reset; the others on the connection go on', async (t) => {
  const malformed: Record<string, Buffer> = {
    'no status': headers(1, 0, ['content-type', 'application/grpc']),
    'a status that is none': headers(1, 0, [':status', '20']),
    'a pseudo field of requests': headers(1, 0, [':status', '200'], [':path', '/']),
    'capitals in a name': headers(1, 0, [':status', '200'], ['Content-Type', 'a']),
    'a field of the connection': headers(1, 0, [':status', '200'], ['connection', 'close']),
    'DATA before the head': data(1, 'x'),
    'an interim head that ends': headers(1, END_STREAM, [':status', '100']),
    'trailers that do not end': Buffer.concat([head(1), headers(1, 0, ['grpc-status', '0'])]),
    'trailers with a pseudo field': Buffer.concat([head(1), headers(1, END_STREAM, [':status', '200'])]),
    'more data than the length': Buffer.concat([
      headers(1, 0, [':status', '200'], ['content-length', '1']),
      data(1, 'xy'),
    ]),
    'a window update by 0': frame(8, 0, 1, hex('00000000')),
    'too large a window': frame(8, 0, 1, hex('7fffffff')),
    'too many fields': Buffer.concat([
      frame(
        HEADERS,
        END_HEADERS,
        1,
        block([':status', '200'], ...Array.from({ length: 129 }, (_, i) => [`x-${i}`, ''] as const)),
      ),
    ]),
  };
  for (const [what, bytes] of Object.entries(malformed)) {
    const { session, owner, peer, call } = await open(t);
    const bad = call();
    const good = call();
    await peer.begun(2);
    peer.send(bytes, answer(3, 'body'));
    await until(`${what}: both are over`, () => bad.isOver && good.isOver);
    t.match(bad.outcome, /^lost \d+$/, what);
    t.match(bad.loss?.text, 'the answer is malformed', what);
    t.equal(good.outcome, `body ${OK}`, what);
    await until('it is reset', () => peer.resets.get(1) === bad.loss?.code);
    t.equal(session.calls, 0);
    t.notOk(owner.isGone);
  }
});

test('what comes for a call that was given up is thrown away, and the window of the connection given back', async (t) => {
  const { session, peer, call } = await open(t);
  const given = call();
  await peer.begun(1);
  peer.send(head(1), data(1, 'first'));
  await until('it has begun', () => given.pieces.length > 0);
  given.stream.reset(errorCode.CANCEL);
  t.equal(session.calls, 0);
  const chunk = Buffer.alloc(16384);
  // More than a half of the window: it has to be opened again.
  for (let i = 0; i < 600; i++) peer.send(data(1, chunk));
  peer.send(trailers(1));
  await until('it is reset', () => peer.resets.get(1) === errorCode.CANCEL);
  await until('the window is opened', () => peer.log.filter((event) => event.startsWith('window 0')).length > 1);
  const next = call();
  await peer.begun(2);
  peer.send(answer(3, 'x'));
  await until('the next is answered', () => next.isOver);
  t.equal(given.body.toString(), 'first');
  t.notOk(given.isOver);
  t.notOk(
    peer.log.some((event) => event.startsWith('window 1')),
    'its own window stays as it is',
  );
});

test('an answer before the end of the request stops the request', async (t) => {
  const { peer, call } = await open(t);
  const streamed = call(null);
  streamed.stream.data(Buffer.from('first'));
  await peer.begun(1);
  peer.send(headers(1, END_STREAM, [':status', '200'], ['grpc-status', '3']));
  await until('it is answered', () => streamed.isOver);
  await until('it is reset', () => peer.resets.get(1) === errorCode.NO_ERROR);
  t.ok(streamed.stream.data(Buffer.alloc(1 << 20)), 'what is still sent goes nowhere');
  streamed.stream.end();
  streamed.stream.reset(errorCode.CANCEL);
  const whole = call(Buffer.alloc(200_000));
  await peer.begun(2);
  peer.send(answer(3, 'early'));
  await until('the second is answered', () => whole.isOver);
  await until('it is reset as well', () => peer.resets.get(3) === errorCode.NO_ERROR);
  t.equal(peer.body(1).toString(), 'first');
  t.equal(peer.body(3).length, 65535 - 5, 'the window of the connection was all that it took');
});

test('a request that is sent in full is not reset', async (t) => {
  const { peer, call } = await open(t);
  const streamed = call(null);
  streamed.stream.data(Buffer.from('one '));
  streamed.stream.data(Buffer.from('two'));
  streamed.stream.end();
  await until('it is there', () => peer.ended.has(1));
  t.equal(peer.body(1).toString(), 'one two');
  peer.send(answer(1, 'x'));
  await until('it is answered', () => streamed.isOver);
  const empty = call(Buffer.alloc(0));
  await until('an empty one is there', () => peer.ended.has(3));
  peer.send(answer(3, 'y'));
  await until('it is answered', () => empty.isOver);
  t.equal(peer.resets.size, 0);
});
