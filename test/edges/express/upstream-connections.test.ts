import { test } from 'tap';

import type { RawConnection } from '../../support/raw-server.ts';
import { until } from '../../support/traffic.ts';
import { answer, inTurn, setUp } from './upstream-fixtures.ts';

test('a kept connection serves one call after the other', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('a'), answer('b'), answer('c')));
  for (const body of ['a', 'b', 'c']) t.equal(await send().outcome, `200 ${body}`);
  t.equal(server.connections.length, 1);
});

test('the connection that was used last is used next', async (t) => {
  const waiting: RawConnection[] = [];
  const { server, send } = await setUp(t, (connection) => void waiting.push(connection), { connections: 3 });
  const calls = [send(), send(), send()];
  await until('all are there', () => waiting.length === 3);
  const used = [waiting[1]!, waiting[0]!, waiting[2]!];
  for (const { socket } of used) {
    socket.write(answer('a'));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  }
  await Promise.all(calls.map(({ outcome }) => outcome));
  waiting.length = 0;
  const { outcome } = send();
  await until('the next is there', () => waiting.length === 1);
  t.equal(waiting[0], used[2]);
  waiting[0]!.socket.write(answer('b'));
  t.equal(await outcome, '200 b');
  t.equal(server.connections.length, 3);
});

test('an idle connection that the endpoint closes is dropped, and nobody hears of it', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('a')));
  t.equal(await send().outcome, '200 a');
  server.connections[0]!.socket.end();
  await server.connections[0]!.closed;
  t.equal(await send().outcome, '200 a');
  t.equal(server.connections.length, 2);
});

test('an end that came just before a call is seen before the call is sent', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('a')));
  t.equal(await send().outcome, '200 a');
  await new Promise((resolve) => setImmediate(resolve));
  server.connections[0]!.socket.end();
  await new Promise((resolve) => server.connections[0]!.socket.once('finish', resolve));
  t.equal(await send().outcome, '200 a');
});

for (const break_ of ['end', 'resetAndDestroy'] as const) {
  test(`a call that its kept connection never answered is told as stale: ${break_}`, async (t) => {
    const { server, send } = await setUp(
      t,
      inTurn(answer('a'), ({ socket }) => void socket[break_](), answer('b')),
    );
    t.equal(await send().outcome, '200 a');
    t.equal(await send().outcome, 'UPSTREAM_RESET stale');
    t.equal(await send({ isFresh: true }).outcome, '200 b');
    t.equal(server.connections.length, 2);
  });

  test(`a call that a new connection never answered is told as sent: ${break_}`, async (t) => {
    const { send } = await setUp(
      t,
      inTurn(({ socket }) => void socket[break_]()),
    );
    t.equal(await send().outcome, 'UPSTREAM_RESET sent');
  });
}

for (const begin of ['H', 'HTTP/1.1 103 x\r\n\r\n']) {
  test(`a call is not stale after the first octets of an answer: ${JSON.stringify(begin)}`, async (t) => {
    const { send } = await setUp(
      t,
      inTurn(answer('a'), ({ socket }) => void socket.end(begin)),
    );
    t.equal(await send().outcome, '200 a');
    t.equal(await send().outcome, 'UPSTREAM_RESET sent');
  });
}

test('a call that wants a fresh connection gets one in the place of an idle one', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('a')));
  t.equal(await send().outcome, '200 a');
  t.equal(await send({ isFresh: true }).outcome, '200 a');
  t.equal(server.connections.length, 2);
  await server.connections[0]!.closed;
});

test('a call that wants a fresh connection waits for its turn, and then does not take over a used one', async (t) => {
  const { server, send } = await setUp(
    t,
    inTurn(({ socket }) => void setImmediate(() => socket.write(answer('a')))),
  );
  const calls = [send(), send({ isFresh: true }), send()];
  for (const { outcome } of calls) t.equal(await outcome, '200 a');
  t.equal(server.connections.length, 2);
});

test('an idle connection is closed when it was idle for as long as it may', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('a')), { keepAliveMs: 30 });
  t.equal(await send().outcome, '200 a');
  await server.connections[0]!.closed;
  t.equal(await send().outcome, '200 a');
  t.equal(server.connections.length, 2);
});

test('connections are not kept when the settings say so', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('a')), { keepAliveMs: 0 });
  t.equal(await send().outcome, '200 a');
  await server.connections[0]!.closed;
});

test('a connection is kept for one second less than its endpoint keeps it', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('a', 'keep-alive: timeout=2, max=5\r\n')), {
    keepAliveMs: 60_000,
  });
  const startMs = performance.now();
  t.equal(await send().outcome, '200 a');
  t.equal(await send().outcome, '200 a');
  await server.connections[0]!.closed;
  const idleMs = performance.now() - startMs;
  t.ok(idleMs > 600 && idleMs < 2000, `${idleMs}`);
  t.equal(server.connections.length, 1);
});

