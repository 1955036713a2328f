import { test, type Test } from 'tap';

import type { GatewayError } from '../../../src/core/errors.ts';
import type { ConnectionSettings } from '../../../src/core/snapshot.ts';
import { UndiciUpstream } from '../../../src/edges/upstream/undici-upstream.ts';
import type { AnswerHead, AnswerReceiver, UpstreamCall, UpstreamRequest } from '../../../src/gateway/ports.ts';
import { startRawServer } from '../../support/raw-server.ts';
import { startServer, type Answerer } from '../../support/model-server.ts';
import { until } from '../../support/traffic.ts';

const SETTINGS: ConnectionSettings = {
  connectTimeoutMs: 1000,
  keepAliveMs: 4000,
  connections: 1,
  queue: 10,
  maxAnswerBytes: 1000,
  tls: null,
};

/** A receiver that notes how its call ended. */
class Noted implements AnswerReceiver {
  readonly ended: Promise<string>;
  result = 'open';
  #end: (result: string) => void = () => {};

  constructor() {
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }
  head: AnswerHead | null = null;
  onHead(head: AnswerHead): void {
    this.head = head;
    this.result = String(head.status);
  }
  onWhole(): void {
    throw new Error('undici passes answers on as they come');
  }
  onData(): boolean {
    return true;
  }
  onEnd(): void {
    this.#end(this.result);
  }
  onError(error: GatewayError, reach: string): void {
    this.result = `${error.code} ${reach}`;
    this.#end(this.result);
  }
}

async function setUp(t: Test, answerer: Answerer = (_request, response) => void response.end('{}')) {
  const server = await startServer(answerer);
  const upstream = new UndiciUpstream();
  const pool = upstream.pool({ origin: server.url, prefix: '', id: server.url, isGrpc: false }, SETTINGS);
  t.teardown(async () => {
    await upstream.close();
    await server.close();
  });
  const send = (name: string, more: Partial<UpstreamRequest> = {}): { call: UpstreamCall; noted: Noted } => {
    const noted = new Noted();
    const request = { method: 'POST', path: `/${name}`, headers: '', body: null, isFresh: false, ...more };
    return { noted, call: upstream.send(pool, request, noted) };
  };
  return { server, upstream, pool, send };
}

test('a call given up while its connection is made is never sent, and the connection serves the next', async (t) => {
  const { server, send } = await setUp(t);
  const given = send('given');
  given.call.abort();
  t.equal(await send('next').noted.ended, '200');
  t.strictSame(
    server.received.map(({ url }) => url),
    ['/next'],
  );
  t.equal(server.connections(), 1);
  t.equal(given.noted.result, 'open', 'who gave up hears nothing more');
});

test('calls wait for a connection in the order of their coming, and may be given up meanwhile', async (t) => {
  const waiting: (() => void)[] = [];
  const { server, send } = await setUp(t, (_request, response) => void waiting.push(() => response.end('{}')));
  const calls = ['a', 'b', 'c', 'd'].map((name) => send(name));
  calls[1]!.call.abort();
  calls[1]!.call.abort();
  for (const i of [0, 2, 3]) {
    await until('the call is there', () => waiting.length === 1);
    waiting.shift()!();
    t.equal(await calls[i]!.noted.ended, '200');
  }
  t.strictSame(
    server.received.map(({ url }) => url),
    ['/a', '/c', '/d'],
  );
  t.equal(server.connections(), 1);
});

test('what undici would not send is told as a bad request, and holds nobody up', async (t) => {
  const { send } = await setUp(t);
  t.equal(await send('x', { path: '/a b' }).noted.ended, 'BAD_REQUEST unsent');
  t.equal(await send('x', { headers: 'a: b\u0001\r\n' }).noted.ended, 'BAD_REQUEST unsent');
  t.equal(await send('x', { headers: 'expect: 100-continue\r\n' }).noted.ended, 'BAD_REQUEST unsent');
  t.equal(await send('x').noted.ended, '200');
  const bad = send('x', { path: '/a b' });
  t.equal(await send('x').noted.ended, '200', 'also with a connection that was in use');
  t.equal(bad.noted.result, 'BAD_REQUEST unsent');
});

test('a refused connection is told as not sent, a broken one as sent', async (t) => {
  const { server, send } = await setUp(t, (_request, response) => void response.socket?.destroy());
  t.equal(await send('x').noted.ended, 'UPSTREAM_RESET sent');
  await server.close();
  t.equal(await send('x').noted.ended, 'UPSTREAM_CONNECT unsent');
});

test('a pool that is not retained ends what it has, those that wait included, and then its connections', async (t) => {
  const waiting: (() => void)[] = [];
  const { upstream, server, send, pool } = await setUp(
    t,
    (_request, response) => void waiting.push(() => response.end('{}')),
  );
  const calls = [send('a'), send('b')];
  await until('the first is there', () => waiting.length === 1);
  upstream.retain(new Set());
  t.not(upstream.pool(pool.endpoint, SETTINGS), pool, 'whoever asks again gets another');
  for (const { noted } of calls) {
    await until('it is there', () => waiting.length === 1);
    waiting.shift()!();
    t.equal(await noted.ended, '200');
  }
  await until('the connection is closed', async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    server.server.getConnections((_error, count) => resolve(count));
    return (await promise) === 0;
  });
});

test('a retained pool stays the same', async (t) => {
  const { upstream, pool } = await setUp(t);
  upstream.retain(new Set([pool.endpoint.id]));
  t.equal(upstream.pool(pool.endpoint, SETTINGS), pool);
});

test('fields go to the endpoint and come back as they are, without those that must not cross', async (t) => {
  const { server, send } = await setUp(t, (_request, response) => {
    response.setHeader('X-Name', 'caf\xe9');
    response.setHeader('x-request-id', 'theirs');
    response.setHeader('content-length', '2');
    response.sendDate = false;
    response.end(Buffer.from('{}'));
  });
  const { noted } = send('x', { headers: 'X-Case: a\xe9\r\n' });
  t.equal(await noted.ended, '200');
  t.strictSame(noted.head, { status: 200, headers: 'X-Name: caf\xe9\r\ncontent-length: 2\r\n', length: 2 });
  t.strictSame(server.received[0]!.rawHeaders.slice(-4), ['X-Case', 'a\xe9', 'content-length', '0']);
});

test('the length of an answer is that of its body, which HEAD has not', async (t) => {
  const { send } = await setUp(
    t,
    (_request, response) => void response.writeHead(200, { 'content-length': '5' }).end(),
  );
  const { noted } = send('x', { method: 'HEAD' });
  t.equal(await noted.ended, '200');
  t.equal(noted.head?.length, 0);
  t.match(noted.head?.headers, /content-length: 5\r\n/);
});

test('what is no answer is told as a bad one', async (t) => {
  const server = await startRawServer(
    ({ socket }) => void socket.write('HTTP/1.1 200 OK\r\nx: a\x7fb\r\n\r\n', 'latin1'),
  );
  const upstream = new UndiciUpstream();
  t.teardown(async () => {
    await server.close();
    await upstream.close();
  });
  const noted = new Noted();
  const pool = upstream.pool({ origin: server.url, prefix: '', id: server.url, isGrpc: false }, SETTINGS);
  upstream.send(pool, { method: 'POST', path: '/', headers: '', body: null, isFresh: false }, noted);
  t.equal(await noted.ended, 'UPSTREAM_BAD_RESPONSE sent');
});
