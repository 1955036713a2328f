import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

import { test } from 'tap';

import { ConnectionReader } from '../../../src/protocol/http2/connection-reader.ts';
import { ACK, PING, SETTINGS } from '../../../src/protocol/http2/frames.ts';
import {
  clientOptions,
  clientStart,
  codeName,
  frame,
  preface,
  readAll,
  Recorder,
  request,
  serverOptions,
  serverStart,
} from './frame-bytes.ts';
import { type Case, clientCases, serverCases } from './malformed-cases.ts';

const end = frame(PING, 0, 0, Buffer.from('the end.'));

/** `fine`, `connection CODE` or `stream CODE`. */
function ownVerdict(start: Buffer, { bytes }: Case, isServer: boolean): string {
  const options = isServer ? serverOptions : clientOptions;
  const all = Buffer.concat([start, ...bytes, end]);
  const { events } = readAll(all, options, undefined, isServer ? [] : [1]);
  const error = events.find((event) => event.includes('error'));
  if (error === undefined) return events.some((event) => event.startsWith('ping ')) ? 'fine' : events.join();
  return error.replace(' error', '').replace(/stream \d+/, 'stream');
}

test('what a client sends is judged by RFC 9113 and RFC 7541', async (t) => {
  for (const one of clientCases) t.equal(ownVerdict(clientStart, one, true), one.verdict, one.name);
});

test('what a server sends is judged by RFC 9113', async (t) => {
  for (const one of serverCases) t.equal(ownVerdict(serverStart, one, false), one.verdict, one.name);
});

test('without the preface of a client and SETTINGS nothing is HTTP/2', async (t) => {
  const verdict = (bytes: Buffer, isServer = true): string =>
    readAll(bytes, isServer ? serverOptions : clientOptions)
      .events.join()
      .replace(/settings \{.*/, 'settings');
  t.equal(verdict(Buffer.from('GET / HTTP/1.1\r\n\r\n')), 'connection error PROTOCOL_ERROR');
  t.equal(verdict(preface.subarray(0, 23)), '');
  t.equal(verdict(clientStart), 'settings');
  t.equal(verdict(serverStart, false), 'settings');
  t.equal(verdict(Buffer.concat([preface, request(1)])), 'connection error PROTOCOL_ERROR');
  t.equal(verdict(Buffer.concat([preface, frame(SETTINGS, ACK, 0)])), 'connection error PROTOCOL_ERROR');
  t.equal(verdict(frame(PING, 0, 0, Buffer.alloc(8)), false), 'connection error PROTOCOL_ERROR');
});

/**
 * What the other side tells of bytes: the first error, or that it has answered two PINGs after them. One is not enough:
 * such answers go out before the resets that are waiting.
 */
class NodeVerdict extends Recorder {
  readonly verdict: Promise<string>;
  readonly #socket: Socket;
  #settle: (verdict: string) => void = () => {};
  #pings = 0;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    this.verdict = new Promise((resolve) => (this.#settle = resolve));
  }

  settle(verdict: string): void {
    this.#settle(verdict);
  }

  override onReset(_stream: number, code: number): void {
    this.#settle(`stream ${codeName(code)}`);
  }

  override onGoAway(_last: number, code: number): void {
    this.#settle(`connection ${codeName(code)}`);
  }

  override onPingAck(): void {
    if (++this.#pings === 2) this.#settle('fine');
    else this.#socket.write(end);
  }
}

function listen(socket: Socket, isServer: boolean): NodeVerdict {
  const verdict = new NodeVerdict(socket);
  const reader = new ConnectionReader(isServer ? serverOptions : clientOptions, verdict);
  if (!isServer) for (let stream = 1; stream < 10; stream += 2) reader.open(stream);
  socket.on('data', (bytes) => reader.read(bytes, 0, bytes.length));
  socket.on('error', () => {});
  socket.on('close', () => verdict.settle('closed'));
  return verdict;
}

test('node:http2 as a server judges the same, but for what is noted', async (t) => {
  const server = createHttp2Server();
  server.on('stream', (stream) => stream.on('error', () => {}));
  server.on('sessionError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const { name, bytes, verdict, node = verdict } of clientCases) {
    const socket = connect(port, '127.0.0.1');
    const heard = listen(socket, false);
    socket.write(Buffer.concat([clientStart, ...bytes, end]));
    t.equal(await heard.verdict, node, name);
    socket.destroy();
  }
  server.close();
});

test('node:http2 as a client judges the same, but for what is noted', async (t) => {
  for (const { name, bytes, verdict, node = verdict } of serverCases) {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
      settings: { enablePush: false },
    });
    session.on('error', () => {});
    session.request({ ':path': '/' }).on('error', () => {});
    const [socket] = (await once(server, 'connection')) as [Socket];
    const heard = listen(socket, true);
    heard.onHead = () => socket.write(Buffer.concat([...bytes, end]));
    socket.write(Buffer.concat([serverStart, frame(SETTINGS, ACK, 0)]));
    t.equal(await heard.verdict, node, name);
    session.destroy();
    socket.destroy();
    server.close();
  }
});

test('the tables have no case twice', async (t) => {
  for (const cases of [clientCases, serverCases]) t.equal(new Set(cases.map(({ name }) => name)).size, cases.length);
});
