import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';

import { test } from 'tap';

import { SocketUpstream } from '../../../src/edges/express/upstream.ts';
import { UndiciUpstream } from '../../../src/edges/upstream/undici-upstream.ts';
import { answerBytes } from '../../support/raw-server.ts';
import { until } from '../../support/traffic.ts';
import { answer, inTurn, sendTo, SETTINGS, setUp } from './upstream-fixtures.ts';

test('a request leaves with its host and its length, its fields as they are, and its body', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('hi', 'x: y\r\nconnection: keep-alive\r\n')));
  const body = Buffer.from([0, 1, 13, 10, 127, 128, 255]);
  const { outcome, noting } = send({ path: '/v2/models/%C3%A9?a=b', headers: 'X-Latin: \xe9\r\na: b\r\n', body });
  t.equal(await outcome, '200 hi');
  t.strictSame(noting.head, { status: 200, headers: 'x: y\r\ncontent-length: 2\r\n', length: 2 });
  t.ok(noting.isWhole, 'what came at once goes on at once');
  const host = new URL(server.url).host;
  const head = `POST /v2/models/%C3%A9?a=b HTTP/1.1\r\nhost: ${host}\r\nX-Latin: \xe9\r\na: b\r\ncontent-length: 7\r\n\r\n`;
  t.equal(server.received(), head + body.toString('latin1'));
});

test('a request without a body says so where one could be expected', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('')));
  for (const method of ['POST', 'PUT', 'GET']) t.equal(await send({ method }).outcome, '200 ');
  const heads = server
    .received()
    .split('\r\n\r\n')
    .map((head) => /content-length: 0/.test(head));
  t.strictSame(heads, [true, true, false, false]);
  t.equal(server.connections.length, 1);
});

for (const length of [16_000, 16_384, 17_000, 1_000_000]) {
  test(`a body of ${length} octets arrives as it is`, async (t) => {
    const { server, send } = await setUp(t, answerBytes(answer('ok')));
    const body = Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
    t.equal(await send({ body: new Uint8Array(body) }).outcome, '200 ok');
    t.ok(server.connections[0]!.received().subarray(-length).equals(body));
    t.equal(await send({ body }).outcome, '200 ok');
    t.equal(server.connections.length, 1);
  });
}

test('what would not be one request line is not sent', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('')));
  const bad = ['', 'x', '/a b', '/a\r\nx: y', '/\u0000', '/\x7f', '/é', '/\u0100'];
  for (const path of bad) t.equal(await send({ path }).outcome, 'BAD_REQUEST unsent', JSON.stringify(path));
  for (const method of ['', 'G T', 'GET\r\n']) t.equal(await send({ method }).outcome, 'BAD_REQUEST unsent');
  send({ path: '/a b' }).call.abort();
  t.equal(server.connections.length, 0);
});

test('bodies of other lanes that are not whole go the other way, as do other endpoints than http', async (t) => {
  const { server, send, upstream } = await setUp(t, answerBytes(answer('ok')));
  const source = (async function* () {
    yield Buffer.from('abc');
  })();
  t.equal(await send({ body: { kind: 'stream', length: 3, source } }).outcome, '200 ok');
  t.match(server.received(), /connection: keep-alive[^]*\r\n\r\nabc$/, 'that is how undici writes');
  const secure = server.url.replace('http:', 'https:');
  const { outcome } = sendTo(
    upstream,
    upstream.pool({ origin: secure, prefix: '', id: secure, isGrpc: false }, SETTINGS),
  );
  await until('a handshake has come', () => server.connections.length === 2);
  server.connections[1]!.socket.destroy();
  t.match(await outcome, /^UPSTREAM_/);
  t.equal(server.connections[1]!.received()[0], 0x16, 'a handshake of TLS');
});

test('a refused connection is told as unsent', async (t) => {
  const { server, send } = await setUp(t, inTurn(answer('')));
  await server.close();
  const { outcome, call } = send();
  t.equal(await outcome, 'UPSTREAM_CONNECT unsent');
  call.abort();
  call.resume();
});

test('a host by name is connected to', async (t) => {
  const { server, upstream } = await setUp(t, inTurn(answer('hi')));
  const origin = server.url.replace('127.0.0.1', 'localhost');
  const { outcome } = sendTo(upstream, upstream.pool({ origin, prefix: '', id: origin, isGrpc: false }, SETTINGS));
  t.equal(await outcome, '200 hi');
  t.match(server.received(), `host: localhost:${server.port}\r\n`);
});

test('a connection that is not made in time is told as unsent', async (t) => {
  // A process that stands still accepts nothing; the kernel takes some connections for it, and then no more.
  const code = `require('net').createServer().listen(0, '127.0.0.1', 1, function () { console.log(this.address().port) })`;
  const still = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(still.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  still.kill('SIGSTOP');
  const fillers = Array.from({ length: 4 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  const upstream = new SocketUpstream({ other: new UndiciUpstream() });
  t.teardown(async () => {
    for (const filler of fillers) filler.destroy();
    still.kill('SIGKILL');
    await upstream.close();
  });
  await until('the kernel takes no more', () => fillers.filter(({ connecting }) => !connecting).length >= 2);
  const endpoint = { origin: `http://127.0.0.1:${port}`, prefix: '', id: 'still', isGrpc: false };
  const pool = upstream.pool(endpoint, { ...SETTINGS, connectTimeoutMs: 30 });
  t.equal(await sendTo(upstream, pool).outcome, 'UPSTREAM_CONNECT unsent');
});

test('a pool stays the same while it is retained', async (t) => {
  const { upstream, pool } = await setUp(t, inTurn(answer('')));
  upstream.retain(new Set([pool.endpoint.id]));
  t.equal(upstream.pool(pool.endpoint, SETTINGS), pool);
});

test('a pool that is not retained ends what it has, those that wait included, and then its connections', async (t) => {
  const { upstream, pool, server, send } = await setUp(t, () => {});
  const calls = [send(), send()];
  await until('the first is there', () => server.received().length > 0);
  upstream.retain(new Set());
  t.not(upstream.pool(pool.endpoint, SETTINGS), pool, 'whoever asks again gets another');
  const { socket, closed } = server.connections[0]!;
  socket.write(answer('a'));
  t.equal(await calls[0]!.outcome, '200 a');
  await until('the second is there', () => server.received().split('POST').length === 3);
  socket.write(answer('b'));
  t.equal(await calls[1]!.outcome, '200 b');
  await closed;
  await upstream.close();
  t.equal(server.connections.length, 1);
});

test('idle connections are closed at once when their pool is', async (t) => {
  const { upstream, server, send } = await setUp(t, inTurn(answer('a')));
  t.equal(await send().outcome, '200 a');
  await Promise.all([upstream.close(), server.connections[0]!.closed]);
  t.equal(await send().outcome, '200 a', 'a late call is served all the same');
  await server.connections[1]!.closed;
});
