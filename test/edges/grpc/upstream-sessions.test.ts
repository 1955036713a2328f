import { once } from 'node:events';
import { type AddressInfo, connect as dial, createServer, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

import { GatewayError } from '../../../src/core/errors.ts';
import { EndpointSessions } from '../../../src/edges/grpc/endpoint-sessions.ts';
import type { Connect } from '../../../src/edges/http2/client-side.ts';
import { nodeConnect } from '../../../src/edges/http2/node-client-session.ts';
import { GrpcUpstreamCall } from '../../../src/edges/grpc/upstream-call.ts';
import { type SocketSessionOptions, socketConnect } from '../../../src/edges/http2/client-session.ts';
import type { BodyStream } from '../../../src/gateway/ports.ts';
import { serverStart } from '../../protocol/http2/frame-bytes.ts';
import { answerCall, frame, type Http2TestServer, startHttp2Server } from '../../support/http2.ts';
import { currentLane, test } from '../../support/lanes.ts';
import { until } from '../../support/traffic.ts';
import { answer, listen, Peer, windowUpdate } from '../http2/client-fixtures.ts';
import { type Fixture, Heard, SETTINGS, setUp } from './upstream-fixtures.ts';

const ANSWER = Buffer.from('answer');

function connectTo(options: SocketSessionOptions): Connect {
  return currentLane() === 'express' ? socketConnect(options) : nodeConnect({ ...options, tls: null });
}

test('calls share a connection as far as the endpoint lets them, then there is another one', async (t) => {
  const { send, server } = await setUp(t, () => {}, {}, { settings: { maxConcurrentStreams: 2 } });
  const calls = Array.from({ length: 6 }, () => send());
  await until('four are there', () => server.received.length === 4);
  t.equal(server.sessions.length, 2);
  for (const { stream } of server.received) answerCall(stream, ANSWER);
  await until('those that waited are there', () => server.received.length === 6);
  for (const { stream } of server.received.slice(4)) answerCall(stream, ANSWER);
  for (const { heard } of calls) {
    await heard.done;
    t.equal(heard.outcome, '0 answer');
  }
  t.equal(server.sessions.length, 2, 'no more than two connections are allowed');
});

test('many calls under way are shared by connections, and go on where others cannot be made', async (t) => {
  const { send, server } = await setUp(t, () => {}, { connections: 2 });
  await sendAll(send, server, 70);
  t.equal(server.sessions.length, 1, 'those that waited for the first one are on it');
  await sendAll(send, server, 1);
  await until('there is a second one', () => server.sessions.length === 2);
  await sendAll(send, server, 120);
  t.equal(server.sessions.length, 2, 'no more than are allowed');
  const counts = server.sessions.map((each) => server.received.filter(({ stream }) => stream.session === each).length);
  t.ok(
    counts.every((count) => count > 90),
    counts.join(' and '),
  );
  const other = await setUp(t, () => {}, { connections: 3 });
  await sendAll(other.send, other.server, 70);
  other.server.server.maxConnections = 1;
  await sendAll(other.send, other.server, 10);
  for (const { stream } of other.server.received) answerCall(stream, ANSWER);
});

test('what cannot leave because of a large body goes on another connection, once there is one', async (t) => {
  // It opens no window by itself.
  const peers: Peer[] = [];
  const { port } = await listen(t, (socket) => {
    const peer = new Peer(socket);
    peers.push(peer);
    peer.send(serverStart);
  });
  const connect = connectTo({ origin: `http://127.0.0.1:${port}`, connectTimeoutMs: 1000 });
  const pool = new EndpointSessions({ origin: '', prefix: '', id: '', isGrpc: true }, SETTINGS, connect);
  const send = (length: number): Heard => {
    const heard = new Heard();
    const request = { method: 'POST', path: '/s/m', headers: '', body: Buffer.alloc(length), isFresh: false };
    pool.take(new GrpcUpstreamCall(request, heard, pool, 1000));
    return heard;
  };
  const calls = [send(40_000)];
  await until('the first is there', () => peers[0]?.ended.size === 1);
  calls.push(send(10_000));
  await until('a small one is there too', () => peers[0]?.ended.size === 2);
  t.equal(peers.length, 1);
  calls.push(send(40_000));
  await until('there is another connection', () => peers.length === 2);
  await peers[1]!.saw(/settings ack/);
  calls.push(send(40_000), send(10_000));
  await until('all but the third are there', () => peers[1]!.ended.size + peers[0]!.ended.size === 4);
  t.equal(peers[0]!.body(5).length, 65535 - 50_000);
  peers[0]!.send(windowUpdate(0, 100_000));
  await until('the third is there', () => peers[0]!.ended.has(5));
  for (const peer of peers) for (const stream of peer.streams) peer.send(answer(stream, frame(ANSWER)));
  for (const heard of calls) {
    await heard.done;
    t.equal(heard.outcome, '0 answer');
  }
  await Promise.all([pool.close(), ...peers.map(async ({ socket }) => once(socket.end(), 'close'))]);
});

/** Begins calls, and waits until they are there. */
async function sendAll(send: Fixture['send'], server: Http2TestServer, count: number): Promise<void> {
  const total = server.received.length + count;
  for (let i = 0; i < count; i++) send();
  await until(`${total} are there`, () => server.received.length === total);
}

test('calls beyond the queue are refused at once', async (t) => {
  const { send, server } = await setUp(
    t,
    () => {},
    { connections: 1, queue: 2 },
    { settings: { maxConcurrentStreams: 1 } },
  );
  const first = send();
  await until('it is there', () => server.received.length === 1);
  const waiting = [send(), send()];
  const { heard } = send();
  await heard.done;
  t.equal(heard.outcome, 'UPSTREAM_OVERLOADED unsent');
  waiting[0]!.call.abort();
  const another = send();
  t.equal(another.heard.error, '', 'one that was given up makes room');
  answerCall(server.received[0]!.stream, ANSWER);
  await first.heard.done;
});

test('an endpoint that announces no limit gets a hundred calls at once on a connection, and the others wait or are refused', async (t) => {
  const { send, server } = await setUp(t, () => {}, { connections: 1, queue: 2 });
  await sendAll(send, server, 1);
  await sendAll(send, server, 99);
  const waiting = [send(), send()];
  const { heard } = send();
  await heard.done;
  t.equal(heard.outcome, 'UPSTREAM_OVERLOADED unsent');
  t.equal(heard.grpc, 14);
  t.equal(server.received.length, 100);
  for (const { stream } of server.received) answerCall(stream, ANSWER);
  await until('those that waited are there', () => server.received.length === 102);
  for (const { stream } of server.received.slice(100)) answerCall(stream, ANSWER);
  for (const each of waiting) {
    await each.heard.done;
    t.equal(each.heard.outcome, '0 answer');
  }
});

test('where nobody listens, a call is unsent', async (t) => {
  const { send, server } = await setUp(t, () => {});
  await server.close();
  const calls = [send(), send()];
  for (const { heard } of calls) {
    await heard.done;
    t.equal(heard.outcome, 'UPSTREAM_CONNECT unsent');
  }
});

test('an endpoint that accepts but says nothing is given up in time', async (t) => {
  const silent = createServer(() => {});
  await once(silent.listen(0, '127.0.0.1'), 'listening');
  const { port } = silent.address() as AddressInfo;
  const connect = connectTo({ origin: `http://127.0.0.1:${port}`, connectTimeoutMs: 50 });
  const pool = new EndpointSessions({ origin: '', prefix: '', id: '', isGrpc: true }, SETTINGS, connect);
  const heard = new Heard();
  const request = { method: 'POST', path: '/s/m', headers: '', body: null, isFresh: false };
  pool.take(new GrpcUpstreamCall(request, heard, pool, 1000));
  await heard.done;
  t.equal(heard.outcome, 'UPSTREAM_CONNECT unsent');
  t.match(heard.text, 'no connection in time');
  await pool.close();
  silent.close();
});

test('GOAWAY: what the endpoint did not work on is untouched, the rest is answered, and new calls go elsewhere', async (t) => {
  const { send, server } = await setUp(t, ({ stream }, index) => {
    // The second stream has the id 3.
    if (index === 1) stream.session?.goaway(0, 1);
    if (index > 1) answerCall(stream, ANSWER);
  });
  const first = send();
  await until('the first is there', () => server.received.length === 1);
  const second = send();
  await second.heard.done;
  t.equal(second.heard.outcome, 'UPSTREAM_RESET unsent');
  const third = send();
  await third.heard.done;
  t.equal(third.heard.outcome, '0 answer');
  t.equal(server.sessions.length, 2);
  answerCall(server.received[0]!.stream, ANSWER);
  await first.heard.done;
  t.equal(first.heard.outcome, '0 answer');
});

test('a refused stream is unsent, a reset one is sent, and the status is that of gRPC for the code', async (t) => {
  for (const [code, outcome, grpc] of [
    [7, 'UPSTREAM_RESET unsent', 14],
    [1, 'UPSTREAM_RESET sent', 13],
    [2, 'UPSTREAM_RESET sent', 13],
    [8, 'UPSTREAM_RESET sent', 1],
    [12, 'UPSTREAM_RESET sent', 7],
    [0, 'UPSTREAM_BAD_RESPONSE sent', 13],
    [11, 'UPSTREAM_OVERLOADED sent', 8],
  ] as const) {
    const { send } = await setUp(t, ({ stream }) => stream.close(code));
    const { heard } = send();
    await heard.done;
    t.equal(heard.outcome, outcome, `code ${code}`);
    t.equal(heard.grpc, grpc, `code ${code}`);
  }
});

test('an answer that is reset in the middle breaks off', async (t) => {
  const { send, server } = await setUp(t, ({ stream }) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.write(frame(Buffer.from('part')));
  });
  const { heard } = send();
  await until('the part is there', () => heard.body.length === 9);
  // With an error nothing is said of an end first.
  server.received[0]!.stream.destroy(new Error('broken'));
  await heard.done;
  t.equal(heard.outcome, 'UPSTREAM_RESET sent');
});

