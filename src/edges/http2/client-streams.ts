import type { Buffer } from 'node:buffer';

import type { HeaderBlock } from '../../protocol/header-block.ts';
import { ConnectionReader, type ReaderOptions, readerDefaults } from '../../protocol/http2/connection-reader.ts';
import type { FieldSection } from '../../protocol/http2/field-section.ts';
import type { FrameReceiver } from '../../protocol/http2/frame-receiver.ts';
import { WINDOW_DEFAULT } from '../../protocol/http2/flow.ts';
import { errorCode, setting } from '../../protocol/http2/frames.ts';
import type { PeerSettings } from '../../protocol/http2/peer-settings.ts';
import type { ClientStreamListener } from './client-side.ts';
import { streamLimit } from './stream-limit.ts';
import { SocketClientStream, type StreamSession } from './client-stream.ts';
import { FrameOutput } from './frame-output.ts';
import { ConnectionReceiver } from './receive-windows.ts';
import { SendLine } from './sender.ts';
import { StreamTable } from './stream-table.ts';

const WINDOW_BYTES = 1 << 20;
const CONNECTION_WINDOW_BYTES = 16 << 20;
const STREAM_MAX = 0x7fffffff;
/** Trailers may hold the details of an error. */
const LIST_BYTES = 64 * 1024;
const GOAWAY_TEXT_MAX = 200;

const reading: ReaderOptions = {
  ...readerDefaults,
  maxListBytes: LIST_BYTES,
  maxBlockBytes: 2 * LIST_BYTES,
  isServer: false,
};
const ownSettings = [
  setting.ENABLE_PUSH,
  0,
  setting.INITIAL_WINDOW_SIZE,
  WINDOW_BYTES,
  setting.MAX_HEADER_LIST_SIZE,
  LIST_BYTES,
];

/** Counts its writes: what was given after the last one has not left. */
export class CountingOutput extends FrameOutput {
  writes = 0;

  override flush(): void {
    this.writes++;
    super.flush();
  }
}

/** The connection that streams are on. */
export interface StreamsOwner {
  /** The endpoint has sent settings. */
  onSettings(): void;
  /** A stream has ended. */
  onFree(): void;
  /** The endpoint takes no more streams. `problem`: `''` when nothing is wrong. */
  onGoAway(problem: string): void;
  /** The endpoint broke a rule: GOAWAY with this code is on its way. */
  onBroken(problem: string): void;
}

/** The streams of a connection to an endpoint: what is sent on them, and what the endpoint sends. */
export class ClientStreams implements FrameReceiver, StreamSession {
  carried = 0;
  heard = 0;
  readonly line: SendLine;
  readonly receiver: ConnectionReceiver;
  readonly #output: CountingOutput;
  readonly #owner: StreamsOwner;
  readonly #authority: string;
  readonly #reader: ConnectionReader;
  readonly #streams = new StreamTable<SocketClientStream>();
  #next: number;

  /** `first`: the number of the first stream, odd. */
  constructor(owner: StreamsOwner, output: CountingOutput, authority: string, first: number) {
    this.#owner = owner;
    this.#output = output;
    this.#authority = authority;
    this.#next = first;
    this.line = new SendLine(output);
    this.receiver = new ConnectionReceiver(output);
    this.#reader = new ConnectionReader(reading, this);
  }

  /** Streams that are open. */
  get count(): number {
    return this.#streams.size;
  }

