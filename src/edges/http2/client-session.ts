import { Buffer } from 'node:buffer';
import { connect as dial, type Socket } from 'node:net';

import type { HeaderBlock } from '../../protocol/header-block.ts';
import { errorCode } from '../../protocol/http2/frames.ts';
import type { ClientStream, ClientStreamListener, Connect, Session, SessionOwner } from './client-side.ts';
import { Keepalive, type Watched } from './client-keepalive.ts';
import { ClientStreams, CountingOutput, type StreamsOwner } from './client-streams.ts';

export interface SocketSessionOptions {
  /** `http://host:port`. */
  readonly origin: string;
  readonly connectTimeoutMs: number;
  /** See `Keepalive`. */
  readonly pingMs?: number;
  readonly pongMs?: number;
  /** The number of the first stream, odd. Default: 1. */
  readonly firstStream?: number;
}

/** How long the endpoint may take to close its side of a connection that is done with. */
const CLOSE_MS = 1000;

/** What is read is used up or copied before the next read, so all connections read into the same bytes. */
const shared = Buffer.allocUnsafeSlow(64 * 1024);
const pingBytes = Buffer.from('makas-hi');

/** Makes sessions on plain sockets. */
export function socketConnect(options: SocketSessionOptions): Connect {
  return (owner) => new SocketClientSession(options, owner);
}

/** A connection to an endpoint, by prior knowledge (RFC 9113 3.3). It is ready when the endpoint has sent its settings. */
class SocketClientSession implements Session, StreamsOwner, Watched {
  reads = 0;
  readonly #owner: SessionOwner;
  readonly #socket: Socket;
  readonly #output: CountingOutput;
  readonly #streams: ClientStreams;
  readonly #keepalive: Keepalive;
  #timer: NodeJS.Timeout | null;
  #isReady = false;
  #isLeaving = false;
  /** It is done with, and only waits for the endpoint to close its side. */
  #isClosing = false;
  #isGone = false;
  /** Whether nothing is read for now. */
  #isStopped = false;
  /** Why it will be gone, when that is known before it is. */
  #reason = '';

  constructor(options: SocketSessionOptions, owner: SessionOwner) {
    const { origin, connectTimeoutMs, pingMs, pongMs, firstStream = 1 } = options;
    const { hostname, port, host } = new URL(origin);
    this.#owner = owner;
    const socket = dial({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? 80 : Number(port),
      noDelay: true,
      onread: { buffer: shared, callback: (length: number) => this.#read(length) },
    });
    this.#socket = socket;
    this.#output = new CountingOutput(socket, () => this.#onDrain());
    this.#streams = new ClientStreams(this, this.#output, host, firstStream);
    this.#keepalive = new Keepalive(this, pingMs, pongMs);
    this.#timer = setTimeout(() => this.#end('no connection in time'), connectTimeoutMs);
    socket.on('connect', () => this.#streams.start());
    socket.on('end', () => this.#end('the endpoint closed the connection'));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#end(error.code ?? error.message));
    socket.on('close', () => this.#end('the connection closed'));
  }

  get room(): number {
    return this.#isReady && !this.#isLeaving ? this.#streams.room : 0;
  }

  get calls(): number {
    return this.#streams.count;
  }

  fits(octets: number): boolean {
    return this.#streams.fits(octets);
  }

  get heard(): number {
    return this.#streams.heard;
  }

  begin(path: string, headers: HeaderBlock, body: Uint8Array | null, listener: ClientStreamListener): ClientStream {
    const stream = this.#streams.begin(path, headers, body, listener);
    if (this.#streams.isUsedUp) this.#leave();
    return stream;
  }

  close(): void {
    this.#leave();
    this.#closeIfDone();
  }

  destroy(): void {
    this.#end('the connection was closed');
  }

  onSettings(): void {
    if (!this.#isReady) {
      this.#isReady = true;
      this.#clearTimer();
    }
    if (!this.#isLeaving) this.#owner.onRoom();
  }

  onFree(): void {
    if (this.#isLeaving) this.#closeIfDone();
    else this.#owner.onRoom();
  }

  onGoAway(problem: string): void {
    if (problem !== '') this.#reason = problem;
    this.#leave();
  }

  onBroken(problem: string): void {
    this.#end(`the endpoint ${this.#isReady ? 'broke' : 'does not speak'} HTTP/2: ${problem}`);
  }

  ping(): void {
    this.#output.ping(pingBytes, 0, false);
  }

  giveUp(): void {
    this.#end('no answer to a ping');
  }

  /** false: read no more for now. */
  #read(length: number): boolean {
    this.reads++;
    try {
      this.#streams.read(shared, length);
    } catch (error) {
      this.#endUnexpected(error);
      return true;
    }
    this.#isStopped = this.#output.isChoked;
    return !this.#isStopped;
  }

  #onDrain(): void {
    try {
      this.#streams.line.advance();
    } catch (error) {
      return this.#endUnexpected(error);
    }
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#socket.resume();
  }

  /** Nobody else would catch what was thrown, and the gateway would end. */
  #endUnexpected(error: unknown): void {
    this.#end(`the session failed: ${String(error)}`);
  }

  #leave(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#owner.onLeaving();
  }

  /** Closes what takes no more calls and has ended the last. */
  #closeIfDone(): void {
    if (this.calls > 0 || this.#isClosing || this.#isGone) return;
    if (!this.#isReady) return this.#end('the connection was closed');
    this.#isClosing = true;
    this.#streams.stop();
    this.#output.goAway(0, errorCode.NO_ERROR);
    this.#output.end();
    this.#timer = setTimeout(() => this.#end('the endpoint did not close the connection'), CLOSE_MS).unref();
  }

  #end(reason: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#isLeaving = true;
    const text = this.#reason === '' ? reason : this.#reason;
    this.#clearTimer();
    this.#keepalive.stop();
    this.#streams.stop();
    this.#output.destroy();
    this.#owner.onGone(this.#isReady ? null : text);
    this.#streams.loseAll(text);
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
