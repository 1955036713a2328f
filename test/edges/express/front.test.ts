import { Buffer } from 'node:buffer';
import { Duplex } from 'node:stream';

import { test } from 'tap';

import { RawClient, rawRequest } from '../../support/raw-client.ts';
import { until } from '../../support/traffic.ts';
import { echo, INFER, pause, startFront, type Taken } from './front-fixture.ts';

const POST = `POST ${INFER} HTTP/1.1\r\nHost: g\r\n`;

test('a plain predict request reaches the gateway with its path, query, fields and body', async (t) => {
  const { connect, taken, main } = await startFront(t, { options: { prefix: '/p' } });
  const client = await connect();
  const body = '{"a":"\xe9"}';
  const headers = ['X-User: \xfc', 'X-Request-Id: r1', 'Cookie: a=1', 'Cookie: b=2', 'Connection: keep-alive'];
  client.send(rawRequest(`/p${INFER}?x=1&y=?`, body, headers));
  const answer = await client.answer();
  t.equal(answer?.status, 200);
  t.equal(answer?.body.toString('latin1'), body);
  const { head, factsBody } = taken[0] as Taken;
  t.match(head, { method: 'POST', path: INFER, query: 'x=1&y=?', meaning: { protocol: 'oip', model: 'm' } });
  t.equal(head.headers.get('x-user'), '\xfc');
  t.equal(head.headers.get('x-request-id'), 'r1');
  t.equal(head.headers.get('cookie'), 'a=1; b=2');
  t.equal(head.headers.get('x-userz'), undefined);
  t.equal(head.headers.get('tracestate'), undefined);
  t.equal(head.headers.upstream, 'X-User: \xfc\r\nCookie: a=1\r\nCookie: b=2\r\n');
  t.equal(factsBody, taken[0]?.body);
  t.strictSame(main, []);
});

test('the answer of either lane frames its connection in the same way', async (t) => {
  const { connect } = await startFront(t);
  const client = await connect();
  client.send(rawRequest(INFER, 'abc'));
  const express = await client.answer();
  client.send(rawRequest(INFER, 'abc', ['TE: x']));
  const main = await client.answer();
  t.equal(main?.headers.get('x-lane'), 'main');
  for (const name of ['date', 'connection', 'keep-alive', 'content-length'])
    t.equal(express?.headers.get(name), main?.headers.get(name), name);
});

test('a body may be empty, and the gateway then has none', async (t) => {
  const { connect, taken } = await startFront(t);
  const client = await connect();
  client.send(rawRequest(INFER, ''));
  t.equal((await client.answer())?.status, 200);
  t.equal(taken[0]?.body, null);
});