  /** Streams that the endpoint takes beside those. */
  get room(): number {
    return Math.max(0, streamLimit(this.#reader.settings.maxConcurrentStreams) - this.#streams.size);
  }

  /** See `Session.fits`. Servers give their windows back in parts, so that these are never all there under load. */
  fits(octets: number): boolean {
    return this.line.isEmpty && this.line.window.available >= Math.min(octets, WINDOW_DEFAULT / 2);
  }

  /** Whether there are no more numbers for streams. */
  get isUsedUp(): boolean {
    return this.#next > STREAM_MAX;
  }

  get writes(): number {
    return this.#output.writes;
  }

  /** Says what a client says first. */
  start(): void {
    const output = this.#output;
    output.preface();
    output.settings(ownSettings);
    this.receiver.grow(CONNECTION_WINDOW_BYTES);
    output.flush();
  }

  begin(
    path: string,
    headers: HeaderBlock,
    body: Uint8Array | null,
    listener: ClientStreamListener,
  ): SocketClientStream {
    const id = this.#next;
    const output = this.#output;
    this.#next += 2;
    this.#reader.open(id);
    const stream = new SocketClientStream(this, id, WINDOW_BYTES, listener);
    this.#streams.add(stream);
    output.headers(id, false, output.encoder.encodeRequest('POST', 'http', this.#authority, path, headers));
    if (body !== null) stream.sender.whole(body, '', true);
    return stream;
  }

  read(bytes: Buffer, length: number): void {
    this.#reader.read(bytes, 0, length);
  }

  /** Nothing more is read. */
  stop(): void {
    this.#reader.stop();
  }

  /** The connection is gone. To be called after all else, for calls may be sent again at once. */
  loseAll(text: string): void {
    const streams = this.#streams.all();
    this.#streams.clear();
    for (const stream of streams) stream.lose(null, false, text);
  }

  resetStream(stream: SocketClientStream, code: number): void {
    this.#reader.reset(stream.id);
    this.#output.reset(stream.id, code);
    this.#streams.delete(stream);
    this.#owner.onFree();
  }

  onHead(id: number, { status, block }: FieldSection, isEnd: boolean): void {
    this.heard++;
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (isEnd) this.#complete(stream);
    stream.takeHead(status, block, isEnd);
    if (isEnd) this.#owner.onFree();
  }

  onTrailers(id: number, { block }: FieldSection): void {
    this.heard++;
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#complete(stream);
    stream.takeEnd(block);
    this.#owner.onFree();
  }

  onData(id: number, bytes: Buffer, start: number, end: number, isEnd: boolean, flowLength: number): void {
    this.heard++;
    if (!this.receiver.receive(flowLength)) return this.#overflow();
    const stream = this.#streams.get(id);
    if (stream === undefined) return this.receiver.release(flowLength);
    if (!stream.receiver.receive(flowLength)) return this.#overflow();
    if (isEnd) this.#complete(stream);
    stream.takeData(bytes, start, end, isEnd, flowLength);
    if (isEnd) this.#owner.onFree();
  }

  onDiscarded(flowLength: number): void {
    if (this.receiver.receive(flowLength)) this.receiver.release(flowLength);
    else this.#overflow();
  }

  onReset(id: number, code: number): void {
    this.heard++;
    this.#lose(id, code, `the stream was reset with code ${code}`);
  }

  onStreamError(id: number, code: number, problem: string): void {
    this.#output.reset(id, code);
    this.#lose(id, code, `the answer is malformed: ${problem}`);
  }

  onSettings(settings: PeerSettings): void {
    const { line } = this;
    const output = this.#output;
    output.encoder.setPeerTableSize(settings.headerTableSize);
    output.maxFrameBytes = settings.maxFrameSize;
    output.settingsAck();
    const more = settings.initialWindowSize - line.initialWindow;
    line.initialWindow = settings.initialWindowSize;
    if (more !== 0 && !this.#streams.all().every(({ sender }) => sender.add(more))) return this.#overflow();
    this.#owner.onSettings();
  }

  onSettingsAck(): void {}

  onPing(bytes: Buffer, at: number): void {
    this.#output.ping(bytes, at, true);
  }

  onPingAck(): void {}

  onGoAway(lastStream: number, code: number, bytes: Buffer, start: number, end: number): void {
    const text = bytes.toString('latin1', start, Math.min(end, start + GOAWAY_TEXT_MAX));
    this.#owner.onGoAway(code === errorCode.NO_ERROR ? '' : `the endpoint said GOAWAY with code ${code}: ${text}`);
    for (const stream of this.#streams.all()) {
      if (stream.id <= lastStream) continue;
      this.#streams.delete(stream);
      stream.lose(errorCode.REFUSED_STREAM, true, 'GOAWAY before the endpoint worked on the stream');
    }
    this.#owner.onFree();
  }

  onWindowUpdate(id: number, increment: number): void {
    if (id === 0) {
      if (!this.line.add(increment)) this.#overflow();
      return;
    }
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.sender.add(increment)) return;
    this.#reader.reset(id);
    this.onStreamError(id, errorCode.FLOW_CONTROL_ERROR, 'too large a window');
  }

  onConnectionError(code: number, problem: string): void {
    this.#output.goAway(0, code);
    this.#output.flush();
    this.#owner.onBroken(problem);
  }

  #overflow(): void {
    if (this.#reader.isOver) return;
    this.#reader.stop();
    this.onConnectionError(errorCode.FLOW_CONTROL_ERROR, 'a window is not heeded');
  }

  /** The answer is there; what is left of the request is of no use. */
  #complete(stream: SocketClientStream): void {
    this.carried++;
    this.#streams.delete(stream);
    if (stream.isSent) return;
    stream.sender.drop();
    this.#output.reset(stream.id, errorCode.NO_ERROR);
  }

  #lose(id: number, code: number, text: string): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#streams.delete(stream);
    stream.lose(code, code === errorCode.REFUSED_STREAM, text);
    this.#owner.onFree();
  }
}
