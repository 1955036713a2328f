import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';

import { test, type Test } from 'tap';

import { serverOptions, ServerSessions } from '../../../src/edges/http2/node-server-sessions.ts';
import type { ConnectionLimits } from '../../../src/edges/http2/connection-watch.ts';
import { answerCall, answerOf, frame, Http2Client } from '../../support/http2.ts';
import { RawClient } from '../../support/raw-client.ts';

async function setUp(t: Test, limits: Partial<ConnectionLimits>) {
  const server = createServer(serverOptions({ maxStreams: 10, maxHeaderBytes: 10_000 }));
  const sessions = new ServerSessions({ prefaceMs: 1000, pingMs: 0, maxAgeMs: 0, idleMs: 0, ...limits });
  sessions.watch(server);
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.once('end', () => answerCall(stream, Buffer.from('x')));
    stream.resume();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = new Http2Client(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.teardown(async () => {
    client.close();
    sessions.destroyAll();
    await new Promise((resolve) => server.close(resolve));
  });
  return { server, sessions, client };
}

test('a connection that is old takes no more calls, and ends those that it has', async (t) => {
  const { client } = await setUp(t, { maxAgeMs: 100 });
  const stream = client.begin('/a.B/C');
  const answer = answerOf(stream);
  stream.write(frame(Buffer.from('a')));
  await once(client.session, 'goaway');
  stream.end();
  t.equal((await answer).trailers?.['grpc-status'], '0');
  await client.closed;
});

test('a client that is silent is asked whether it lives', async (t) => {
  const { client } = await setUp(t, { pingMs: 50 });
  await once(client.session, 'ping');
  t.notOk(client.session.destroyed);
});

test('a connection without a stream is closed in time, one with a stream is not', async (t) => {
  const { client } = await setUp(t, { idleMs: 80 });
  const stream = client.begin('/a.B/C');
  const answer = answerOf(stream);
  await new Promise((resolve) => setTimeout(resolve, 200));
  t.equal(client.goaways, 0);
  stream.end();
  t.equal((await answer).trailers?.['grpc-status'], '0');
  await client.closed;
});

test('a connection that never speaks HTTP/2 is closed', async (t) => {
  const { server } = await setUp(t, { prefaceMs: 80 });
  const { port } = server.address() as AddressInfo;
  const silent = await RawClient.connect(`http://127.0.0.1:${port}`);
  await silent.closed;
  t.pass('it is closed');
});
