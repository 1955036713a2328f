import { Buffer } from 'node:buffer';
import { connect, type Socket } from 'node:net';

import { GatewayError, type ErrorCode } from '../../core/errors.ts';
import type { Reach } from '../../gateway/ports.ts';
import { AnswerReader, BAD, COMPLETE, COMPLETE_CLOSE, GIVEN_UP, PAUSE } from './answer-reader.ts';
import type { Linked } from '../sockets/linked-list.ts';
import { type BodySink, PassingBody } from './passing-body.ts';
import { requestHead, writeRequest } from './request-bytes.ts';
import type { Carrier, SocketCall } from './socket-call.ts';
import { writeCopied } from './write-together.ts';

const READ_BYTES = 128 * 1024;

/** What is read is used up before the next read, so all connections read into the same bytes. */
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

/** Connections with a call that is sent after all that can be read now. Two lists take turns: one is read, one grows. */
let reserved: EndpointConnection[] = [];
let spare: EndpointConnection[] = [];

function sendReserved(): void {
  const connections = reserved;
  reserved = spare;
  for (let i = 0; i < connections.length; i++) connections[i]!.sendReserved();
  connections.length = 0;
  spare = connections;
}

/** Whom a connection belongs to. */
export interface ConnectionOwner {
  /** It is connected, or its answer is complete: it can carry a call now. */
  onFree(connection: EndpointConnection): void;
  /** It is closed. */
  onGone(connection: EndpointConnection): void;
  /** A call that it could not carry after all, of which nothing was sent. */
  take(call: SocketCall): void;
}

export interface ConnectionSetup {
  readonly host: string;
  readonly port: number;
  /** Of `hostLine`. */
  readonly hostLine: string;
  readonly connectTimeoutMs: number;
  readonly maxAnswerBytes: number;
}

/** One connection to an endpoint. It carries one call at a time, and is in the list of its owner while it carries none. */
export class EndpointConnection implements Carrier, BodySink, Linked<EndpointConnection> {
  previous: EndpointConnection | null = null;
  next: EndpointConnection | null = null;
  isIdle = false;
  /** Sweeps of the owner that it has left when it is idle. */
  sweepsLeft = 0;
  readonly #owner: ConnectionOwner;
  readonly #setup: ConnectionSetup;
  readonly #socket: Socket;
  readonly #reader: AnswerReader;
  #call: SocketCall | null = null;
  /** The call that is next, see `sendSoon`. */
  #reserved: SocketCall | null = null;
  /** What is sent on while it comes; it stays here until the next call. */
  #body: PassingBody | null = null;
  #connectTimer: NodeJS.Timeout | null;
  #isConnected = false;
  #isClosed = false;
  /** Whether it was kept for a call, not made for it. */
  #isKept = false;
  #isReading = false;
  #wasResumed = false;

  /** Begins to connect. */
  constructor(owner: ConnectionOwner, setup: ConnectionSetup, call: SocketCall) {
    this.#owner = owner;
    this.#setup = setup;
    this.#call = call;
    call.carrier = this;
    this.#reader = new AnswerReader(setup.maxAnswerBytes);
    const { host, port, connectTimeoutMs } = setup;
    const onread = { buffer: shared, callback: (length: number) => this.#onBytes(length) };
    this.#socket = connect({ host, port, noDelay: true, onread });
    this.#socket.on('connect', () => this.#onConnect());
    this.#socket.on('drain', () => this.#body?.resume());
    this.#socket.on('end', () => this.#onEnd());
    this.#socket.on('error', (error: NodeJS.ErrnoException) =>
      this.#fail('UPSTREAM_RESET', error.code ?? error.message),
    );
    this.#socket.on('close', () => this.#fail('UPSTREAM_RESET', 'closed'));
    this.#connectTimer = setTimeout(() => this.#fail('UPSTREAM_CONNECT', 'not connected in time'), connectTimeoutMs);
  }

  /** Seconds that the endpoint keeps it when it is idle, -1 when it did not say. */
  get keepAliveSeconds(): number {
    return this.#reader.keepAliveSeconds;
  }

  /**
   * Sends a call on a kept connection, once what has come on it meanwhile is read: an end of the connection, then the call
   * goes back to the owner, or something that must not become its answer, then too.
   */
  sendSoon(call: SocketCall): void {
    this.#reserved = call;
    call.carrier = this;
    if (reserved.push(this) === 1) setImmediate(sendReserved);
  }