test('a kept connection that dies under a call makes it stale; a new one makes it sent', async (t) => {
  const { send, server } = await setUp(t, ({ stream }, index) => {
    if (index === 0) answerCall(stream, ANSWER);
    else stream.session?.destroy();
  });
  await send().heard.done;
  const kept = send();
  await kept.heard.done;
  t.equal(kept.heard.outcome, 'UPSTREAM_RESET stale');
  t.equal(kept.heard.grpc, 14);
  const fresh = send(undefined, { isFresh: true });
  await fresh.heard.done;
  t.equal(fresh.heard.outcome, 'UPSTREAM_RESET sent');
  t.equal(server.sessions.length, 2);
});

test('to give a call up resets its stream, and nothing more is heard', async (t) => {
  const { send, server } = await setUp(t, () => {});
  const { heard, call } = send();
  await until('it is there', () => server.received.length === 1);
  call.abort();
  const { stream } = server.received[0]!;
  await once(stream, 'close');
  t.equal(stream.rstCode, 8);
  t.equal(heard.error, '');
});

test('a held stream that is given up gives its place back, and its connection is closed when idle', async (t) => {
  const { send, server } = await setUp(
    t,
    ({ stream }) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.end(frame(Buffer.alloc(900_000)));
    },
    { keepAliveMs: 50, connections: 1, queue: 0 },
    { settings: { maxConcurrentStreams: 2 } },
  );
  for (let i = 0; i < 6; i++) {
    const { heard, call } = send();
    heard.onPiece = () => false;
    await until('it is held', () => heard.body.length > 0);
    call.abort();
  }
  await until('no connection is left', () => server.sessions.every(({ destroyed }) => destroyed));
});

