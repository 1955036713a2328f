import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

import type { Test } from 'tap';

import type { ClientStreamListener, Session, SessionOwner, StreamLoss } from '../../../src/edges/http2/client-side.ts';
import { type SocketSessionOptions, socketConnect } from '../../../src/edges/http2/client-session.ts';
import { ConnectionReader } from '../../../src/protocol/http2/connection-reader.ts';
import {
  ACK,
  DATA,
  END_HEADERS,
  END_STREAM,
  GOAWAY,
  HEADERS,
  PING,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
  writeSettings,
} from '../../../src/protocol/http2/frames.ts';
import type { PeerSettings } from '../../../src/protocol/http2/peer-settings.ts';
import { block, frame, Recorder, serverOptions, serverStart } from '../../protocol/http2/frame-bytes.ts';
import { until } from '../../support/traffic.ts';

function uint32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4);
  return bytes;
}

export function settings(...list: number[]): Buffer {
  const bytes = Buffer.alloc(9 + list.length * 3);
  writeSettings(bytes, 0, list);
  return bytes;
}

export const settingsAck = frame(SETTINGS, ACK, 0);

export function windowUpdate(stream: number, increment: number): Buffer {
  return frame(WINDOW_UPDATE, 0, stream, uint32(increment));
}

export function reset(stream: number, code: number): Buffer {
  return frame(RST_STREAM, 0, stream, uint32(code));
}

export function goAway(lastStream: number, code = 0): Buffer {
  return frame(GOAWAY, 0, 0, uint32(lastStream, code));
}

export function ping(flags = 0): Buffer {
  return frame(PING, flags, 0, Buffer.from('12345678'));
}

export function data(stream: number, bytes: string | Buffer, flags = 0): Buffer {
  return frame(DATA, flags, stream, Buffer.from(bytes as string));
}

export function headers(stream: number, flags: number, ...fields: ReadonlyArray<readonly [string, string]>): Buffer {
  return frame(HEADERS, flags | END_HEADERS, stream, block(...fields));
}

/** The head of an answer, which goes on. */
export function head(stream: number): Buffer {
  return headers(stream, 0, [':status', '200'], ['content-type', 'application/grpc']);
}

export function trailers(stream: number, status = '0'): Buffer {
  return headers(stream, END_STREAM, ['grpc-status', status]);
}

export function answer(stream: number, body: string | Buffer): Buffer {
  return Buffer.concat([head(stream), data(stream, body), trailers(stream)]);
}

/** The endpoint's side of a connection: writes down what comes, and does as it is told. */
export class Peer extends Recorder {
  readonly socket: Socket;
  readonly reader: ConnectionReader;
  /** What came, read by read. */
  readonly reads: Buffer[] = [];
  readonly bodies = new Map<number, Buffer[]>();
  readonly ended = new Set<number>();
  readonly resets = new Map<number, number>();
  isAcknowledging = true;
  isAnsweringPings = true;
  /** The other side sends nothing more. */
  hasEnded = false;

  constructor(socket: Socket) {
    super();
    this.socket = socket;
    this.reader = new ConnectionReader(serverOptions, this);
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      this.reads.push(bytes);
      this.reader.read(bytes, 0, bytes.length);
    });
    socket.on('error', () => {});
    socket.once('end', () => (this.hasEnded = true));
  }

  get log(): string[] {
    return this.finish();
  }

  /** The streams that were begun, in their order. */
  get streams(): number[] {
    return [...this.bodies.keys()];
  }

  send(...frames: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  body(stream: number): Buffer {
    return Buffer.concat(this.bodies.get(stream) ?? []);
  }

  /** Resolves when so many streams were begun. */
  async begun(count: number): Promise<void> {
    await until(`${count} streams are there`, () => this.bodies.size >= count);
  }

  async saw(pattern: RegExp): Promise<void> {
    await until(`${pattern} came`, () => this.finish().some((event) => pattern.test(event)));
  }

  override onHead(...parameters: Parameters<Recorder['onHead']>): void {
    super.onHead(...parameters);
    const [stream, , isEnd] = parameters;
    this.bodies.set(stream, []);
    if (isEnd) this.ended.add(stream);
  }

  override onData(...parameters: Parameters<Recorder['onData']>): void {
    super.onData(...parameters);
    const [stream, bytes, start, end, isEnd] = parameters;
    this.bodies.get(stream)?.push(Buffer.from(bytes.subarray(start, end)));
    if (isEnd) this.ended.add(stream);
  }

  override onReset(stream: number, code: number): void {
    super.onReset(stream, code);
    this.resets.set(stream, code);
  }

  override onSettings(values: PeerSettings): void {
    super.onSettings(values);
    if (this.isAcknowledging) this.send(settingsAck);
  }

  override onPing(bytes: Buffer, at: number): void {
    super.onPing(bytes, at);
    if (this.isAnsweringPings) this.send(frame(PING, ACK, 0, Buffer.from(bytes.subarray(at, at + 8))));
  }
}