  sendReserved(): void {
    const call = this.#reserved;
    this.#reserved = null;
    if (call === null) return;
    this.#isKept = true;
    this.#send(call);
  }

  #send(call: SocketCall): void {
    const { method, path, headers, body } = call.request;
    this.#call = call;
    call.carrier = this;
    this.#reader.begin(call, method === 'HEAD');
    try {
      if (body instanceof PassingBody)
        this.#sendPassing(body, requestHead(method, path, this.#setup.hostLine, headers));
      else writeRequest(this.#socket, method, path, this.#setup.hostLine, headers, body as Uint8Array | null);
    } catch (error) {
      this.#fail('INTERNAL', String(error));
    }
  }

  #sendPassing(body: PassingBody, start: string): void {
    this.#body = body;
    const head = `${start}content-length: ${body.length}\r\n\r\n`;
    if (writeCopied(this.#socket, head, body.open(this), '')) body.resume();
  }

  onPiece(bytes: Buffer): boolean {
    return writeCopied(this.#socket, '', bytes, '');
  }

  onLast(): void {}

  /** Whoever ends a body early gives up the call. */
  onBroken(): void {}

  /** Closes it without a word to anyone but its owner. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#call = null;
    this.#body?.close();
    this.#body = null;
    this.#clearConnectTimer();
    this.#reader.drop();
    this.#socket.destroy();
    const call = this.#reserved;
    this.#reserved = null;
    this.#owner.onGone(this);
    if (call !== null) this.#owner.take(call);
  }

  /** Closes it in the middle of whatever it does. */
  breakOff(): void {
    this.#isKept = false;
    this.#fail('UPSTREAM_RESET', 'the pool is closed');
  }

  /** A connection that is being made is for whoever comes next; on any other there is half a request or answer. */
  abandon(): void {
    if (this.#reserved !== null) {
      this.#reserved = null;
      this.#owner.onFree(this);
    } else if (this.#isConnected) this.close();
    else this.#call = null;
  }

  resume(): void {
    if (this.#isReading) this.#wasResumed = true;
    else this.#socket.resume();
  }

  #onConnect(): void {
    if (this.#isClosed) return;
    this.#clearConnectTimer();
    this.#isConnected = true;
    if (this.#call === null) this.#owner.onFree(this);
    else this.#send(this.#call);
  }

  /** false: read no more for now. Nobody else would catch what is thrown on the way, and the gateway would end. */
  #onBytes(length: number): boolean {
    try {
      return this.#read(length);
    } catch (error) {
      this.#fail('INTERNAL', String(error));
      return true;
    }
  }

  #read(length: number): boolean {
    // Nobody asked: whatever it is, it must not become the answer to the next request.
    if (this.#call === null) {
      this.close();
      return true;
    }
    this.#isReading = true;
    this.#wasResumed = false;
    const result = this.#reader.read(shared, length);
    this.#isReading = false;
    if (result === COMPLETE) this.#becomeFree();
    else if (result === COMPLETE_CLOSE) this.close();
    else if (result === BAD) this.#fail('UPSTREAM_BAD_RESPONSE', this.#reader.problem);
    else if (result !== GIVEN_UP) {
      return result !== PAUSE || this.#wasResumed;
    }
    return true;
  }

  #becomeFree(): void {
    this.#call = null;
    const body = this.#body;
    const isSent = this.#socket.writableLength === 0 && (body === null || body.isReceived);
    // An answer that came before the request was written out: the rest of that would be in front of the next one.
    if (!isSent) return this.close();
    this.#body = null;
    this.#owner.onFree(this);
  }

  #onEnd(): void {
    if (this.#call !== null && this.#reader.finish()) this.close();
    else this.#fail('UPSTREAM_RESET', 'other side closed');
  }

  #fail(code: ErrorCode, internal: string): void {
    const call = this.#call;
    const reach = this.#reach();
    this.close();
    if (call === null) return;
    call.carrier = null;
    const error = new GatewayError(reach === 'unsent' ? 'UPSTREAM_CONNECT' : code, undefined, internal);
    call.receiver.onError(error, reach);
  }

  #reach(): Reach {
    if (!this.#isConnected) return 'unsent';
    return this.#isKept && !this.#reader.hasBegun && this.#body === null ? 'stale' : 'sent';
  }

  #clearConnectTimer(): void {
    if (this.#connectTimer !== null) clearTimeout(this.#connectTimer);
    this.#connectTimer = null;
  }
}
