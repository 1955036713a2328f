import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';

import { ConnectionReader, readerDefaults, type ReaderOptions } from '../../protocol/http2/connection-reader.ts';
import type { FieldSection } from '../../protocol/http2/field-section.ts';
import type { FrameReceiver } from '../../protocol/http2/frame-receiver.ts';
import { errorCode, setting } from '../../protocol/http2/frames.ts';
import { WINDOW_MAX } from '../../protocol/http2/flow.ts';
import type { PeerSettings } from '../../protocol/http2/peer-settings.ts';
import { type BytesReceiver, takeSocket } from '../sockets/socket-handle.ts';
import type { WatchedConnection } from './connection-watch.ts';
import { FloodGuard } from './flood-guard.ts';
import { FrameOutput } from './frame-output.ts';
import { ConnectionReceiver } from './receive-windows.ts';
import { SendLine } from './sender.ts';
import { SocketStream, type StreamCarrier } from './server-stream.ts';
import { StreamTable } from './stream-table.ts';

/** What is taken from one connection. */
export interface ConnectionSetting {
  /** Streams at once. */
  readonly maxStreams: number;
  /** Of the head of a request. */
  readonly maxHeaderBytes: number;
}

/** Hears what connections do. */
export interface ConnectionOwner {
  /**
   * A request has begun; the section holds only during the call, in which the stream must get its listener. `isEnded`:
   * nothing comes behind its head.
   */
  onStream(stream: SocketStream, section: FieldSection, isEnded: boolean): void;
  /** The connection is closed. */
  onGone(connection: ServerConnection): void;
  /** Something was thrown that nobody else would catch; the connection is closed. */
  onUnexpected(error: unknown): void;
}

const WINDOW_BYTES = 1 << 20;
/** Of one connection, so that a few streams that nobody reads do not hold up the others. */
const CONNECTION_WINDOW_BYTES = 16 << 20;
const FIELDS_MAX = 2000;
/** A head that is somewhat too large is read, so that the call on it can say so. */
const HEAD_MARGIN = 16 * 1024;

/** How long a client may take to read what is written, and to close after us. */
const WRITE_LIMIT_MS = 120_000;
const LINGER_MS = 2000;
/** How long the answer to the ping between the two GOAWAY is waited for. */
const LEAVE_MS = 1000;
/** How long a client may take to acknowledge our settings, RFC 9113 6.5.3. */
const SETTINGS_MS = 20_000;

/** Takes streams, takes none that the client begins after it has heard of that, takes none, and is over. */
const OPEN = 0;
const LEAVING = 1;
const LEFT = 2;
const CLOSING = 3;
const GONE = 4;

/** Opaque data of pings: whether they ask for a sign of life, or mark the first GOAWAY. */
const alive = Buffer.from('makas-up', 'latin1');
const leaving = Buffer.from('makas-go', 'latin1');

/** Options of a reader for these limits. */
export function readerOptions({ maxHeaderBytes }: ConnectionSetting): ReaderOptions {
  const maxListBytes = 2 * maxHeaderBytes + HEAD_MARGIN;
  const maxBlockBytes = Math.max(readerDefaults.maxBlockBytes, maxListBytes);
  return { ...readerDefaults, isServer: true, maxListBytes, maxBlockBytes, maxFields: FIELDS_MAX };
}

/** One connection of a client, from its preface to its end (RFC 9113). */
export class ServerConnection implements BytesReceiver, FrameReceiver, StreamCarrier, WatchedConnection {
  readonly output: FrameOutput;
  readonly line: SendLine;
  readonly receiver: ConnectionReceiver;
  bytesRead = 0;
  hasBegun = false;
  readonly #owner: ConnectionOwner;
  readonly #maxStreams: number;
  readonly #socket: Socket;
  readonly #reader: ConnectionReader;
  readonly #flood: FloodGuard;
  readonly #streams = new StreamTable<SocketStream>();
  #state = OPEN;
  /** How long it is in its state, and how long the socket has not taken what waits in it. */
  #stateMs = 0;
  #stuckMs = 0;
  /** How long our settings have not been acknowledged; -Infinity: they were. */
  #settingsMs = 0;
  #isStopped = false;

