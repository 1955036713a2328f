import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

import type { Test } from 'tap';

import { ConnectionWatch, type ConnectionLimits } from '../../../src/edges/http2/connection-watch.ts';
import {
  type ConnectionOwner,
  type ConnectionSetting,
  readerOptions,
  ServerConnection,
} from '../../../src/edges/http2/server-connection.ts';
import type { SocketStream } from '../../../src/edges/http2/server-stream.ts';
import type { ServerStreamListener } from '../../../src/edges/http2/server-side.ts';
import type { FieldSection } from '../../../src/protocol/http2/field-section.ts';
import {
  DATA,
  END_HEADERS,
  END_STREAM,
  FRAME_HEADER_BYTES,
  frameFlags,
  frameLength,
  frameStream,
  frameType,
  GOAWAY,
  HEADERS,
  PING,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from '../../../src/protocol/http2/frames.ts';
import { HpackDecoder } from '../../../src/protocol/http2/hpack-decoder.ts';
import { block, codeName, frame, preface } from '../../protocol/http2/frame-bytes.ts';

/** One request as the server sees it. */
export class ReceivedRequest implements ServerStreamListener {
  readonly stream: SocketStream;
  readonly path: string;
  readonly chunks: Buffer[] = [];
  bytes = 0;
  isEnded = false;
  closes = 0;
  drains = 0;
  readonly #onEvent: (request: ReceivedRequest) => void;

  constructor(stream: SocketStream, { path }: FieldSection, onEvent: (request: ReceivedRequest) => void) {
    this.stream = stream;
    this.path = path;
    this.#onEvent = onEvent;
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks);
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.chunks.push(Buffer.from(bytes.subarray(start, end)));
    this.bytes += end - start;
    this.#onEvent(this);
  }

  onEnd(): void {
    this.isEnded = true;
    this.#onEvent(this);
  }

  onDrain(): void {
    this.drains++;
    this.#onEvent(this);
  }

  onClose(): void {
    this.closes++;
  }
}

/** What a server does with a request when its head came, and whenever more of it comes. */
export type OnRequest = (request: ReceivedRequest) => void;

/** Answers a request that is complete with its own body and a trailer. */
export function echo(request: ReceivedRequest): void {
  if (request.isEnded) request.stream.whole(200, 'content-type: a/b\r\n', request.body, 'x-end: 1\r\n');
}

export interface TestServer {
  readonly port: number;
  readonly url: string;
  readonly requests: ReceivedRequest[];
  readonly connections: ServerConnection[];
  readonly watch: ConnectionWatch;
  /** Connections that are not closed. */
  readonly open: () => number;
}

const noLimits: ConnectionLimits = { prefaceMs: 10_000, pingMs: 0, maxAgeMs: 0, idleMs: 0 };

