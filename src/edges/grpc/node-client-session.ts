import { Buffer } from 'node:buffer';
import { type ClientHttp2Session, type ClientHttp2Stream, type ClientSessionOptions, connect } from 'node:http2';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';

import { headerBlock, type HeaderBlock, headerList } from '../../protocol/header-block.ts';
import { WINDOW_DEFAULT } from '../../protocol/http2/flow.ts';
import { Keepalive, type Watched } from '../http2/client-keepalive.ts';
import type { ClientStream, ClientStreamListener, Connect, Session, SessionOwner } from './client-stream.ts';
import { plainFields } from './fields.ts';
import { streamError } from './server-stream.ts';

export interface NodeSessionOptions {
  /** `http://host:port` or `https://host:port`. */
  readonly origin: string;
  readonly connectTimeoutMs: number;
  /** Null for no TLS. */
  readonly tls: ConnectionOptions | null;
  /** See `Keepalive`. */
  readonly pingMs?: number;
  readonly pongMs?: number;
}

const WINDOW_BYTES = 1 << 20;
const CONNECTION_WINDOW_BYTES = 16 << 20;
/** Until an endpoint has said how many it takes, RFC 9113 6.5.2 recommends that it be no fewer. */
const STREAMS_MIN = 100;
const METHOD = [':method', 'POST', ':scheme'];
const WHOLE = { endStream: false };
/** A stream that is reset before its end would else be ended first, as if its request were complete. */
const STREAMED = { endStream: false, waitForTrailers: true };

/** Makes sessions of node:http2. */
export function nodeConnect(options: NodeSessionOptions): Connect {
  return (owner) => new NodeSession(options, owner);
}

/** A connection of node:http2 to an endpoint. It is ready when the endpoint has sent its settings. */
class NodeSession implements Session, Watched {
  calls = 0;
  readonly #owner: SessionOwner;
  readonly #http2: ClientHttp2Session;
  readonly #socket: Socket;
  readonly #pseudo: readonly string[];
  #isReady = false;
  #isLeaving = false;
  #isGone = false;
  #reason = 'the connection closed';
  /** Counts the calls that had an answer: a session that has carried none is no kept one. */
  carried = 0;
  /** Streams above this were not worked on, RFC 9113 6.8. */
  lastWorkedOn = Infinity;
  heard = 0;
  reads = 0;
  readonly #keepalive: Keepalive;

  constructor(options: NodeSessionOptions, owner: SessionOwner) {
    const { origin, connectTimeoutMs, tls, pingMs, pongMs } = options;
    this.#owner = owner;
    this.#keepalive = new Keepalive(this, pingMs, pongMs);
    this.#pseudo = [...METHOD, tls === null ? 'http' : 'https', ':authority', new URL(origin).host];
    const socket = openSocket(origin, tls);
    this.#socket = socket;
    const http2 = connect(origin, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
      maxSessionMemory: 256,
      strictSingleValueFields: false,
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Options that the types do not have yet.
    } as ClientSessionOptions);
    this.#http2 = http2;
    const timer = setTimeout(() => this.#fail('no connection in time'), connectTimeoutMs);
    http2.once('connect', () => {
      if (tls === null || (socket as TLSSocket).alpnProtocol === 'h2')
        http2.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
      else this.#fail('the endpoint does not speak HTTP/2');
    });
    // An endpoint that does not like our certificate says so after we took the connection for made; node:http2 (24)
    // then hears nothing and waits for ever.
    socket.once('error', (error) => this.#fail(textOf(error)));
    http2.on('remoteSettings', () => {
      clearTimeout(timer);
      this.#isReady = true;
      owner.onRoom();
    });
    http2.on('goaway', (_code, lastStream) => {
      this.lastWorkedOn = lastStream;
      this.#leave();
    });
    http2.on('error', (error) => (this.#reason = textOf(error)));
    http2.once('close', () => {
      clearTimeout(timer);
      this.#end();
    });
  }

  get room(): number {
    const { closed, destroyed, remoteSettings } = this.#http2;
    if (!this.#isReady || this.#isLeaving || closed || destroyed) return 0;
    return Math.max(0, (remoteSettings.maxConcurrentStreams ?? STREAMS_MIN) - this.calls);
  }

  get isAlive(): boolean {
    return !this.#http2.destroyed;
  }

  get reason(): string {
    return this.#reason;
  }

  begin(path: string, headers: HeaderBlock, body: Uint8Array | null, listener: ClientStreamListener): ClientStream {
    this.calls++;
    const list = [...this.#pseudo, ':path', path, ...lowerCase(headerList(headers))];
    const stream = this.#http2.request(list, body === null ? STREAMED : WHOLE);
    // Such a stream ends with a frame that is made now; there are no trailers in it.
    if (body === null) stream.once('wantTrailers', () => stream.sendTrailers({}));
    else if (body.length === 0) stream.end();
    // The call may be over before node has written it.
    else stream.end(Buffer.from(body));
    return new NodeClientStream(this, stream, listener);
  }

  fits(octets: number): boolean {
    const { remoteWindowSize = WINDOW_DEFAULT } = this.#http2.state;
    return remoteWindowSize >= Math.min(octets, WINDOW_DEFAULT / 2);
  }

  /** A stream of it has ended. */
  ended(): void {
    this.calls--;
    if (this.#isLeaving || this.#isGone) return;
    this.#owner.onRoom();
  }

  close(): void {
    this.#leave();
    this.#http2.close();
  }

  destroy(): void {
    this.#http2.destroy();
    this.#socket.destroy();
  }

  ping(): void {
    this.#http2.ping(() => this.reads++);
  }

  giveUp(): void {
    this.#fail('no answer to a ping');
  }

  #fail(reason: string): void {
    this.#reason = reason;
    this.destroy();
  }

  #leave(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#owner.onLeaving();
  }

  #end(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#keepalive.stop();
    this.#owner.onGone(this.#isReady ? null : this.#reason);
  }
}

function openSocket(origin: string, tls: ConnectionOptions | null): Socket {
  const { hostname, port } = new URL(origin);
  const host = hostname.replace(/^\[|\]$/g, '');
  const where = { host, port: port === '' ? (tls === null ? 80 : 443) : Number(port), noDelay: true };
  if (tls === null) return connectTcp(where);
  const name = isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ ...where, ...name, ALPNProtocols: ['h2'], ...tls });
}

function textOf(error: NodeJS.ErrnoException): string {
  return error.code === undefined ? error.message : `${error.code}: ${error.message}`;
}

/** A stream of node:http2 to an endpoint. */
class NodeClientStream implements ClientStream {
  readonly #session: NodeSession;
  readonly #stream: ClientHttp2Stream;
  readonly #listener: ClientStreamListener;
  /** As they were when the stream began. */
  readonly #wasKept: boolean;
  readonly #heardBefore: number;
  #trailers: readonly string[] = [];
  #isOver = false;

