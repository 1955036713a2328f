import { Buffer } from 'node:buffer';

import { test } from 'tap';

import { type RawClient, rawRequest } from '../../support/raw-client.ts';
import { until } from '../../support/traffic.ts';
import { echo, INFER, pause, startFront, type Taken } from './front-fixture.ts';

const POST = `POST ${INFER} HTTP/1.1\r\nHost: g\r\n`;

async function expectTimeout(client: RawClient): Promise<void> {
  const answer = await client.answer();
  if (answer?.status !== 408 || answer.headers.get('makas-error') !== 'REQUEST_TIMEOUT')
    throw new Error(`${answer?.status} instead of a timeout`);
  if (answer.headers.get('connection') !== 'close') throw new Error('the connection goes on');
  await client.closed;
}

/** Sends the bytes of a text again and again until the connection closes. */
async function dribble(client: RawClient, endless: string): Promise<void> {
  let i = 0;
  const timer = setInterval(() => client.send(endless[i++ % endless.length]!), 10);
  await client.closed;
  clearInterval(timer);
}

test('a connection that never sends a byte is answered 408 and closed', async (t) => {
  const { connect, closed, server } = await startFront(t, { options: { headerTimeoutMs: 100 } });
  await expectTimeout(await connect());
  server.close();
  await closed;
});

test('a head that does not end in time is answered 408, also when it dribbles on', async (t) => {
  const { connect, taken, main } = await startFront(t, { options: { headerTimeoutMs: 150 } });
  const client = await connect();
  client.send(POST);
  await Promise.all([expectTimeout(client), dribble(client, 'a: b\r\n')]);
  t.equal(taken.length + main.length, 0);
});

test('a head behind an answer has its own time', async (t) => {
  const { connect, taken } = await startFront(t, { options: { headerTimeoutMs: 300 } });
  const client = await connect();
  for (let i = 0; i < 3; i++) {
    client.send(rawRequest(INFER).subarray(0, 30));
    await new Promise((resolve) => setTimeout(resolve, 150));
    client.send(rawRequest(INFER).subarray(30));
    t.equal((await client.answer())?.status, 200);
  }
  client.send('POST');
  await expectTimeout(client);
  t.equal(taken.length, 3);
});

test('a body that does not end in time is answered 408, and its exchange abandoned', async (t) => {
  const { connect, taken } = await startFront(t, { options: { headerTimeoutMs: 100, requestTimeoutMs: 200 } });
  const client = await connect();
  client.send(`${POST}Content-Length: 100000\r\n\r\n`);
  await Promise.all([expectTimeout(client), dribble(client, 'x')]);
  t.equal(taken[0]?.isAbandoned, true);
  t.equal(taken[0]?.body, undefined);
});

test('the time for a body begins with its request, not when the connection fell idle', async (t) => {
  const { connect } = await startFront(t, { options: { requestTimeoutMs: 400 } });
  const client = await connect();
  client.send(rawRequest(INFER));
  await client.answer();
  await new Promise((resolve) => setTimeout(resolve, 800));
  client.send(rawRequest(INFER, 'body').subarray(0, -2));
  await new Promise((resolve) => setTimeout(resolve, 200));
  client.send('dy');
  t.equal((await client.answer())?.body.toString(), 'body');
});

test('a client that only announces a body costs no memory for it', async (t) => {
  const { connect, taken } = await startFront(t, { bufferBytes: 2 ** 30 });
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 20; i++) (await connect()).send(`${POST}Content-Length: 100000000\r\n\r\nx`);
  await until('all are taken', () => taken.length === 20);
  t.ok(process.memoryUsage().arrayBuffers - before < 2_000_000);
});

test('a request under way has no limit here: its deadline is the gateway’s', async (t) => {
  const waiting: Taken[] = [];
  const { connect } = await startFront(t, {
    options: { headerTimeoutMs: 50, requestTimeoutMs: 50 },
    onPredict: (one) => waiting.push(one),
  });
  const client = await connect();
  client.send(rawRequest(INFER, 'late'));
  await new Promise((resolve) => setTimeout(resolve, 300));
  echo(waiting[0] as Taken);
  t.equal((await client.answer())?.body.toString(), 'late');
});

test('an idle connection is closed a second after the time that clients are told', async (t) => {
  const { connect } = await startFront(t, { options: { keepAliveMs: 200 } });
  const client = await connect();
  client.send(rawRequest(INFER));
  await client.answer();
  const startMs = performance.now();
  await client.closed;
  const tookMs = performance.now() - startMs;
  t.ok(tookMs > 1100 && tookMs < 2500, `${tookMs} ms`);
  t.equal(client.rest.length, 0, 'without a word');
});

