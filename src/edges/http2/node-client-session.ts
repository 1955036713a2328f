import { Buffer } from 'node:buffer';
import { type ClientHttp2Session, type ClientHttp2Stream, type ClientSessionOptions, connect } from 'node:http2';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';

import { type HeaderBlock, headerList } from '../../protocol/header-block.ts';
import { WINDOW_DEFAULT } from '../../protocol/http2/flow.ts';
import { Keepalive, type Watched } from './client-keepalive.ts';
import type { ClientStream, ClientStreamListener, Connect, Session, SessionOwner } from './client-side.ts';
import { NodeClientStream, type NodeStreamSession } from './node-client-stream.ts';
import { streamError } from './server-side.ts';
import { STREAMS_UNANNOUNCED, streamLimit } from './stream-limit.ts';

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
/** How long a session that is done with may take to close. */
const CLOSE_MS = 1000;
const METHOD = [':method', 'POST', ':scheme'];
const WHOLE = { endStream: false };
/** A stream that is reset before its end would else be ended first, as if its request were complete. */
const STREAMED = { endStream: false, waitForTrailers: true };

/** Makes sessions of node:http2. */
export function nodeConnect(options: NodeSessionOptions): Connect {
  return (owner) => new NodeSession(options, owner);
}

/** A connection of node:http2 to an endpoint. It is ready when the endpoint has sent its settings. */
class NodeSession implements Session, NodeStreamSession, Watched {
  calls = 0;
  readonly #owner: SessionOwner;
  readonly #http2: ClientHttp2Session;
  readonly #socket: Socket;
  readonly #pseudo: readonly string[];
  #isReady = false;
  #isLeaving = false;
  #isGone = false;
  #reason = 'the connection closed';
  #closeTimer: NodeJS.Timeout | null = null;
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
      // Texts of errors end with a blank at times, see `escapeEnds`; the call would be lost.
      strictFieldWhitespaceValidation: false,
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
      this.safely(() => owner.onRoom());
    });
    http2.on('goaway', (_code, lastStream) => {
      this.lastWorkedOn = lastStream;
      this.safely(() => this.#leave());
    });
    http2.on('error', (error) => (this.#reason = textOf(error)));
    http2.once('close', () => {
      clearTimeout(timer);
      this.#end();
    });
  }

  safely(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#fail(`the session failed: ${String(error)}`);
    }
  }

  get room(): number {
    const { closed, destroyed, remoteSettings } = this.#http2;
    if (!this.#isReady || this.#isLeaving || closed || destroyed) return 0;
    return Math.max(0, streamLimit(remoteSettings.maxConcurrentStreams ?? STREAMS_UNANNOUNCED) - this.calls);
  }

  get isAlive(): boolean {
    return !this.#http2.destroyed;
  }

  get reason(): string {
    return this.#reason;
  }

  begin(path: string, headers: HeaderBlock, body: Uint8Array | null, listener: ClientStreamListener): ClientStream {
    const list = [...this.#pseudo, ':path', path, ...lowerCase(headerList(headers))];
    let stream: ClientHttp2Stream;
    try {
      stream = this.#http2.request(list, body === null ? STREAMED : WHOLE);
    } catch (error) {
      // A field that HTTP/2 does not have: no other session would take it either.
      const text = `the call cannot be sent: ${String(error)}`;
      listener.onLoss({ code: streamError.INTERNAL_ERROR, isUntouched: false, isStale: false, text });
      return noStream;
    }
    this.calls++;
    // Such a stream ends with a frame that is made now; there are no trailers in it.
    if (body === null) {
      stream.once('wantTrailers', () => {
        if (!stream.closed && !stream.destroyed) stream.sendTrailers({});
      });
    } else if (body.length === 0) stream.end();
    // The call may be over before node has written it.
    else stream.end(Buffer.from(body));
    return new NodeClientStream(this, stream, listener);
  }

  fits(octets: number): boolean {
    const { remoteWindowSize = WINDOW_DEFAULT } = this.#http2.state;
    return remoteWindowSize >= Math.min(octets, WINDOW_DEFAULT / 2);
  }

  ended(): void {
    this.calls--;
    if (this.#isLeaving) this.#closeSoon();
    else if (!this.#isGone) this.#owner.onRoom();
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
    if (!this.#http2.destroyed) this.#http2.ping(() => this.reads++);
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
    this.#closeSoon();
    this.#owner.onLeaving();
  }

  /** Nobody waits for a session that has ended its last call: node:http2 may, and the endpoint keep its side open. */
  #closeSoon(): void {
    if (this.calls > 0 || this.#isGone) return;
    this.#closeTimer ??= setTimeout(() => this.destroy(), CLOSE_MS).unref();
  }

  #end(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    if (this.#closeTimer !== null) clearTimeout(this.#closeTimer);
    this.#keepalive.stop();
    this.safely(() => this.#owner.onGone(this.#isReady ? null : this.#reason));
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

/** Of a call that did not begin. */
const noStream: ClientStream = { data: () => true, end() {}, reset() {}, pause() {}, resume() {} };

/** Names are lower-case on the wire, RFC 9113 8.2.1. */
function lowerCase(list: string[]): string[] {
  for (let i = 0; i < list.length; i += 2) list[i] = list[i]!.toLowerCase();
  return list;
}
