import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

import { test } from 'tap';

import { ACK, CONTINUATION, DATA, errorCode, HEADERS, PREFACE, setting } from '../../../src/protocol/http2/frames.ts';
import { socketConnect } from '../../../src/edges/http2/client-session.ts';
import { frame, hex, serverStart } from '../../protocol/http2/frame-bytes.ts';
import { until } from '../../support/traffic.ts';
import {
  Answer,
  answer,
  goAway,
  head,
  headers,
  listen,
  open,
  Owner,
  type Peer,
  ping,
  settings,
  trailers,
} from './client-fixtures.ts';

test('a connection begins with the preface, settings without pushes and large windows', async (t) => {
  const { peer } = await open(t);
  await peer.saw(/settings ack/);
  t.ok(Buffer.concat(peer.reads).toString('latin1').startsWith(PREFACE));
  const [first, second] = peer.log;
  t.match(first, '"enablePush":false');
  t.match(first, `"initialWindowSize":${1 << 20}`);
  t.equal(second, `window 0 ${(16 << 20) - 65535}`);
});

test('there is no room before the settings of the endpoint came, then as much as they say, also when they change', async (t) => {
  const { session, owner, peer, call } = await open(t, null);
  await peer.saw(/settings/);
  t.equal(session.room, 0);
  t.equal(owner.rooms, 0);
  peer.send(settings(setting.MAX_CONCURRENT_STREAMS, 2));
  await until('it is ready', () => session.room === 2);
  t.equal(owner.rooms, 1);
  const calls = [call(), call()];
  t.equal(session.room, 0);
  t.equal(session.calls, 2);
  peer.send(settings(setting.MAX_CONCURRENT_STREAMS, 1));
  peer.send(settings(setting.MAX_CONCURRENT_STREAMS, 5));
  await until('there is more room', () => session.room === 3);
  t.equal(owner.rooms, 3);
  await peer.begun(2);
  peer.send(answer(1, 'a'), answer(3, 'b'));
  await until('both are over', () => calls.every(({ isOver }) => isOver));
  t.equal(session.room, 5);
});