/** Writes down what a session tells of itself. */
export class Owner implements SessionOwner {
  readonly events: string[] = [];
  rooms = 0;

  onRoom(): void {
    this.rooms++;
  }

  onLeaving(): void {
    this.events.push('leaving');
  }

  onGone(reason: string | null): void {
    this.events.push(`gone ${reason ?? ''}`);
  }

  get isGone(): boolean {
    return this.events.some((event) => event.startsWith('gone'));
  }
}

/** Keeps an answer. Nothing may be told after its end, or out of order. */
export class Answer implements ClientStreamListener {
  status = 0;
  headers = '';
  trailers: string | null = null;
  loss: StreamLoss | null = null;
  drains = 0;
  readonly pieces: Buffer[] = [];
  onPiece: () => void = () => {};

  get body(): Buffer {
    return Buffer.concat(this.pieces);
  }

  get isOver(): boolean {
    return this.trailers !== null || this.loss !== null;
  }

  /** The body and trailers, or how it was lost. */
  get outcome(): string {
    if (this.loss === null) return this.trailers === null ? 'under way' : `${this.body.toString()} ${this.trailers}`;
    const { code, isUntouched, isStale } = this.loss;
    return `lost ${code}${isUntouched ? ' untouched' : ''}${isStale ? ' stale' : ''}`;
  }

  onHead(status: number, block: string, isLast: boolean): void {
    if (this.isOver || this.status !== 0) throw new Error('a head out of order');
    this.status = status;
    this.headers = block;
    if (isLast) this.trailers = '';
  }

  onData(chunk: Buffer): void {
    if (this.isOver || this.status === 0) throw new Error('data out of order');
    this.pieces.push(Buffer.from(chunk));
    this.onPiece();
  }

  onEnd(block: string): void {
    if (this.isOver || this.status === 0) throw new Error('an end out of order');
    this.trailers = block;
  }

  onLoss(loss: StreamLoss): void {
    if (this.isOver) throw new Error('a loss out of order');
    this.loss = loss;
  }

  onDrain(): void {
    this.drains++;
  }
}

export interface Opened {
  readonly session: Session;
  readonly owner: Owner;
  readonly peer: Peer;
  readonly port: number;
  /** Begins a call with this body, whole unless it is null. */
  readonly call: (body?: Buffer | null) => Answer & { stream: ReturnType<Session['begin']> };
}

/** A server that only accepts connections. */
export async function listen(
  t: Test,
  onConnection: (socket: Socket) => void,
): Promise<{ port: number; close(): void }> {
  const server = createServer({ allowHalfOpen: true }, onConnection);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  t.teardown(close);
  return { port: (server.address() as AddressInfo).port, close };
}

/** A session to a peer that begins with these frames; ready, unless they are none. */
export async function open(
  t: Test,
  start: Buffer | null = serverStart,
  options: Partial<SocketSessionOptions> = {},
): Promise<Opened> {
  const peers: Peer[] = [];
  const { port } = await listen(t, (socket) => {
    const peer = new Peer(socket);
    peers.push(peer);
    peer.isAcknowledging = start !== null;
    if (start !== null) peer.send(start);
  });
  const owner = new Owner();
  const connect = socketConnect({ origin: `http://127.0.0.1:${port}`, connectTimeoutMs: 1000, ...options });
  const session = connect(owner);
  t.teardown(() => session.destroy());
  await until('it is connected', () => peers.length > 0);
  if (start !== null) await until('it is ready', () => session.room > 0);
  return {
    session,
    owner,
    peer: peers[0]!,
    port,
    call(body = Buffer.from('question')) {
      const heard = new Answer();
      const stream = session.begin('/s/m', 'content-type: application/grpc\r\nte: trailers\r\n', body, heard);
      return Object.assign(heard, { stream });
    },
  };
}