for (const how of ['end', 'destroy', 'resetAndDestroy'] as const) {
  test(`a client that leaves (${how}) before the answer abandons its request`, async (t) => {
    const { connect, taken, closed, server } = await startFront(t, { onPredict: () => {} });
    const client = await connect();
    client.send(rawRequest(INFER));
    await until('taken', () => taken[0]?.body !== undefined);
    client.socket[how]();
    await until('abandoned', () => taken[0]?.isAbandoned === true);
    taken[0]?.reply.send(200, 'content-length: 0\r\n', null);
    server.close();
    await closed;
  });

  test(`a client that leaves (${how}) in the middle of its body abandons its request`, async (t) => {
    const { connect, taken, closed, server } = await startFront(t);
    const client = await connect();
    client.send(`${POST}Content-Length: 10\r\n\r\nabc`);
    await until('opened', () => taken.length === 1);
    client.socket[how]();
    await until('abandoned', () => taken[0]?.isAbandoned === true);
    t.equal(taken[0]?.body, undefined);
    server.close();
    await closed;
  });

  test(`a client that leaves (${how}) in the middle of the answer abandons its request`, async (t) => {
    const { connect, taken, closed, server } = await startFront(t, { onPredict: ({ reply }) => reply.head(200, '') });
    const client = await connect();
    client.send(rawRequest(INFER));
    await client.until(() => client.rest.length > 0);
    client.socket[how]();
    await until('abandoned', () => taken[0]?.isAbandoned === true);
    taken[0]?.reply.write(Buffer.from('more'));
    taken[0]?.reply.end();
    server.close();
    await closed;
  });
}

test('a client that leaves with its answer complete abandons nothing', async (t) => {
  const { connect, taken, closed, server } = await startFront(t);
  const client = await connect();
  client.send(rawRequest(INFER));
  await client.answer();
  client.socket.end();
  await client.closed;
  server.close();
  await closed;
  t.equal(taken[0]?.isAbandoned, false);
});

test('a client that leaves before the main lane got its connection leaves nothing behind', async (t) => {
  const large = Buffer.alloc(16 * 1024 * 1024);
  const { connect, taken, main, closed, server } = await startFront(t, {
    onPredict: ({ reply }) => reply.send(200, `content-length: ${large.length}\r\n`, large),
  });
  const client = await connect();
  client.socket.pause();
  client.send(rawRequest(INFER));
  await until('taken', () => taken[0]?.body !== undefined);
  client.send(rawRequest('/v2/health/live', null));
  await pause();
  client.socket.resetAndDestroy();
  server.close();
  await closed;
  t.strictSame(main, []);
});

test('half a head and the end of it is an error that the main lane answers', async (t) => {
  const { connect, taken } = await startFront(t);
  const client = await connect();
  client.send(POST);
  client.socket.end();
  t.equal((await client.answer())?.status, 400);
  t.equal(taken.length, 0);
  await client.closed;
});

test('while it drains, connections close with their answer, idle ones at once, and the server ends', async (t) => {
  let isDraining = false;
  const waiting: Taken[] = [];
  const { connect, front, server, closed, taken } = await startFront(t, {
    options: { isDraining: () => isDraining },
    onPredict: (one) => waiting.push(one),
  });
  const [fresh, idle, busy, begun, uploading] = [
    await connect(),
    await connect(),
    await connect(),
    await connect(),
    await connect(),
  ];
  idle.send(rawRequest(INFER, 'idle'));
  await until('taken', () => waiting.length === 1);
  echo(waiting.pop() as Taken);
  await idle.answer();
  busy.send(rawRequest(INFER, 'busy'));
  await until('taken', () => waiting.length === 1);
  begun.send(rawRequest(INFER, 'begun').subarray(0, 20));
  uploading.send(rawRequest(INFER, 'uploading').subarray(0, -4));
  await until('opened', () => taken.length === 3);
  isDraining = true;
  server.close();
  front.closeIdleConnections();
  await Promise.all([fresh.closed, idle.closed]);
  echo(waiting.pop() as Taken);
  begun.send(rawRequest(INFER, 'begun').subarray(20));
  uploading.send('ding');
  await until('taken', () => waiting.length === 2);
  for (const one of waiting) echo(one);
  for (const [client, body] of [
    [busy, 'busy'],
    [begun, 'begun'],
    [uploading, 'uploading'],
  ] as const) {
    const answer = await client.answer();
    t.equal(answer?.body.toString(), body);
    t.equal(answer?.headers.get('connection'), 'close');
    t.equal(answer?.headers.get('keep-alive'), undefined);
    await client.closed;
  }
  await closed;
});

test('what is left when the time to drain is over is cut', async (t) => {
  const { connect, front, server, closed, taken } = await startFront(t, { onPredict: () => {} });
  const client = await connect();
  client.send(rawRequest(INFER));
  await until('taken', () => taken.length === 1);
  server.close();
  front.closeAllConnections();
  await closed;
  t.equal(taken[0]?.isAbandoned, true);
  t.equal(await client.answer(), null);
});

test('an answer before the body is whole is the last, and what still comes is thrown away', async (t) => {
  const { connect, taken, main } = await startFront(t);
  const client = await connect();
  client.send(`${POST}Content-Length: 100000\r\n\r\nabc`);
  await until('opened', () => taken.length === 1);
  taken[0]?.reply.send(503, 'content-length: 0\r\n', null);
  client.send(Buffer.alloc(100_000 - 3, 'x'));
  client.send(rawRequest(INFER));
  const answer = await client.answer();
  t.equal(answer?.status, 503);
  t.equal(answer?.headers.get('connection'), 'close');
  await client.closed;
  t.equal(taken.length + main.length, 1);
});