test('all that begins in one turn leaves in one write', async (t) => {
  const { peer, call } = await open(t);
  await peer.saw(/settings ack/);
  const before = peer.reads.length;
  for (let i = 0; i < 10; i++) call();
  await until('all are there', () => peer.ended.size === 10);
  t.equal(peer.reads.length, before + 1);
  t.strictSame(peer.streams, [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
  t.equal(peer.body(19).toString(), 'question');
  t.equal(
    peer.log.find((event) => event.startsWith('head 1 ')),
    `head 1 ${JSON.stringify(['POST', 'http', new URL(`http://${peer.socket.localAddress}:${peer.socket.localPort}`).host, '/s/m', 0, 'content-type: application/grpc\r\nte: trailers\r\n'])} false`,
  );
});

test('GOAWAY: streams that were not worked on are told so, the others are answered, then the connection ends', async (t) => {
  const { session, owner, peer, call } = await open(t);
  const calls = [call(), call(), call()];
  await peer.begun(3);
  // As servers do it that want to lose nothing.
  peer.send(goAway(0x7fffffff));
  await until('it takes no more', () => owner.events.length > 0);
  t.strictSame(owner.events, ['leaving']);
  t.equal(session.room, 0);
  t.strictSame(
    calls.map(({ outcome }) => outcome),
    ['under way', 'under way', 'under way'],
  );
  peer.send(goAway(3));
  await until('the third is told', () => calls[2]!.isOver);
  t.equal(calls[2]!.outcome, 'lost 7 untouched');
  peer.send(answer(1, 'a'), answer(3, 'b'));
  await until('the others are answered', () => calls[0]!.isOver && calls[1]!.isOver);
  t.equal(calls[1]!.outcome, 'b grpc-status: 0\r\n');
  await peer.saw(/goaway 0 NO_ERROR/);
  await until('our side is closed', () => peer.hasEnded);
  t.strictSame(owner.events, ['leaving']);
  peer.socket.end();
  await until('it is gone', () => owner.isGone);
  t.strictSame(owner.events, ['leaving', 'gone ']);
});

test('GOAWAY with an error says why those are lost that were worked on', async (t) => {
  const { owner, peer, call } = await open(t);
  const lost = call();
  await peer.begun(1);
  peer.send(frame(7, 0, 0, hex('00000001 0000000b 746f6f5f6d616e795f70696e6773')));
  peer.socket.end();
  await until('it is lost', () => lost.isOver);
  t.equal(lost.outcome, 'lost null');
  t.match(lost.loss?.text, 'code 11: too_many_pings');
  t.strictSame(owner.events, ['leaving', 'gone ']);
});

test('a session that is closed answers what is under way first, and closes at once when nothing is', async (t) => {
  const { session, owner, peer, call } = await open(t);
  const last = call();
  await peer.begun(1);
  session.close();
  t.strictSame(owner.events, ['leaving']);
  t.equal(session.room, 0);
  peer.send(answer(1, 'late'));
  await until('it is answered', () => last.isOver);
  await peer.saw(/goaway 0 NO_ERROR/);
  peer.socket.end();
  await until('it is gone', () => owner.isGone);
  const idle = await open(t);
  idle.session.close();
  await idle.peer.saw(/goaway 0 NO_ERROR/);
  idle.peer.socket.end();
  await until('it is gone as well', () => idle.owner.isGone);
});

test('an endpoint that does not close its side is not waited for', async (t) => {
  const { session, owner } = await open(t);
  session.close();
  await until('it is gone', () => owner.isGone);
  t.strictSame(owner.events, ['leaving', 'gone ']);
});

test('a session without streams left takes no more calls', async (t) => {
  const { session, owner, peer, call } = await open(t, serverStart, { firstStream: 0x7ffffffd });
  const first = call();
  t.ok(session.room > 0);
  const last = call();
  t.equal(session.room, 0);
  t.strictSame(owner.events, ['leaving']);
  await peer.begun(2);
  t.strictSame(peer.streams, [0x7ffffffd, 0x7fffffff]);
  peer.send(answer(0x7ffffffd, 'a'), answer(0x7fffffff, 'b'));
  await until('both are answered', () => first.isOver && last.isOver);
  await peer.saw(/goaway 0 NO_ERROR/);
});

test('a ping of the endpoint is answered', async (t) => {
  const { peer } = await open(t);
  peer.send(ping());
  await peer.saw(/ping ack 3132333435363738/);
});

test('a silent connection with a call is asked once whether it lives, and given up when it does not answer', async (t) => {
  const { session, owner, peer, call } = await open(t, serverStart, { pingMs: 40, pongMs: 20 });
  const pings = (): number => peer.log.filter((event) => event.startsWith('ping ')).length;
  const first = call();
  await until('it is asked', () => pings() === 1);
  // Long enough for two more, which servers would take amiss.
  const untilMs = performance.now() + 120;
  await until('it is silent for longer', () => performance.now() > untilMs);
  t.equal(pings(), 1);
  t.notOk(first.isOver);
  peer.send(answer(1, 'a'));
  await until('it is answered', () => first.isOver);
  peer.isAnsweringPings = false;
  const second = call();
  await until('the second is lost', () => second.isOver);
  t.equal(second.outcome, 'lost null stale');
  t.equal(second.loss?.text, 'no answer to a ping');
  t.strictSame(owner.events, ['gone ']);
  t.equal(session.room, 0);
});

test('a connection without calls is not asked', async (t) => {
  const { peer } = await open(t, serverStart, { pingMs: 20, pongMs: 10 });
  const untilMs = performance.now() + 150;
  await until('time has passed', () => performance.now() > untilMs);
  t.notOk(peer.log.some((event) => event.startsWith('ping')));
});

test('what breaks HTTP/2 ends the connection, and the calls on it', async (t) => {
  const broken: Record<string, readonly [Buffer, string]> = {
    'a push': [frame(5, 4, 1, hex('00000002 82')), 'PROTOCOL_ERROR'],
    'a frame that is too long': [frame(DATA, 0, 1, Buffer.alloc(16385)), 'FRAME_SIZE_ERROR'],
    'DATA on no stream': [frame(DATA, 0, 0), 'PROTOCOL_ERROR'],
    'DATA on a stream that was not begun': [frame(DATA, 0, 5, Buffer.alloc(1)), 'PROTOCOL_ERROR'],
    'HEADERS on an even stream': [headers(2, 0, [':status', '200']), 'PROTOCOL_ERROR'],
    'fields that cannot be decoded': [frame(HEADERS, 4, 1, hex('bf')), 'COMPRESSION_ERROR'],
    'CONTINUATION behind nothing': [frame(CONTINUATION, 4, 1, hex('88')), 'PROTOCOL_ERROR'],
    'a frame within a block': [Buffer.concat([frame(HEADERS, 0, 1, hex('88')), ping()]), 'PROTOCOL_ERROR'],
    'too short a PING': [frame(6, 0, 0, hex('00')), 'FRAME_SIZE_ERROR'],
    'a bad setting': [settings(setting.ENABLE_PUSH, 1), 'PROTOCOL_ERROR'],
    'too large a window': [settings(setting.INITIAL_WINDOW_SIZE, 0x80000000), 'FLOW_CONTROL_ERROR'],
    'a window update by 0': [frame(8, 0, 0, hex('00000000')), 'PROTOCOL_ERROR'],
    'a connection window beyond its end': [frame(8, 0, 0, hex('7fffffff')), 'FLOW_CONTROL_ERROR'],
    'SETTINGS ACK with a payload': [frame(4, ACK, 0, Buffer.alloc(6)), 'FRAME_SIZE_ERROR'],
    'windows of streams beyond their end': [
      Buffer.concat([frame(8, 0, 1, hex('7fff0000')), settings(setting.INITIAL_WINDOW_SIZE, 0x7fffffff)]),
      'FLOW_CONTROL_ERROR',
    ],
  };
  for (const [what, [bytes, code]] of Object.entries(broken)) {
    const { session, owner, peer, call } = await open(t);
    const lost = call();
    await peer.begun(1);
    peer.send(bytes);
    await until(`${what}: it is lost`, () => lost.isOver);
    t.equal(lost.outcome, 'lost null', what);
    t.match(lost.loss?.text, /broke HTTP\/2/, what);
    await peer.saw(new RegExp(`goaway 0 ${code}`));
    t.strictSame(owner.events, ['gone '], what);
    t.equal(session.calls, 0);
  }
});

test('an endpoint that closes, resets or half-closes its connection loses the calls on it', async (t) => {
  for (const [how, close] of [
    ['closes', (peer: Peer) => peer.socket.destroy()],
    ['resets', (peer: Peer) => peer.socket.resetAndDestroy()],
    ['half-closes', (peer: Peer) => peer.socket.end()],
  ] as const) {
    const { session, owner, peer, call } = await open(t);
    const first = call();
    await peer.begun(1);
    peer.send(answer(1, 'a'));
    await until('the first is answered', () => first.isOver);
    const begun = call();
    const silent = call();
    await peer.begun(3);
    close(peer);
    await until(`${how}: both are lost`, () => begun.isOver && silent.isOver);
    t.equal(silent.outcome, 'lost null stale', how);
    t.strictSame(owner.events, ['gone '], how);
    t.equal(session.room, 0);
  }
});

test('what was not written when the connection died is untouched; what came after an answer has begun is not stale', async (t) => {
  const { peer, call, session } = await open(t);
  const first = call();
  await peer.begun(1);
  peer.send(answer(1, 'a'));
  await until('the first is answered', () => first.isOver);
  const second = call();
  await peer.begun(2);
  peer.send(head(3));
  await until('the second has begun', () => second.status === 200);
  const third = call();
  session.destroy();
  t.equal(second.outcome, 'lost null');
  t.equal(third.outcome, 'lost null untouched stale');
});

test('a connection that cannot be made, is not HTTP/2 or says nothing is told with its reason', async (t) => {
  const connectTo = async (port: number): Promise<string> => {
    const owner = new Owner();
    socketConnect({ origin: `http://127.0.0.1:${port}`, connectTimeoutMs: 100 })(owner);
    await until('it is gone', () => owner.isGone);
    t.equal(owner.rooms, 0);
    return owner.events.join();
  };
  const closed = createServer();
  await once(closed.listen(0, '127.0.0.1'), 'listening');
  const { port } = closed.address() as AddressInfo;
  closed.close();
  t.match(await connectTo(port), 'gone ECONNREFUSED');
  const silent = await listen(t, () => {});
  t.match(await connectTo(silent.port), 'gone no connection in time');
  const http = await listen(t, (socket) => {
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    socket.on('error', () => {});
  });
  t.match(await connectTo(http.port), 'gone the endpoint does not speak HTTP/2');
  const other = await listen(t, (socket) => {
    socket.write(ping());
    socket.on('error', () => {});
  });
  t.match(await connectTo(other.port), 'gone the endpoint does not speak HTTP/2');
});

test('a name with addresses of which one does not answer is reached at the other', async (t) => {
  // Only on 127.0.0.1; `localhost` may be ::1 as well.
  const { port } = await open(t);
  const owner = new Owner();
  const session = socketConnect({ origin: `http://localhost:${port}`, connectTimeoutMs: 1000 })(owner);
  await until('it is ready', () => session.room > 0);
  const heard = new Answer();
  session.begin('/s/m', '', Buffer.from('x'), heard);
  session.destroy();
  t.equal(heard.outcome, 'lost null untouched');
});

test('what an endpoint makes us say and does not read has an end', async (t) => {
  const { peer, call } = await open(t);
  peer.isAnsweringPings = false;
  const waiting = call();
  await peer.begun(1);
  peer.socket.pause();
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => ping()));
  let sent = 0;
  let isFlowing = true;
  while (isFlowing && sent < 64 << 20) {
    isFlowing = peer.socket.write(pings) || (await Promise.race([drained(peer), later()]));
    sent += pings.length;
  }
  t.ok(sent < 64 << 20, `it stops reading: ${sent} octets were taken`);
  peer.socket.resume();
  await until('it reads on', () => peer.socket.writableLength === 0);
  peer.send(head(1), trailers(1));
  await until('the call is answered', () => waiting.isOver);
  t.equal(waiting.outcome, ' grpc-status: 0\r\n');
});

async function drained(peer: Peer): Promise<boolean> {
  await once(peer.socket, 'drain');
  return true;
}

function later(): Promise<boolean> {
  return new Promise((resolve) => setTimeout(resolve, 300, false));
}

test('a listener may give its call up, close the session or begin another call from whatever it hears', async (t) => {
  const { session, owner, peer, call } = await open(t);
  const first = call();
  const closing = call();
  let next: Answer | null = null;
  first.onPiece = () => {
    next = call();
    first.stream.reset(errorCode.CANCEL);
  };
  closing.onPiece = () => session.destroy();
  await peer.begun(2);
  peer.send(head(1), data1('x'), data1('y'));
  await peer.begun(3);
  t.equal(first.body.toString(), 'x');
  await until('it is given up', () => peer.resets.get(1) === errorCode.CANCEL);
  peer.send(head(3), frame(DATA, 0, 3, Buffer.from('z')), trailers(3), answer(5, 'more'));
  await until('the session is gone', () => owner.isGone);
  t.equal(closing.outcome, 'lost null');
  t.equal((next as Answer | null)?.outcome, 'lost null');
});

function data1(text: string): Buffer {
  return frame(DATA, 0, 1, Buffer.from(text));
}