/** A server of this implementation on a free port; what it throws fails the test. */
export async function startServer(
  t: Test,
  onRequest: OnRequest = echo,
  { maxStreams = 100, maxHeaderBytes = 16_384, ...limits }: Partial<ConnectionSetting & ConnectionLimits> = {},
  onUnexpected: (error: unknown) => void = (error) => t.error(error),
): Promise<TestServer> {
  const setting = { maxStreams, maxHeaderBytes };
  const options = readerOptions(setting);
  const watch = new ConnectionWatch({ ...noLimits, ...limits });
  const requests: ReceivedRequest[] = [];
  const connections: ServerConnection[] = [];
  let open = 0;
  const owner: ConnectionOwner = {
    onStream(stream, section, isEnded) {
      const request = new ReceivedRequest(stream, section, onRequest);
      request.isEnded = isEnded;
      requests.push(request);
      stream.listen(request);
      onRequest(request);
    },
    onGone(connection) {
      open--;
      watch.remove(connection);
    },
    onUnexpected,
  };
  const server = createServer({ noDelay: true }, (socket) => {
    open++;
    const connection = new ServerConnection(owner, setting, options, socket);
    connections.push(connection);
    watch.add(connection);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(async () => {
    watch.destroyAll();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}`, requests, connections, watch, open: () => open };
}

export interface ReceivedFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A client that sends the frames it is told to and keeps all that comes. */
export class FrameClient {
  readonly socket: Socket;
  readonly frames: ReceivedFrame[] = [];
  /** Octets of DATA by stream. */
  readonly bodies = new Map<number, Buffer[]>();
  isClosed = false;
  /** Reads of the socket. */
  reads = 0;
  #rest: Buffer = Buffer.alloc(0);
  readonly #waiting = new Set<() => void>();
  readonly #decoder = new HpackDecoder({ maxListBytes: 1 << 20, maxFields: 1000 });

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  /** Connects, and sends the preface with these SETTINGS, a flat list. */
  static async start(t: Test, port: number, settings: readonly number[] | null = []): Promise<FrameClient> {
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    const client = new FrameClient(socket);
    t.teardown(() => socket.destroy());
    if (settings !== null) client.send(preface, settingsFrame(...settings));
    return client;
  }

  send(...bytes: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(bytes));
  }

  /** Waits until this holds; throws when the connection closes before. */
  async until(what: string, holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.isClosed) throw new Error(`closed before: ${what}; ${this.story().join(', ')}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  async closed(): Promise<void> {
    while (!this.isClosed) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  /** Resolves when the stream has ended or was reset. */
  ended(stream: number): Promise<void> {
    return this.until(`the end of ${stream}`, () => this.isEnded(stream));
  }

  isEnded(stream: number): boolean {
    return this.frames.some(
      (one) =>
        one.stream === stream &&
        (one.type === RST_STREAM || ((one.type === DATA || one.type === HEADERS) && (one.flags & END_STREAM) !== 0)),
    );
  }

  /** Resolves when all that was sent before was looked at, and answered. */
  async settled(): Promise<void> {
    const opaque = Buffer.from('settled!');
    const before = this.#pongs(opaque);
    this.send(frame(PING, 0, 0, opaque));
    await this.until('a pong', () => this.#pongs(opaque) > before);
  }

  body(stream: number): Buffer {
    return Buffer.concat(this.bodies.get(stream) ?? []);
  }

  bodyLength(stream: number): number {
    let length = 0;
    for (const { length: more } of this.bodies.get(stream) ?? []) length += more;
    return length;
  }

  /** What came, without SETTINGS, pings, and windows of the connection. */
  story(): string[] {
    return this.frames.flatMap(({ type, flags, stream, payload }) => {
      const end = (flags & END_STREAM) === 0 ? '' : ' end';
      if (type === HEADERS) return [`headers ${stream}${end}`];
      if (type === DATA) return [`data ${stream} ${payload.length}${end}`];
      if (type === RST_STREAM) return [`reset ${stream} ${codeName(payload.readUInt32BE(0))}`];
      if (type === GOAWAY) return [`goaway ${payload.readUInt32BE(0)} ${codeName(payload.readUInt32BE(4))}`];
      if (type === WINDOW_UPDATE && stream !== 0) return [`window ${stream} ${payload.readUInt32BE(0)}`];
      return [];
    });
  }

  /** The text of a block, which must be decoded in the order in which they came. */
  decode({ payload }: ReceivedFrame): string {
    this.#decoder.decode(payload, 0, payload.length);
    const { status, block: text } = this.#decoder.section;
    return `${status} ${text}`;
  }

  #pongs(opaque: Buffer): number {
    return this.frames.filter(({ type, flags, payload }) => type === PING && flags === 1 && payload.equals(opaque))
      .length;
  }

  #take(chunk: Buffer): void {
    this.reads++;
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (this.#rest.length - at >= FRAME_HEADER_BYTES) {
      const end = at + FRAME_HEADER_BYTES + frameLength(this.#rest, at);
      if (end > this.#rest.length) break;
      this.#add({
        type: frameType(this.#rest, at),
        flags: frameFlags(this.#rest, at),
        stream: frameStream(this.#rest, at),
        payload: this.#rest.subarray(at + FRAME_HEADER_BYTES, end),
      });
      at = end;
    }
    this.#rest = this.#rest.subarray(at);
    this.#wake();
  }

  #add(one: ReceivedFrame): void {
    this.frames.push(one);
    if (one.type !== DATA) return;
    const chunks = this.bodies.get(one.stream);
    if (chunks === undefined) this.bodies.set(one.stream, [one.payload]);
    else chunks.push(one.payload);
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

/** SETTINGS of a flat list. */
export function settingsFrame(...list: readonly number[]): Buffer {
  const payload = Buffer.alloc(list.length * 3);
  for (let i = 0; i + 1 < list.length; i += 2) {
    payload.writeUInt16BE(list[i]!, i * 3);
    payload.writeUInt32BE(list[i + 1]!, i * 3 + 2);
  }
  return frame(SETTINGS, 0, 0, payload);
}

export function windowFrame(stream: number, increment: number): Buffer {
  return frame(WINDOW_UPDATE, 0, stream, uint32(increment));
}

export function resetFrame(stream: number, code: number): Buffer {
  return frame(RST_STREAM, 0, stream, uint32(code));
}

export function dataFrame(stream: number, bytes: Uint8Array | string, isEnd = false): Buffer {
  return frame(DATA, isEnd ? END_STREAM : 0, stream, Buffer.from(bytes as Uint8Array));
}

/** The head of a request. */
export function head(stream: number, isEnd = false, path = '/'): Buffer {
  const fields = block([':method', 'POST'], [':scheme', 'http'], [':path', path], [':authority', 'a']);
  return frame(HEADERS, END_HEADERS | (isEnd ? END_STREAM : 0), stream, fields);
}

function uint32(value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value);
  return payload;
}