test('an answer that comes before its request has left gives its place back', async (t) => {
  const { send, server } = await setUp(
    t,
    ({ stream }) => {
      stream.pause();
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '3' }, { endStream: true });
    },
    { keepAliveMs: 50, connections: 1 },
  );
  for (let i = 0; i < 6; i++) {
    const { heard } = send(Buffer.alloc(500_000));
    await heard.done;
    t.equal(heard.outcome, '3 ');
  }
  // What it did not read holds the server's own end of the stream.
  for (const { stream } of server.received) stream.resume();
  await until('no connection is left', () => server.sessions.every(({ destroyed }) => destroyed));
});

test('a connection that is done with is closed in time, though the endpoint keeps its side open', async (t) => {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.resume().on('error', () => {}));
    socket.write(serverStart);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const connect = connectTo({ origin: `http://127.0.0.1:${port}`, connectTimeoutMs: 1000 });
  const pool = new EndpointSessions({ origin: '', prefix: '', id: '', isGrpc: true }, SETTINGS, connect);
  const heard = new Heard();
  const request = { method: 'POST', path: '/s/m', headers: '', body: Buffer.alloc(10), isFresh: false };
  const call = new GrpcUpstreamCall(request, heard, pool, 1000);
  pool.take(call);
  await until('it is connected', () => sockets.length === 1 && sockets[0]!.bytesRead > 100);
  call.abort();
  const startMs = performance.now();
  await pool.close();
  t.ok(performance.now() - startMs < 5000, 'it does not wait for the endpoint');
  for (const socket of sockets) socket.destroy();
  server.close();
});

test('a call that HTTP/2 cannot carry is lost, and takes no place', async (t) => {
  const server = await startHttp2Server(({ stream }) => answerCall(stream, ANSWER), {
    settings: { maxConcurrentStreams: 2 },
  });
  const connect = nodeConnect({ origin: server.url, connectTimeoutMs: 1000, tls: null });
  const settings = { ...SETTINGS, connections: 1, queue: 1 };
  const pool = new EndpointSessions({ origin: '', prefix: '', id: '', isGrpc: true }, settings, connect);
  const send = async (headers: string): Promise<string> => {
    const heard = new Heard();
    const request = { method: 'POST', path: '/s/m', headers, body: Buffer.alloc(0), isFresh: false };
    pool.take(new GrpcUpstreamCall(request, heard, pool, 1000));
    await heard.done;
    return heard.outcome;
  };
  // The first one begins when the settings of the endpoint come, out of a callback of its socket.
  for (let i = 0; i < 4; i++) t.equal(await send('http2-settings: x\r\n'), 'UPSTREAM_RESET sent');
  t.equal(await send('x: y\r\n'), '0 answer');
  await pool.close();
  await server.close();
});

