import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';

import {
  DATA,
  END_STREAM,
  FRAME_BYTES_MIN,
  FRAME_HEADER_BYTES,
  headersBytes,
  PREFACE,
  writeFrameHeader,
  writeGoAway,
  writeHeaders,
  writePing,
  writeReset,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from '../../protocol/http2/frames.ts';
import { HpackEncoder } from '../../protocol/http2/hpack-encoder.ts';

/** Where frames are collected. What does not fit into the rest of it begins another one. */
const CHUNK_BYTES = 64 * 1024;
/** Chunks that are kept for the next turns, of all connections. */
const SPARE_MAX = 64;
/** Longer DATA save next to nothing, and streams take turns by frames. */
const DATA_BYTES_MAX = FRAME_BYTES_MIN;
/**
 * Most that waits in a socket. DATA stop at its high-water mark, far below that; so the peer causes answers that it does
 * not read, and must not be listened to until it does.
 */
const CHOKED_BYTES = 1 << 20;
/** Shorter messages that must wait are copied, so that they do not hold a chunk each. */
const COPY_MAX = CHUNK_BYTES / 4;

const spare: Buffer[] = [];

/** Outputs with frames of this turn. Two lists take turns: one is read, one grows. */
let pending: FrameOutput[] = [];
let other: FrameOutput[] = [];

function flushAll(): void {
  const outputs = pending;
  pending = other;
  for (let i = 0; i < outputs.length; i++) outputs[i]!.flush();
  outputs.length = 0;
  other = outputs;
}

/**
 * Frames for one connection, collected during a turn of the event loop and written at once: the frames of all its streams
 * cost one system call. What is given is copied.
 */
export class FrameOutput {
  /** Of the blocks that `headers` sends: each must be sent before the next one is encoded. */
  readonly encoder = new HpackEncoder();
  /** Of the peer. */
  maxFrameBytes = FRAME_BYTES_MIN;
  /** Frames of DATA so far. */
  dataFrames = 0;
  readonly #socket: Socket;
  #chunk: Buffer | null = null;
  #length = 0;
  #isScheduled = false;
  #isOver = false;

  /** `onDrain`: what waited in the socket has left; called also when that was little. */
  constructor(socket: Socket, onDrain: () => void) {
    this.#socket = socket;
    socket.on('drain', onDrain);
  }

  /** The socket holds as much as it should: no more DATA until `onDrain`. */
  get isFull(): boolean {
    return this.#socket.writableLength >= this.#socket.writableHighWaterMark;
  }

  /** The peer does not read even the answers to what it sends: nothing more should be read from it until `onDrain`. */
  get isChoked(): boolean {
    return this.#socket.writableLength >= CHOKED_BYTES;
  }

  /** Octets that have not left yet. */
  get waitingBytes(): number {
    return this.#length + this.#socket.writableLength;
  }

  /** What a client sends first. */
  preface(): void {
    const at = this.#reserve(PREFACE.length);
    this.#length = at + (this.#chunk as Buffer).write(PREFACE, at, 'latin1');
  }

  /** HEADERS, and CONTINUATION if need be, with the block of `length` octets that `encoder` has just encoded. */
  headers(stream: number, isEnd: boolean, length: number): void {
    const { encoder, maxFrameBytes } = this;
    const at = this.#reserve(headersBytes(length, maxFrameBytes));
    this.#length = writeHeaders(this.#chunk as Buffer, at, stream, isEnd, encoder.bytes, length, maxFrameBytes);
  }

  /** DATA with `bytes[start, end)`, as many frames as it takes; windows are up to the caller. */
  data(stream: number, bytes: Uint8Array, start: number, end: number, isEnd: boolean): void {
    const most = Math.min(this.maxFrameBytes, DATA_BYTES_MAX);
    let from = start;
    do {
      const to = Math.min(end, from + most);
      const at = this.#reserve(FRAME_HEADER_BYTES + to - from);
      this.dataFrames++;
      const chunk = this.#chunk as Buffer;
      const flags = isEnd && to === end ? END_STREAM : 0;
      const body = writeFrameHeader(chunk, at, to - from, DATA, flags, stream);
      chunk.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), body);
      this.#length = body + to - from;
      from = to;
    } while (from < end);
  }

  reset(stream: number, code: number): void {
    const at = this.#reserve(13);
    this.#length = writeReset(this.#chunk as Buffer, at, stream, code);
  }

  /** Stream 0 is the connection. */
  windowUpdate(stream: number, increment: number): void {
    const at = this.#reserve(13);
    this.#length = writeWindowUpdate(this.#chunk as Buffer, at, stream, increment);
  }

  /** A flat list identifier, value, identifier, value ... */
  settings(list: readonly number[]): void {
    const at = this.#reserve(FRAME_HEADER_BYTES + list.length * 3);
    this.#length = writeSettings(this.#chunk as Buffer, at, list);
  }

  settingsAck(): void {
    const at = this.#reserve(9);
    this.#length = writeSettingsAck(this.#chunk as Buffer, at);
  }

  /** With the eight octets from `opaque[from]` on. */
  ping(opaque: Uint8Array, from: number, isAck: boolean): void {
    const at = this.#reserve(17);
    this.#length = writePing(this.#chunk as Buffer, at, opaque, from, isAck);
  }

  goAway(lastStream: number, code: number): void {
    const at = this.#reserve(17);
    this.#length = writeGoAway(this.#chunk as Buffer, at, lastStream, code);
  }

  /** Writes what there is now, not at the end of the turn. */
  flush(): void {
    this.#isScheduled = false;
    const chunk = this.#chunk;
    const length = this.#length;
    this.#chunk = null;
    this.#length = 0;
    if (chunk === null) return;
    const socket = this.#socket;
    if (this.#isOver) return keep(chunk);
    const waits = socket.writableLength > 0;
    if (waits && length <= COPY_MAX) {
      socket.write(Buffer.from(chunk.subarray(0, length)));
      return keep(chunk);
    }
    socket.write(chunk.subarray(0, length));
    // As a rule the kernel has taken all of it; what is still to be written must stay as it is.
    if (socket.writableLength === 0) keep(chunk);
  }

  /** Writes what there is, then ends our side of the connection. Frames that come later are thrown away. */
  end(): void {
    if (this.#isOver) return;
    this.flush();
    this.#isOver = true;
    this.#socket.end();
  }

  /** Closes the connection; frames that have not left are lost. */
  destroy(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  /** Makes room for so many octets: where they go in the chunk. */
  #reserve(octets: number): number {
    if (this.#chunk !== null && this.#length + octets > this.#chunk.length) this.flush();
    this.#chunk ??= octets > CHUNK_BYTES ? Buffer.allocUnsafeSlow(octets) : (spare.pop() ?? newChunk());
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      if (pending.push(this) === 1) setImmediate(flushAll);
    }
    return this.#length;
  }
}

function newChunk(): Buffer {
  return Buffer.allocUnsafeSlow(CHUNK_BYTES);
}

function keep(chunk: Buffer): void {
  if (chunk.length === CHUNK_BYTES && spare.length < SPARE_MAX) spare.push(chunk);
}
