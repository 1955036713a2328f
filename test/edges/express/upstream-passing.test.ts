import { Buffer } from 'node:buffer';

import { test } from 'tap';

import { PassingBody } from '../../../src/edges/express/passing-body.ts';
import { answerBytes } from '../../support/raw-server.ts';
import { until } from '../../support/traffic.ts';
import { answer, inTurn, setUp } from './upstream-fixtures.ts';

const MIB = 2 ** 20;

/** A body whose pieces the test gives. */
function passing(length: number) {
  const asked = { count: 0 };
  return { asked, body: new PassingBody(length, { resumeBody: () => void asked.count++ }) };
}

function add(body: PassingBody, bytes: Buffer | string): void {
  const buffer = Buffer.from(bytes);
  body.add(buffer, 0, buffer.length);
  buffer.fill('#');
}

test('a body leaves with its length while it comes, and the connection is kept', async (t) => {
  const { server, send } = await setUp(t, answerBytes(answer('ok')));
  for (const isFirst of [true, false]) {
    const { body } = passing(9);
    add(body, 'abc');
    const { outcome } = send({ body, headers: 'a: b\r\n' });
    await until('the beginning', () => server.received().endsWith('\r\n\r\nabc'));
    t.match(server.received(), /^POST \/ HTTP\/1.1\r\nhost: [\d.:]+\r\na: b\r\ncontent-length: 9\r\n\r\nabc/);
    add(body, 'def');
    await until('a piece', () => server.received().endsWith('abcdef'));
    add(body, 'ghi');
    t.equal(await outcome, '200 ok', isFirst ? 'on a new connection' : 'on a kept one');
  }
  t.equal(server.connections.length, 1);
});

test('a body that came before there is a connection leaves at once', async (t) => {
  const { send } = await setUp(t, answerBytes(answer('ok')));
  const { body } = passing(3);
  add(body, 'abc');
  t.equal(await send({ body }).outcome, '200 ok');
});

test('an endpoint that does not read holds up who sends, and gets every byte in the end', async (t) => {
  const length = 32 * MIB;
  let left = length;
  const { server, send } = await setUp(t, ({ socket }, piece) => {
    if (left === length) {
      socket.pause();
      left += piece.indexOf('\r\n\r\n') + 4;
    }
    left -= piece.length;
    if (left === 0) socket.write(answer('ok'));
  });
  const { body, asked } = passing(length);
  const { outcome } = send({ body });
  const whole = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i += 4) whole.writeUInt32BE(i, i);
  let at = 0;
  const feed = (): void => {
    while (at < length && !body.isBlocked) {
      const end = Math.min(at + 100_003, length);
      add(body, whole.subarray(at, end));
      at = end;
    }
  };
  add(body, whole.subarray(0, 70_000));
  at = 70_000;
  await until('it is sent', () => asked.count === 1);
  feed();
  t.ok(at < length, 'the kernel takes no more');
  t.ok(body.isBlocked);
  const before = asked.count;
  server.connections[0]!.socket.resume();
  await until('all is sent', () => {
    feed();
    return at === length;
  });
  t.equal(await outcome, '200 ok');
  t.ok(asked.count > before);
  const received = server.connections[0]!.received();
  t.ok(received.subarray(received.indexOf('\r\n\r\n') + 4).equals(whole), 'byte for byte');
});

test('an answer before the end of the body is passed on, and the connection closed', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('early'), answer('next')));
  const { body } = passing(10);
  add(body, 'abc');
  t.equal(await send({ body }).outcome, '200 early');
  await server.connections[0]!.closed;
  add(body, 'defghij');
  t.equal(await send().outcome, '200 next');
  t.equal(server.connections.length, 2);
  t.notMatch(server.received(), /d/);
});

test('a kept connection that ends in the middle of a body is not stale: the body cannot be sent again', async (t) => {
  const { send } = await setUp(
    t,
    inTurn(answer('one'), ({ socket }) => void socket.destroy()),
  );
  t.equal(await send().outcome, '200 one');
  const { body } = passing(10);
  add(body, 'abc');
  t.equal(await send({ body }).outcome, 'UPSTREAM_RESET sent');
  add(body, 'defghij');
  t.ok(body.isReceived);
});

test('a body whose connection was refused can still be sent', async (t) => {
  const { server, send } = await setUp(t, answerBytes(answer('')));
  await server.close();
  const { body } = passing(3);
  add(body, 'abc');
  t.equal(await send({ body }).outcome, 'UPSTREAM_CONNECT unsent');
  const later = await setUp(t, answerBytes(answer('ok')));
  t.equal(await later.send({ body }).outcome, '200 ok');
});

test('to give up in the middle of a body closes the connection', async (t) => {
  const { server, send } = await setUp(t, () => {});
  const { body } = passing(10);
  add(body, 'abc');
  const { call } = send({ body });
  await until('the beginning', () => server.received().endsWith('abc'));
  call.abort();
  add(body, 'def');
  await server.connections[0]!.closed;
  t.ok(server.received().endsWith('abc'));
});