test('an idle connection is closed in time', async (t) => {
  const { send, server } = await setUp(t, ({ stream }) => answerCall(stream, ANSWER), { keepAliveMs: 50 });
  await send().heard.done;
  await once(server.sessions[0]!, 'close');
  const again = send();
  await again.heard.done;
  t.equal(again.heard.outcome, '0 answer');
  t.equal(server.sessions.length, 2);
});

test('a stream goes both ways at once, held by who does not read', async (t) => {
  const { send, server } = await setUp(t, ({ stream }) => {
    stream.pause();
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.write(frame(Buffer.from('before the end of the request')));
  });
  let read = 0;
  const total = 64;
  const body: BodyStream = {
    kind: 'stream',
    length: null,
    source: (async function* () {
      for (; read < total; read++) yield Buffer.alloc(1 << 20);
    })(),
  };
  const { heard } = send(body);
  await until('the answer has begun', () => heard.body.length > 0);
  let before = -1;
  await until('nothing more is read', () => before === (before = read), 200);
  t.ok(read < total / 4, `${read} MiB were read`);
  const { stream, ended } = server.received[0]!;
  stream.resume();
  await ended;
  t.equal(server.received[0]!.body().length, total << 20);
  stream.end();
  await heard.done;
  t.equal(heard.trailers, 'grpc-status: 0\r\n');
});

test('a request that breaks off in the middle resets its stream', async (t) => {
  const { send, server } = await setUp(t, () => {});
  for (const [error, outcome] of [
    [new GatewayError('BODY_TOO_LARGE'), 'BODY_TOO_LARGE sent'],
    [new Error('gone'), 'BAD_REQUEST sent'],
  ] as const) {
    const source = (async function* () {
      yield Buffer.from('first');
      await until('it is there', () => server.received.at(-1)?.body().length === 5);
      throw error;
    })();
    const { heard } = send({ kind: 'stream', length: null, source });
    await heard.done;
    t.equal(heard.outcome, outcome);
    const { stream } = server.received.at(-1)!;
    await until('it is reset', () => stream.closed);
    t.equal(stream.rstCode, 8);
    server.received.length = 0;
  }
});

test('an endpoint that answers before the request ends stops it', async (t) => {
  const { send, server } = await setUp(t, ({ stream }) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '3' }, { endStream: true });
  });
  const body: BodyStream = {
    kind: 'stream',
    length: null,
    source: (async function* () {
      for (;;) {
        yield Buffer.alloc(100);
        await pause(1);
      }
    })(),
  };
  const { heard } = send(body);
  await heard.done;
  t.equal(heard.outcome, '3 ');
  await until('the stream is gone', () => server.received[0]!.stream.destroyed);
});

test('a connection that is silent is asked whether it lives, and given up when it does not answer', async (t) => {
  const server = await startHttp2Server(() => {});
  const paired: Socket[] = [];
  const between = createServer((socket) => {
    const onwards = dial(Number(new URL(server.url).port), '127.0.0.1');
    paired.push(socket.pipe(onwards).pipe(socket));
  });
  await once(between.listen(0, '127.0.0.1'), 'listening');
  const origin = `http://127.0.0.1:${(between.address() as AddressInfo).port}`;
  const connect = connectTo({ origin, connectTimeoutMs: 1000, pingMs: 40, pongMs: 20 });
  const pool = new EndpointSessions({ origin: '', prefix: '', id: '', isGrpc: true }, SETTINGS, connect);
  const begin = (): Heard => {
    const heard = new Heard();
    const request = { method: 'POST', path: '/s/m', headers: '', body: null, isFresh: false };
    pool.take(new GrpcUpstreamCall(request, heard, pool, 1000));
    return heard;
  };
  const heard = begin();
  await until('it is there', () => server.received.length === 1);
  await once(server.sessions[0]!, 'ping');
  await pause(100);
  t.equal(heard.error, '', 'a ping that is answered is enough');
  answerCall(server.received[0]!.stream, ANSWER);
  await heard.done;
  const lost = begin();
  await until('the second is there', () => server.received.length === 2);
  for (const socket of paired) socket.pause().unpipe();
  await lost.done;
  t.match(lost.text, 'no answer to a ping');
  t.match(lost.error, 'UPSTREAM_RESET');
  for (const socket of paired) socket.destroy();
  await pool.close();
  await server.close();
  between.close();
});