test('whatever is not exactly a plain predict request goes to the main lane, from its first byte on', async (t) => {
  const { connect, taken, main } = await startFront(t, { bodyBytes: 1000 });
  const others: Record<string, string> = {
    'another method': `GET ${INFER} HTTP/1.1\r\nHost: g\r\n\r\n`,
    'an empty line before it': `\r\n${POST}Content-Length: 2\r\n\r\n{}`,
    'HTTP/1.0': `POST ${INFER} HTTP/1.0\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}`,
    'a target with an authority': `POST http://g${INFER} HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}`,
    chunks: `${POST}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
    'no length': `${POST}\r\n`,
    'a word before the body': `${POST}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}`,
    'a close': `${POST}Connection: close\r\nContent-Length: 2\r\n\r\n{}`,
    'an upgrade': `${POST}Upgrade: x\r\nContent-Length: 2\r\n\r\n{}`,
    'a name that could be another': `${POST}Content_Length: 9\r\nContent-Length: 2\r\n\r\n{}`,
    'another path': `POST /rewards HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}`,
    'a path for another method': `POST /v2/models/m HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}`,
    'a long path': `POST /v2/models/${'m'.repeat(600)}/infer HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}`,
    'a body beyond the limit': `${POST}Content-Length: 1001\r\n\r\n${'x'.repeat(1001)}`,
    'a large head': `${POST}X: ${'x'.repeat(15_000)}\r\nContent-Length: 2\r\nY: ${'y'.repeat(2_000)}\r\n\r\n{}`,
    'many fields': `${POST}${'a: b\r\n'.repeat(130)}Content-Length: 2\r\n\r\n{}`,
    'one right behind another': `${POST}Content-Length: 2\r\n\r\n{}${POST}Content-Length: 3\r\n\r\n[1]`,
  };
  for (const [what, bytes] of Object.entries(others)) {
    const client = await connect();
    client.send(bytes);
    let answer = await client.answer();
    if (answer?.status === 100) answer = await client.answer();
    t.ok(answer?.headers.get('x-lane') === 'main' || answer?.status === 431, what);
    client.close();
  }
  t.equal(taken.length, 0);
  t.equal(main.at(-1), `POST ${INFER} [1]`);
});

test('a request may come in any two pieces', async (t) => {
  const { connect, taken, main } = await startFront(t);
  const client = await connect();
  const bytes = rawRequest(INFER, 'abcdef');
  for (let cut = 1; cut < bytes.length; cut += 3) {
    client.send(bytes.subarray(0, cut));
    await pause();
    client.send(bytes.subarray(cut));
    t.equal((await client.answer())?.body.toString(), 'abcdef', `${cut}`);
  }
  t.ok(taken.length > 20 && main.length === 0);
});

test('a request may come byte by byte', async (t) => {
  const { connect, taken } = await startFront(t);
  const client = await connect();
  for (const byte of rawRequest(INFER, 'abcdef')) {
    client.send(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.equal((await client.answer())?.body.toString(), 'abcdef');
  t.equal(taken.length, 1);
});

test('a request for the main lane may come in any two pieces', async (t) => {
  const { connect, main, taken } = await startFront(t);
  const bytes = rawRequest(INFER, 'abcdef', ['TE: x']);
  for (let cut = 1; cut < bytes.length; cut += 3) {
    const client = await connect();
    client.send(bytes.subarray(0, cut));
    await pause();
    client.send(bytes.subarray(cut));
    t.equal((await client.answer())?.body.toString(), 'abcdef', `${cut}`);
    client.close();
  }
  t.equal(taken.length, 0);
  t.equal(new Set(main).size, 1);
});

test('a connection that went to the main lane stays there', async (t) => {
  const { connect, taken, main } = await startFront(t);
  const client = await connect();
  client.send(rawRequest(INFER, 'one'));
  t.equal((await client.answer())?.body.toString(), 'one');
  client.send(rawRequest('/v2/health/live', null));
  t.equal((await client.answer())?.headers.get('x-lane'), 'main');
  client.send(rawRequest(INFER, 'two'));
  t.equal((await client.answer())?.headers.get('x-lane'), 'main');
  t.equal(taken.length, 1);
  t.strictSame(main, ['GET /v2/health/live ', `POST ${INFER} two`]);
});

test('what comes while an answer is under way is answered behind it, by whichever lane', async (t) => {
  const waiting: Taken[] = [];
  const { connect, taken, main } = await startFront(t, { onPredict: (one) => waiting.push(one) });
  const client = await connect();
  client.send(rawRequest(INFER, 'one'));
  await until('the first is taken', () => waiting.length === 1);
  client.send(rawRequest(INFER, 'two'));
  await pause();
  t.equal(taken.length, 1, 'one at a time');
  echo(waiting[0] as Taken);
  t.equal((await client.answer())?.body.toString(), 'one');
  await until('the second is taken', () => waiting.length === 2);
  client.send(Buffer.concat([rawRequest(INFER, 'three'), rawRequest('/v2/health/live', null)]));
  await pause();
  t.equal(main.length, 0);
  echo(waiting[1] as Taken);
  t.equal((await client.answer())?.body.toString(), 'two');
  t.equal((await client.answer())?.body.toString(), 'three');
  t.equal((await client.answer())?.headers.get('x-lane'), 'main');
  t.equal(taken.length, 2);
});

test('the main lane gets a connection only when a slow reader has taken the answer before', async (t) => {
  const large = Buffer.alloc(8 * 1024 * 1024, 'x');
  const { connect } = await startFront(t, {
    onPredict: ({ reply }) => reply.send(200, `content-length: ${large.length}\r\n`, large),
  });
  const client = await connect();
  client.socket.pause();
  client.send(rawRequest(INFER, 'one'));
  await pause();
  client.send(rawRequest('/v2/health/live', null));
  await pause();
  client.socket.resume();
  t.ok((await client.answer())?.body.equals(large));
  t.equal((await client.answer())?.headers.get('x-lane'), 'main');
});

test('a body in pieces is collected, and what is behind it is the next request', async (t) => {
  const { connect, taken } = await startFront(t);
  const client = await connect();
  const body = Buffer.alloc(300_000, 'abc');
  const bytes = rawRequest(INFER, body);
  client.send(bytes.subarray(0, 200));
  await until('it is opened', () => taken.length === 1);
  t.equal(taken[0]?.body, undefined);
  client.send(bytes.subarray(200, 70_000));
  await pause();
  client.send(Buffer.concat([bytes.subarray(70_000), rawRequest(INFER, 'two').subarray(0, 9)]));
  t.ok((await client.answer())?.body.equals(body));
  client.send(rawRequest(INFER, 'two').subarray(9));
  t.equal((await client.answer())?.body.toString(), 'two');
  t.equal(taken.length, 2);
});

test('a body is the gateway’s own: what comes later does not change it', async (t) => {
  const { connect, taken } = await startFront(t);
  const client = await connect();
  for (const body of ['first', 'other']) {
    client.send(rawRequest(INFER, body));
    await client.answer();
  }
  t.strictSame(
    taken.map(({ body }) => body?.toString()),
    ['first', 'other'],
  );
});

test('endless requests behind one under way wait in the kernel', async (t) => {
  const waiting: Taken[] = [];
  const { connect, main } = await startFront(t, { onPredict: (one) => waiting.push(one) });
  const client = await connect();
  client.send(rawRequest(INFER, 'one'));
  await until('the first is taken', () => waiting.length === 1);
  const behind = rawRequest('/v2/health/live', null);
  const count = 100_000;
  client.send(Buffer.concat(Array.from({ length: count }, () => behind)));
  await pause();
  await pause();
  t.ok(client.socket.writableLength > 0, 'not all of it was read');
  echo(waiting[0] as Taken);
  t.equal((await client.answer())?.body.toString(), 'one');
  await until('some are answered', () => main.length > 1000);
  client.close();
});

test('a connection that is no socket of the kernel is served as well', async (t) => {
  const { server, taken, main } = await startFront(t);
  const written: Buffer[] = [];
  const connection = new Duplex({
    read() {},
    write: (chunk: Buffer | string, _encoding, done) => {
      written.push(Buffer.from(chunk as string, 'latin1'));
      done();
    },
  });
  const text = (): string => Buffer.concat(written).toString('latin1');
  server.emit('connection', connection);
  connection.push(rawRequest(INFER, 'one').subarray(0, 50));
  connection.push(rawRequest(INFER, 'one').subarray(50));
  await until('answered', () => text().endsWith('\r\n\r\none'));
  connection.push(rawRequest('/v2/health/live', null));
  await until('answered by the main lane', () => text().includes('x-lane: main'));
  t.equal(taken.length, 1);
  t.equal(main.length, 1);
  connection.destroy();
});

test('listeners for connections hear of those that go to the main lane', async (t) => {
  const { server, connect, front } = await startFront(t);
  const client = await connect();
  client.send(rawRequest(INFER, 'one'));
  await client.answer();
  const count = (): Promise<number> => new Promise((resolve) => server.getConnections((_error, n) => resolve(n)));
  t.equal(await count(), 1, 'the server counts the connection once');
  client.send(rawRequest('/v2/health/live', null));
  await client.answer();
  t.equal(await count(), 1);
  client.close();
  await until('it is closed', async () => (await count()) === 0);
  const other = await RawClient.connect(`http://127.0.0.1:${(server.address() as { port: number }).port}`);
  await until('it is open', async () => (await count()) === 1);
  front.closeIdleConnections();
  await other.closed;
  await until('it is closed too', async () => (await count()) === 0);
});
