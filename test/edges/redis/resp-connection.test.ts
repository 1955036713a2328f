import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';

import { Redis } from 'ioredis';
import t, { test } from 'tap';

import type { RedisOptions } from '../../../src/edges/redis/address.ts';
import { locateRedis } from '../../../src/edges/redis/master-address.ts';
import { RespConnection } from '../../../src/edges/redis/resp-connection.ts';
import { RespFailure } from '../../../src/edges/redis/resp-cursor.ts';
import { Journal } from '../../gateway/feature-fixtures.ts';
import { startRedis } from '../../support/redis-server.ts';

const server = await startRedis();
t.teardown(() => server.stop());

function open(locate: () => Promise<RedisOptions>, { needsMaster = false } = {}) {
  const journal = new Journal();
  const events: string[] = [];
  const connection = new RespConnection(
    { name: 'test', locate, needsMaster, longestPauseMs: 50 },
    {
      onReady: () => events.push('ready'),
      onLost: () => events.push('lost'),
      onPush: (push) => events.push(`push ${String(push)}`),
    },
    journal,
  );
  return { connection, events, journal };
}

const at =
  (port: number, options: RedisOptions = {}) =>
  () =>
    Promise.resolve({ host: '127.0.0.1', port, ...options });

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port.
  return (server.address() as AddressInfo).port;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('commands are answered in their order, also with large values', async (t) => {
  const { connection } = open(at(server.port));
  t.teardown(() => connection.close(100));
  await connection.ready(5000);
  const large = 'é'.repeat(3_000_000);
  const replies = await Promise.all([
    connection.command('SET', 'large', large),
    connection.command('GET', 'large'),
    connection.command('INCR', 'n'),
    connection.command('GET', 'none'),
    connection.command('NOSUCH'),
    connection.command('MGET', 'n', 'none'),
  ]);
  t.equal(replies[1], large);
  t.strictSame(replies[2], 1);
  t.equal(replies[3], null);
  t.ok(replies[4] instanceof RespFailure);
  t.strictSame(replies[5], ['1', null]);
});

test('what is owed fails when the connection is lost, once, and it connects again', async (t) => {
  const { connection, events, journal } = open(at(server.port));
  t.teardown(() => connection.close(100));
  await connection.ready(5000);
  const isRejected = t.rejects(connection.command('BLPOP', 'nothing', '0'));
  const client = new Redis(server.url);
  await client.call('CLIENT', 'KILL', 'TYPE', 'normal');
  await isRejected;
  await until(() => events.length === 3);
  t.strictSame(events, ['ready', 'lost', 'ready']);
  t.equal(await connection.command('PING'), 'PONG');
  t.strictSame(journal.lines, ['Redis cannot be reached']);
  client.disconnect();
});

test('a wrong password is told once and tried again', async (t) => {
  const guarded = await startRedis({ args: ['--requirepass', 'right'] });
  t.teardown(() => guarded.stop());
  let password = 'wrong';
  const { connection, journal } = open(() => at(guarded.port, { password })());
  t.teardown(() => connection.close(100));
  await t.rejects(connection.ready(300), /within 300 ms/);
  t.strictSame(journal.lines, ['Redis cannot be reached']);
  password = 'right';
  await connection.ready(5000);
  const none = open(at(guarded.port));
  t.teardown(() => none.connection.close(100));
  await t.rejects(none.connection.ready(300), 'without a password neither');
});

test('bytes that are no replies end the connection and nothing else', async (t) => {
  let isBroken = false;
  const fake = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      const commands = chunk.toString().match(/^\*/gm)?.length ?? 0;
      socket.write(isBroken ? 'HTTP/1.1 400 Bad Request\r\n\r\n' : '+OK\r\n'.repeat(commands));
    });
  });
  const { connection, events } = open(at(await listen(fake)));
  t.teardown(async () => {
    await connection.close(100);
    fake.close();
  });
  await connection.ready(5000);
  isBroken = true;
  await t.rejects(connection.command('GET', 'a'), /no reply/);
  isBroken = false;
  await until(() => events.at(-1) === 'ready');
});

test('TLS is spoken where the address says so', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'makas-tls-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' });
  const wrapped = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (socket) => {
    const plain = connect(server.port, '127.0.0.1');
    socket.on('error', () => plain.destroy()).pipe(plain);
    plain.on('error', () => socket.destroy()).pipe(socket);
  });
  const port = await listen(wrapped);
  const trusted = open(at(port, { tls: { servername: 'localhost', ca: readFileSync(cert) } }));
  const strict = open(at(port, { tls: { servername: 'localhost' } }));
  t.teardown(async () => {
    await trusted.connection.close(100);
    await strict.connection.close(100);
    wrapped.close();
  });
  await trusted.connection.ready(5000);
  const value = 'x'.repeat(300_000);
  await trusted.connection.command('SET', 'tls', value);
  t.equal(await trusted.connection.command('GET', 'tls'), value);
  await t.rejects(strict.connection.ready(300), 'a certificate that nobody vouches for is refused');
});

test('the master is the one that the first sentinel names that answers', async (t) => {
  const sentinel = await startRedis({ sentinelOf: server.port });
  t.teardown(() => sentinel.stop());
  const nodes = ['redis://127.0.0.1:1', sentinel.url];
  const { connection } = open(locateRedis({ sentinel: { nodes, name: 'main' } }), { needsMaster: true });
  t.teardown(() => connection.close(100));
  await connection.ready(5000);
  t.match(await connection.command('INFO', 'server'), new RegExp(`tcp_port:${server.port}\\b`));
  await t.rejects(locateRedis({ sentinel: { nodes, name: 'other' } })(), /no master named other/);
});

test('a master that another one has replaced is left, although it does not know', async (t) => {
  const other = await startRedis();
  t.teardown(() => other.stop());
  let port = server.port;
  const { connection, events } = open(() => at(port)(), { needsMaster: true });
  t.teardown(() => connection.close(100));
  await connection.ready(5000);
  port = other.port;
  await until(() => events.length === 3);
  t.strictSame(events, ['ready', 'lost', 'ready']);
  t.match(await connection.command('INFO', 'server'), new RegExp(`tcp_port:${other.port}\\b`));
});

test('a replica is no master', async (t) => {
  const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(server.port)] });
  t.teardown(() => replica.stop());
  const { connection } = open(at(replica.port), { needsMaster: true });
  t.teardown(() => connection.close(100));
  await t.rejects(connection.ready(500));
});

test('closing waits for what is owed', async (t) => {
  const { connection } = open(at(server.port));
  await connection.ready(5000);
  const reply = connection.command('GET', 'none');
  await connection.close(2000);
  t.equal(await reply, null);
  t.notOk(connection.isReady);
});