  /** `options`: of `readerOptions` for the same limits. */
  constructor(owner: ConnectionOwner, limits: ConnectionSetting, options: ReaderOptions, accepted: Socket) {
    this.#owner = owner;
    this.#maxStreams = limits.maxStreams;
    this.#reader = new ConnectionReader(options, this);
    this.#flood = new FloodGuard(this.#reader.counts);
    const socket = takeSocket(accepted, this);
    this.#socket = socket;
    this.output = new FrameOutput(socket, () => this.#onDrain());
    this.line = new SendLine(this.output);
    this.receiver = new ConnectionReceiver(this.output);
    socket.on('end', () => this.#onEnd());
    socket.on('error', ignore);
    socket.on('close', () => this.#onClose());
    this.output.settings([
      setting.MAX_CONCURRENT_STREAMS,
      limits.maxStreams,
      setting.INITIAL_WINDOW_SIZE,
      WINDOW_BYTES,
      setting.MAX_HEADER_LIST_SIZE,
      limits.maxHeaderBytes,
    ]);
    this.receiver.grow(CONNECTION_WINDOW_BYTES);
  }

  get isIdle(): boolean {
    return this.#streams.size === 0;
  }

  onBytes(bytes: Buffer, length: number): boolean {
    this.bytesRead += length;
    if (this.#state >= CLOSING) return true;
    try {
      this.#reader.read(bytes, 0, length);
      this.#flood.dataFrames = this.output.dataFrames;
      if (this.#flood.isFlooded) this.#fail(errorCode.ENHANCE_YOUR_CALM);
    } catch (error) {
      this.#owner.onUnexpected(error);
      this.destroy();
    }
    this.#isStopped = this.output.isChoked;
    return !this.#isStopped;
  }

  onHead(id: number, section: FieldSection, isEnd: boolean): void {
    if (this.#state >= LEFT) return this.reset(id, errorCode.REFUSED_STREAM);
    if (this.#streams.size >= this.#maxStreams) {
      this.#flood.refused++;
      return this.reset(id, errorCode.REFUSED_STREAM);
    }
    const stream = new SocketStream(this, id, isEnd, WINDOW_BYTES);
    this.#streams.add(stream);
    this.#owner.onStream(stream, section, isEnd);
  }

  onTrailers(id: number): void {
    this.#streams.get(id)?.takeTrailers();
  }

  onData(id: number, bytes: Buffer, start: number, end: number, isEnd: boolean, flowLength: number): void {
    if (!this.receiver.receive(flowLength)) return this.#fail(errorCode.FLOW_CONTROL_ERROR);
    const stream = this.#streams.get(id);
    if (stream === undefined) return this.receiver.release(flowLength);
    if (stream.receiver.receive(flowLength)) return stream.take(bytes, start, end, isEnd, flowLength);
    this.receiver.release(flowLength);
    stream.reset(errorCode.FLOW_CONTROL_ERROR);
  }

  onDiscarded(flowLength: number): void {
    if (this.receiver.receive(flowLength)) this.receiver.release(flowLength);
    else this.#fail(errorCode.FLOW_CONTROL_ERROR);
  }

  onReset(id: number): void {
    this.#streams.get(id)?.close();
  }

  onStreamError(id: number, code: number): void {
    this.output.reset(id, code);
    this.#streams.get(id)?.close();
  }

  onSettings({ headerTableSize, maxFrameSize, initialWindowSize }: PeerSettings): void {
    const { output, line } = this;
    this.hasBegun = true;
    output.encoder.setPeerTableSize(headerTableSize);
    output.maxFrameBytes = maxFrameSize;
    output.settingsAck();
    const change = initialWindowSize - line.initialWindow;
    line.initialWindow = initialWindowSize;
    if (change === 0) return;
    for (const stream of this.#streams.all())
      if (!stream.sender.add(change)) return this.#fail(errorCode.FLOW_CONTROL_ERROR);
  }

  onSettingsAck(): void {
    this.#settingsMs = -Infinity;
  }

  onPing(bytes: Buffer, at: number): void {
    this.output.ping(bytes, at, true);
  }

  onPingAck(bytes: Buffer, at: number): void {
    if (this.#state === LEAVING && bytes.compare(leaving, 0, 8, at, at + 8) === 0) this.#leave();
  }

  /** The client begins no more streams. */
  onGoAway(): void {
    if (this.#state < LEFT) this.#enter(LEFT);
    this.#endIfLeft();
  }

  onWindowUpdate(id: number, increment: number): void {
    if (id === 0) {
      if (!this.line.add(increment)) this.#fail(errorCode.FLOW_CONTROL_ERROR);
      return;
    }
    const stream = this.#streams.get(id);
    if (stream?.sender.add(increment) === false) stream.reset(errorCode.FLOW_CONTROL_ERROR);
  }

  onConnectionError(code: number): void {
    this.#fail(code);
  }

  reset(id: number, code: number): void {
    this.output.reset(id, code);
    this.#reader.reset(id);
  }

  forget(stream: SocketStream): void {
    this.#streams.delete(stream);
    this.#endIfLeft();
  }

  ping(): boolean {
    this.output.ping(alive, 0, false);
    return true;
  }

  /**
   * RFC 9113 6.8: first says that there is an end, and when the client must have heard of it, which streams were the last
   * ones: so none that was on its way is lost.
   */
  close(): void {
    if (this.#state !== OPEN) return;
    if (this.bytesRead === 0) return this.destroy();
    this.#enter(LEAVING);
    this.output.goAway(WINDOW_MAX, errorCode.NO_ERROR);
    this.output.ping(leaving, 0, false);
  }

  destroy(): void {
    this.output.destroy();
  }

  look(passedMs: number): void {
    this.#stateMs += passedMs;
    this.#flood.look(passedMs);
    for (const stream of this.#streams.all()) stream.look(passedMs);
    this.#stuckMs = this.#socket.writableLength === 0 ? 0 : this.#stuckMs + passedMs;
    // What is not read cannot be heard.
    if (!this.#isStopped) this.#settingsMs += passedMs;
    if (this.#stuckMs > WRITE_LIMIT_MS) this.destroy();
    else if (this.#state < CLOSING && this.#settingsMs > SETTINGS_MS) this.#fail(errorCode.SETTINGS_TIMEOUT);
    else if (this.#state === LEAVING && this.#stateMs > LEAVE_MS) this.#leave();
    else if (this.#state === CLOSING && this.#stateMs > LINGER_MS && this.#stuckMs === 0) this.destroy();
  }

  #leave(): void {
    this.#enter(LEFT);
    this.output.goAway(this.#reader.lastStream, errorCode.NO_ERROR);
    this.#endIfLeft();
  }

  #endIfLeft(): void {
    if (this.#state !== LEFT || this.#streams.size > 0) return;
    this.#enter(CLOSING);
    this.output.end();
    this.#resume();
  }

  /** An error of the connection, RFC 9113 5.4.1. */
  #fail(code: number): void {
    if (this.#state >= CLOSING) return;
    this.#enter(CLOSING);
    this.#reader.stop();
    this.output.goAway(this.#reader.lastStream, code);
    this.#closeStreams();
    this.output.end();
    this.#resume();
  }

  #enter(state: number): void {
    this.#state = state;
    this.#stateMs = 0;
  }

  #closeStreams(): void {
    for (const stream of this.#streams.all()) stream.close();
  }

  #onDrain(): void {
    this.#stuckMs = 0;
    try {
      this.line.advance();
    } catch (error) {
      this.#owner.onUnexpected(error);
      this.destroy();
    }
    if (!this.output.isChoked) this.#resume();
  }

  #resume(): void {
    if (!this.#isStopped || this.#state === GONE) return;
    this.#isStopped = false;
    this.#socket.resume();
  }

  /** A client that ends its side opens no more windows: it is taken to want nothing more. */
  #onEnd(): void {
    if (this.#state === GONE) return;
    this.#reader.stop();
    if (this.#state < CLOSING) this.#enter(CLOSING);
    this.#closeStreams();
    this.output.end();
  }

  #onClose(): void {
    this.#reader.stop();
    this.#enter(GONE);
    this.#closeStreams();
    this.#owner.onGone(this);
  }
}

/** The connection closes after an error, and that is heard. */
function ignore(): void {}
