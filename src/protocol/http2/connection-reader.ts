import { Buffer } from 'node:buffer';

import { BlockParts } from './block-parts.ts';
import { checkFrameHeader, headersPrefix } from './frame-check.ts';
import { FrameCounts, type FrameReceiver } from './frame-receiver.ts';
import {
  ACK,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  errorCode,
  FRAME_BYTES_MIN,
  FRAME_HEADER_BYTES,
  frameFlags,
  frameLength,
  frameStream,
  frameType,
  GOAWAY,
  HEADERS,
  PADDED,
  PING,
  PREFACE,
  PRIORITY,
  readUint31,
  readUint32,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from './frames.ts';
import { MessageReader, type MessageLimits } from './message-reader.ts';
import { PeerSettings } from './peer-settings.ts';
import { AWAITS_HEAD, IDLE, RESET_BY_PEER, RESET_BY_US } from './stream-states.ts';

export interface ReaderOptions extends MessageLimits {
  /** Octets that a block may have on the wire: what is more ends the connection, for it would have to be decoded. */
  readonly maxBlockBytes: number;
  /** Our SETTINGS_MAX_FRAME_SIZE. */
  readonly maxFrameBytes: number;
}

/** Limits for messages of no unusual size. */
export const readerDefaults: Omit<ReaderOptions, 'isServer'> = {
  maxListBytes: 16 * 1024,
  maxFields: 128,
  maxBlockBytes: 64 * 1024,
  maxFrameBytes: FRAME_BYTES_MIN,
};

/** What the next octets are. */
const IN_PREFACE = 0;
const IN_HEADER = 1;
/** The payload of a frame that is taken as a whole. */
const IN_PAYLOAD = 2;
const IN_DATA = 3;
/** Padding, or the payload of a frame that is ignored. */
const IN_REST = 4;

const preface = Buffer.from(PREFACE, 'latin1');

/**
 * Reads what the peer sends on a connection, RFC 9113, in pieces as they come, and tells a receiver. DATA goes on as it
 * comes; every other frame is taken as a whole, from the bytes that were read where it is whole in them. It enforces what
 * can be seen from the peer's side alone; windows, the number of streams and rates are up to its owner.
 *
 * Knows no clock and no socket. Nothing that is read makes it throw.
 */
export class ConnectionReader {
  readonly counts = new FrameCounts();
  readonly settings = new PeerSettings();
  readonly #options: ReaderOptions;
  readonly #receiver: FrameReceiver;
  readonly #messages: MessageReader;
  #isOver = false;
  #state: number;
  /** Whether the peer's first SETTINGS came. */
  #hasSettings = false;
  /** Octets of the preface that came. */
  #prefaceLength = 0;
  /** The beginning of a frame header, or of a payload. */
  readonly #heldHeader = Buffer.alloc(FRAME_HEADER_BYTES);
  #held: Buffer | null = null;
  #heldLength = 0;
  /** The frame that is read: `#length` is what is still to come of the payload (of DATA: without padding). */
  #type = 0;
  #flags = 0;
  #stream = 0;
  #length = 0;
  /** Of DATA: whether the length of the padding is the next octet; that length; and what it adds to the next piece. */
  #awaitsPadding = false;
  #padding = 0;
  #paddingFlow = 0;
  readonly #block: BlockParts;

  constructor(options: ReaderOptions, receiver: FrameReceiver) {
    this.#options = options;
    this.#receiver = receiver;
    this.#messages = new MessageReader(options, receiver, this.counts);
    this.#block = new BlockParts(options.maxBlockBytes);
    this.#state = options.isServer ? IN_PREFACE : IN_HEADER;
  }

  /** The highest stream that was opened, for GOAWAY; 0 for none. */
  get lastStream(): number {
    return this.#messages.streams.last;
  }

  /** Streams that the peer may still send on. */
  get openStreams(): number {
    return this.#messages.streams.openCount;
  }

  /** Whether nothing is read any more: a connection error, or `stop`. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The peer has acknowledged this value of our SETTINGS_HEADER_TABLE_SIZE. */
  setTableSize(limit: number): void {
    this.#messages.decoder.setTableSize(limit);
  }

  /** Of a client: a request goes out on this stream, odd and higher than those before, and its response may come. */
  open(stream: number): void {
    this.#messages.streams.open(stream, AWAITS_HEAD);
  }

  /** We reset the stream, or want nothing more of it: what still comes for it is discarded. */
  reset(stream: number): void {
    this.#messages.streams.close(stream, RESET_BY_US);
  }

  /** Nothing more is read or told. */
  stop(): void {
    this.#isOver = true;
    this.#held = null;
    this.#block.take();
  }

  /** Takes `bytes[start, end)`, which are the reader's only until it returns. */
  read(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end && !this.#isOver) at = this.#step(bytes, at, end);
  }

  /** Reads on in the state as it is: the position that it came to. */
  #step(bytes: Buffer, at: number, end: number): number {
    switch (this.#state) {
      case IN_HEADER:
        return this.#readHeader(bytes, at, end);
      case IN_DATA:
        return this.#readData(bytes, at, end);
      case IN_PAYLOAD:
        return this.#readPayload(bytes, at, end);
      case IN_REST:
        return this.#readRest(at, end);
      default:
        return this.#readPreface(bytes, at, end);
    }
  }

  #readPreface(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#prefaceLength < preface.length)
      if (bytes[at++] !== preface[this.#prefaceLength++]) return this.#fail(errorCode.PROTOCOL_ERROR, 'no HTTP/2', end);
    if (this.#prefaceLength === preface.length) this.#state = IN_HEADER;
    return at;
  }

  #readHeader(bytes: Buffer, start: number, end: number): number {
    let at = start;
    if (this.#heldLength === 0 && end - at >= FRAME_HEADER_BYTES) {
      this.#noteHeader(bytes, at);
      at += FRAME_HEADER_BYTES;
    } else {
      while (at < end && this.#heldLength < FRAME_HEADER_BYTES) this.#heldHeader[this.#heldLength++] = bytes[at++]!;
      if (this.#heldLength < FRAME_HEADER_BYTES) return at;
      this.#heldLength = 0;
      this.#noteHeader(this.#heldHeader, 0);
    }
    const code = this.#beginFrame();
    if (code !== errorCode.NO_ERROR) return this.#fail(code, `a bad frame of type ${this.#type}`, end);
    // A frame without payload is complete now, whether there are more bytes or not.
    return this.#isOver ? end : this.#step(bytes, at, end);
  }

  #noteHeader(bytes: Buffer, at: number): void {
    this.#length = frameLength(bytes, at);
    this.#type = frameType(bytes, at);
    this.#flags = frameFlags(bytes, at);
    this.#stream = frameStream(bytes, at);
  }

  /** Looks at the frame by its header: how it goes on, or the code of the connection error. */
  #beginFrame(): number {
    const type = this.#type;
    const stream = this.#stream;
    if (this.#length > this.#options.maxFrameBytes) return errorCode.FRAME_SIZE_ERROR;
    if (!this.#hasSettings && (type !== SETTINGS || (this.#flags & ACK) !== 0)) return errorCode.PROTOCOL_ERROR;
    // Nothing may come between the frames of a block, RFC 9113 4.3 and 6.10.
    if (type === CONTINUATION ? this.#block.stream === 0 || stream !== this.#block.stream : this.#block.stream !== 0)
      return errorCode.PROTOCOL_ERROR;
    const code = checkFrameHeader(type, this.#flags, this.#length, stream);
    if (code !== errorCode.NO_ERROR) return code;
    if (type === DATA) return this.#beginData(stream);
    if (type === PRIORITY) return this.#skipPriority(stream);
    if (type > CONTINUATION) {
      this.counts.idle++;
      this.#state = IN_REST;
      return errorCode.NO_ERROR;
    }
    const isOfStream = type === RST_STREAM || (type === WINDOW_UPDATE && stream !== 0);
    if (isOfStream && this.#messages.streams.of(stream) === IDLE) return errorCode.PROTOCOL_ERROR;
    this.#state = IN_PAYLOAD;
    return errorCode.NO_ERROR;
  }

  #beginData(stream: number): number {
    const code = this.#messages.beginData(stream);
    this.#state = IN_DATA;
    this.#awaitsPadding = (this.#flags & PADDED) !== 0;
    this.#padding = 0;
    this.#paddingFlow = 0;
    if (code === errorCode.NO_ERROR && !this.#awaitsPadding) this.#expectData();
    return code;
  }

  /** The padding is known: all that is left are data. */
  #expectData(): void {
    const isEnd = (this.#flags & END_STREAM) !== 0;
    if (this.#length === 0 && !isEnd) this.counts.idle++;
    this.#messages.expectData(this.#stream, this.#length, isEnd);
  }

  /** An idle stream cannot be reset, so there a wrong length is an error of the connection. */
  #skipPriority(stream: number): number {
    this.counts.idle++;
    this.#state = IN_REST;
    if (this.#length !== 5) {
      if (this.#messages.streams.of(stream) === IDLE) return errorCode.FRAME_SIZE_ERROR;
      this.#messages.failStream(stream, errorCode.FRAME_SIZE_ERROR, 'a bad PRIORITY');
    }
    return errorCode.NO_ERROR;
  }

  #readRest(at: number, end: number): number {
    const taken = Math.min(this.#length, end - at);
    this.#length -= taken;
    if (this.#length === 0) this.#state = IN_HEADER;
    return at + taken;
  }

  #readData(bytes: Buffer, start: number, end: number): number {
    let at = start;
    if (this.#awaitsPadding) {
      if (at === end) return at;
      this.#awaitsPadding = false;
      this.#padding = bytes[at++]!;
      this.#paddingFlow = this.#padding + 1;
      this.#length -= this.#paddingFlow;
      if (this.#length < 0) return this.#fail(errorCode.PROTOCOL_ERROR, 'more padding than payload', end);
      this.#expectData();
    }
    const to = Math.min(end, at + this.#length);
    this.#length -= to - at;
    const isLast = this.#length === 0;
    if (isLast) {
      this.#state = this.#padding === 0 ? IN_HEADER : IN_REST;
      this.#length = this.#padding;
    }
    if (!isLast && to === at) return to;
    const flowLength = to - at + this.#paddingFlow;
    this.#paddingFlow = 0;
    this.#messages.takeData(this.#stream, bytes, at, to, isLast && (this.#flags & END_STREAM) !== 0, flowLength);
    return to;
  }

  #readPayload(bytes: Buffer, start: number, end: number): number {
    const length = this.#length;
    if (this.#held === null && end - start >= length) {
      this.#state = IN_HEADER;
      this.#endFrame(bytes, start, start + length);
      return start + length;
    }
    this.#held ??= Buffer.allocUnsafe(length);
    const to = Math.min(end, start + length - this.#heldLength);
    bytes.copy(this.#held, this.#heldLength, start, to);
    this.#heldLength += to - start;
    if (this.#heldLength === length) {
      const held = this.#held;
      this.#held = null;
      this.#heldLength = 0;
      this.#state = IN_HEADER;
      this.#endFrame(held, 0, length);
    }
    return to;
  }

  /** A frame is whole; `bytes[at, to)` is its payload. */
  #endFrame(bytes: Buffer, at: number, to: number): void {
    switch (this.#type) {
      case HEADERS:
        return this.#readHeaders(bytes, at, to);
      case CONTINUATION:
        return this.#readContinuation(bytes, at, to);
      case SETTINGS:
        return this.#readSettings(bytes, at, to);
      case PING:
        this.counts.pings++;
        if ((this.#flags & ACK) !== 0) this.#receiver.onPingAck(bytes, at);
        else this.#receiver.onPing(bytes, at);
        return;
      case RST_STREAM:
        this.counts.resets++;
        this.#messages.streams.close(this.#stream, RESET_BY_PEER);
        return this.#receiver.onReset(this.#stream, readUint32(bytes, at));
      case GOAWAY:
        return this.#receiver.onGoAway(readUint31(bytes, at), readUint32(bytes, at + 4), bytes, at + 8, to);
      default:
        return this.#readWindowUpdate(readUint31(bytes, at));
    }
  }

  #readSettings(bytes: Buffer, at: number, to: number): void {
    this.counts.settings++;
    if ((this.#flags & ACK) !== 0) return this.#receiver.onSettingsAck();
    this.#hasSettings = true;
    const code = this.settings.apply(bytes, at, to, this.#options.isServer);
    if (code === errorCode.NO_ERROR) this.#receiver.onSettings(this.settings);
    else this.#fail(code, 'a bad setting', to);
  }

  #readWindowUpdate(increment: number): void {
    this.counts.windowUpdates++;
    if (increment > 0) this.#receiver.onWindowUpdate(this.#stream, increment);
    else if (this.#stream === 0) this.#fail(errorCode.PROTOCOL_ERROR, 'a window update by 0', 0);
    else if (this.#messages.streams.of(this.#stream) !== RESET_BY_US)
      this.#messages.failStream(this.#stream, errorCode.PROTOCOL_ERROR, 'a window update by 0');
  }

  #readHeaders(bytes: Buffer, at: number, to: number): void {
    const from = at + headersPrefix(this.#flags);
    const end = (this.#flags & PADDED) === 0 ? to : to - bytes[at]!;
    if (end < from) {
      this.#fail(errorCode.PROTOCOL_ERROR, 'more padding than payload', to);
      return;
    }
    const isEnd = (this.#flags & END_STREAM) !== 0;
    if ((this.#flags & END_HEADERS) !== 0) {
      this.#endBlock(isEnd, bytes, from, end);
      return;
    }
    this.#block.begin(this.#stream, isEnd);
    this.#keepBlock(bytes, from, end);
  }

  #readContinuation(bytes: Buffer, at: number, to: number): void {
    if (at === to) this.counts.idle++;
    if (!this.#keepBlock(bytes, at, to) || (this.#flags & END_HEADERS) === 0) return;
    const { isEnd, length } = this.#block;
    const block = this.#block.take();
    if (block !== null) this.#endBlock(isEnd, block, 0, length);
  }

  #keepBlock(bytes: Buffer, at: number, to: number): boolean {
    const fits = this.#block.add(bytes, at, to);
    if (!fits) this.#fail(errorCode.ENHANCE_YOUR_CALM, 'too many fields', to);
    return fits;
  }

  #endBlock(isEnd: boolean, bytes: Buffer, at: number, to: number): void {
    const code = this.#messages.takeBlock(this.#stream, isEnd, bytes, at, to);
    if (code !== errorCode.NO_ERROR) this.#fail(code, this.#messages.problem, to);
  }

  /** Returns `end`, for what is behind is not looked at. */
  #fail(code: number, problem: string, end: number): number {
    this.stop();
    this.#receiver.onConnectionError(code, problem);
    return end;
  }
}