  constructor(session: NodeSession, stream: ClientHttp2Stream, listener: ClientStreamListener) {
    this.#session = session;
    this.#stream = stream;
    this.#listener = listener;
    this.#wasKept = session.carried > 0;
    this.#heardBefore = session.heard;
    stream.on('response', (headers, flags, raw) => this.#onHead(Number(headers[':status']), flags, raw));
    stream.on('data', (chunk: Buffer) => {
      this.#hear();
      if (!this.#isOver) listener.onData(chunk);
    });
    stream.on('trailers', (_headers, _flags, raw) => (this.#trailers = raw));
    stream.on('end', () => this.#onEnd());
    stream.on('drain', () => listener.onDrain());
    // What it means is told by the close that follows.
    stream.on('error', () => {});
    stream.once('close', () => this.#onClose());
  }

  data(chunk: Uint8Array): boolean {
    const stream = this.#stream;
    if (this.#isOver || stream.destroyed || stream.closed) return true;
    return stream.write(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk));
  }

  end(): void {
    if (!this.#stream.destroyed) this.#stream.end();
  }

  reset(code: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream.close(code);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  #onHead(status: number, flags: number, raw: readonly string[]): void {
    this.#hear();
    if (this.#isOver) return;
    const headers = this.#blockOf(raw);
    if (headers === null) return;
    const isLast = (flags & END_STREAM) !== 0;
    if (isLast) this.#complete();
    this.#listener.onHead(status, headers, isLast);
  }

  #onEnd(): void {
    const stream = this.#stream;
    // A stream that was reset ends as well.
    if (this.#isOver || stream.aborted || stream.rstCode !== streamError.NO_ERROR || stream.destroyed) return;
    const trailers = this.#blockOf(this.#trailers);
    if (trailers === null) return;
    this.#complete();
    this.#listener.onEnd(trailers);
  }

  /** The answer is there; what is left of the request is of no use. */
  #complete(): void {
    this.#isOver = true;
    this.#session.carried++;
    this.#hear();
    if (!this.#stream.writableEnded) this.#stream.close(streamError.NO_ERROR);
  }

  #hear(): void {
    this.#session.heard++;
    this.#session.reads++;
  }

  /** Null: it cannot be written down as a block, and the call is lost. */
  #blockOf(raw: readonly string[]): HeaderBlock | null {
    try {
      return headerBlock(plainFields(raw));
    } catch (error) {
      this.reset(streamError.CANCEL);
      const text = `the answer is malformed: ${String(error)}`;
      this.#listener.onLoss({ code: streamError.CANCEL, isUntouched: false, isStale: false, text });
      return null;
    }
  }

  #onClose(): void {
    const session = this.#session;
    const stream = this.#stream;
    if (!this.#isOver) {
      this.#isOver = true;
      const { rstCode } = stream;
      const { isAlive } = session;
      const isRefused = rstCode === streamError.REFUSED_STREAM || (stream.id ?? Infinity) > session.lastWorkedOn;
      this.#listener.onLoss({
        code: isAlive ? rstCode : null,
        isUntouched: isRefused || stream.pending,
        isStale: !isAlive && this.#wasKept && session.heard === this.#heardBefore,
        text: isAlive ? `the stream was reset with code ${rstCode}` : session.reason,
      });
    }
    session.ended();
  }
}

/** RFC 9113 6.2. */
const END_STREAM = 0x1;

/** Names are lower-case on the wire, RFC 9113 8.2.1. */
function lowerCase(list: string[]): string[] {
  for (let i = 0; i < list.length; i += 2) list[i] = list[i]!.toLowerCase();
  return list;
}