test('an answer that nobody asked for is never the answer to the next call', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('a')));
  t.equal(await send().outcome, '200 a');
  server.connections[0]!.socket.write(answer('poison'));
  await server.connections[0]!.closed;
  t.equal(await send().outcome, '200 a');
  t.equal(server.connections.length, 2);
});

test('nor when it is there but not read yet when the next call comes', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('a')));
  t.equal(await send().outcome, '200 a');
  await new Promise((resolve) => setTimeout(resolve));
  server.connections[0]!.socket.write(answer('poison'));
  t.equal(await send().outcome, '200 a');
  t.equal(server.connections.length, 2);
});

test('nor when it came with the answer before it and a call is waiting', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('a') + answer('poison'), answer('b')));
  const calls = [send(), send()];
  t.equal(await calls[0]!.outcome, '200 a');
  t.equal(await calls[1]!.outcome, '200 b');
  t.equal(server.connections.length, 2);
});

test('a call given up while its connection is made is never sent, and the connection serves the next', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('a')));
  const given = send({ path: '/given' });
  const next = send({ path: '/next' });
  given.call.abort();
  t.equal(await next.outcome, '200 a');
  t.match(server.received(), /^POST \/next /);
  t.equal(server.connections.length, 1);
  t.equal(given.noting.isEnded || given.noting.error !== '', false, 'who gave up hears nothing more');
});

test('a call given up before it is written on a kept connection is never sent', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('a')));
  t.equal(await send().outcome, '200 a');
  const given = send({ path: '/given' });
  const next = send({ path: '/next' });
  given.call.abort();
  t.equal(await next.outcome, '200 a');
  t.notMatch(server.received(), '/given');
  t.equal(server.connections.length, 1);
});

test('calls wait in the order of their coming, and may be given up meanwhile', async (t) => {
  const waiting: RawConnection[] = [];
  const { server, send } = await setUp(t, (connection) => void waiting.push(connection), { connections: 2 });
  const calls = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => send({ path: `/${name}` }));
  for (const i of [3, 5, 3]) calls[i]!.call.abort();
  await until('two are there', () => waiting.length === 2);
  for (const i of [0, 1, 2, 4]) {
    const index = waiting.findIndex((connection) => connection.received().toString().includes(`/${'abcdef'[i]!} `));
    waiting.splice(index, 1)[0]!.socket.write(answer('x'));
    t.equal(await calls[i]!.outcome, '200 x');
    await until('the next is there', () => waiting.length === (i < 2 ? 2 : 4 - i > 0 ? 1 : 0));
  }
  t.equal(server.connections.length, 2);
  t.notMatch(server.received(), /POST \/[df]/);
});

test('a call given up before its answer closes its connection, and the next gets another', async (t) => {
  const { server, send } = await setUp(
    t,
    inTurn(() => {}, answer('b')),
  );
  const given = send();
  const next = send();
  await until('the first is there', () => server.received() !== '');
  given.call.abort();
  t.equal(await next.outcome, '200 b');
  await server.connections[0]!.closed;
  t.equal(server.connections.length, 2);
});

test('a call given up in the middle of its answer hears nothing more', async (t) => {
  const { server, send } = await setUp(
    t,
    inTurn(({ socket }) => void socket.write(answer('abc').slice(0, -1)), answer('b')),
  );
  const given = send({}, () => {
    given.call.abort();
    return true;
  });
  await until('it is closed', () => server.connections[0]?.socket.destroyed === true);
  t.equal(given.noting.body.toString(), 'ab');
  t.equal(given.noting.isEnded || given.noting.error !== '', false);
  t.equal(await send().outcome, '200 b');
});

test('to give up or resume a call that is over does nothing to the next call on its connection', async (t) => {
  const waiting: RawConnection[] = [];
  const { server, send } = await setUp(t, (connection) => void waiting.push(connection));
  const first = send();
  await until('the first is there', () => waiting.length === 1);
  waiting.shift()!.socket.write(answer('a'));
  t.equal(await first.outcome, '200 a');
  first.call.abort();
  const second = send();
  first.call.abort();
  await until('the second is there', () => waiting.length === 1);
  first.call.abort();
  first.call.resume();
  waiting.shift()!.socket.write(answer('b'));
  t.equal(await second.outcome, '200 b');
  t.equal(server.connections.length, 1);
});

test('a connection that cannot be made is told to its own call; those that wait try for themselves', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('a')));
  await server.close();
  const outcomes = await Promise.all([send(), send(), send()].map(({ outcome }) => outcome));
  t.strictSame(
    outcomes,
    Array.from({ length: 3 }, () => 'UPSTREAM_CONNECT unsent'),
  );
});

test('a receiver may send the next call from within the end of its own', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('a'), answer('b')));
  const outcome = await new Promise<string>((resolve) => {
    const first = send();
    const { onDone } = first.noting;
    first.noting.onDone = () => {
      onDone();
      void send().outcome.then(resolve);
    };
  });
  t.equal(outcome, '200 b');
  t.equal(server.connections.length, 1);
});
