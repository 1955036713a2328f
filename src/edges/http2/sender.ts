import { Buffer } from 'node:buffer';

import type { HeaderBlock } from '../../protocol/header-block.ts';
import { sendable, SendWindow, WINDOW_DEFAULT } from '../../protocol/http2/flow.ts';
import { LinkedList, type Linked } from '../sockets/linked-list.ts';
import { ByteQueue } from './byte-queue.ts';
import type { FrameOutput } from './frame-output.ts';

/** Whoever sends pieces should stop when this much of them waits. */
const HELD_MAX = 64 * 1024;
/** They may go on when it is as little as this. */
const HELD_LOW = HELD_MAX / 4;
/** Octets that a stream sends before the socket is looked at again, and when it is its turn. */
const TURN_BYTES = 16 * 1024;

/** What the senders of one connection share: its window and its socket, for which they stand in line. */
export class SendLine {
  readonly output: FrameOutput;
  readonly window = new SendWindow();
  /** Of streams that begin now: SETTINGS_INITIAL_WINDOW_SIZE of the peer. */
  initialWindow = WINDOW_DEFAULT;
  readonly #senders = new LinkedList<Sender>();

  constructor(output: FrameOutput) {
    this.output = output;
  }

  /** Nobody has to wait for others. */
  get isEmpty(): boolean {
    return this.#senders.first === null;
  }

  /** WINDOW_UPDATE of the connection; false: a FLOW_CONTROL_ERROR of it. */
  add(octets: number): boolean {
    if (!this.window.add(octets)) return false;
    this.advance();
    return true;
  }

  /** Lets those who wait send, a frame each in turn, as far as window and socket allow. To be called on drain. */
  advance(): void {
    const { output, window } = this;
    while (window.available > 0 && !output.isFull) {
      const sender = this.#senders.shift();
      if (sender === null) return;
      sender.isInLine = false;
      sender.takeTurn();
    }
  }

  join(sender: Sender): void {
    if (sender.isInLine) return;
    sender.isInLine = true;
    this.#senders.push(sender);
  }

  leave(sender: Sender): void {
    if (!sender.isInLine) return;
    sender.isInLine = false;
    this.#senders.remove(sender);
  }
}

/** Hears how the sending on a stream goes; both may be called in the middle of a call of a sender. */
export interface SenderListener {
  /** After a piece was answered with false: more can be sent. */
  onDrain(): void;
  /** Our END_STREAM is on its way: nothing more can be sent. */
  onSent(): void;
}

/**
 * The sending half of a stream behind its head, RFC 9113 5.2: what the windows or the socket do not allow waits here, as a
 * copy, and the trailers behind it. A stream whose own window is closed is in nobody's way.
 */
export class Sender implements Linked<Sender> {
  previous: Sender | null = null;
  next: Sender | null = null;
  /** The line's own. */
  isInLine = false;
  readonly window: SendWindow;
  readonly #line: SendLine;
  readonly #stream: number;
  readonly #listener: SenderListener;
  #held: ByteQueue | null = null;
  #mustDrain = false;
  #isEnding = false;
  #isOver = false;
  #trailers: HeaderBlock = '';

  constructor(line: SendLine, stream: number, listener: SenderListener) {
    this.#line = line;
    this.#stream = stream;
    this.#listener = listener;
    this.window = new SendWindow(line.initialWindow);
  }

  /** Octets that wait. */
  get heldBytes(): number {
    return this.#held?.length ?? 0;
  }

  /** Whether nothing more can be given: `end` or `whole` was called, or `drop`. */
  get isEnding(): boolean {
    return this.#isEnding || this.#isOver;
  }

  /** A piece. false: stop until `onDrain`. */
  data(bytes: Uint8Array): boolean {
    if (this.isEnding) return true;
    const sent = this.#sendNow(bytes, false);
    if (sent < bytes.length) this.#hold(bytes, sent, false);
    if (this.heldBytes <= HELD_MAX) return true;
    this.#mustDrain = true;
    return false;
  }

  /** There are no more pieces; `''` for no trailers. */
  end(trailers: HeaderBlock): void {
    if (this.isEnding) return;
    this.#isEnding = true;
    this.#trailers = trailers;
    if (this.heldBytes === 0) this.#finish(false);
  }

  /** All of a body, of which nothing was sent yet, and its end. `isLasting`: it stays as it is until it is sent, or `drop`. */
  whole(bytes: Uint8Array, trailers: HeaderBlock, isLasting = false): void {
    if (this.isEnding) return;
    this.#isEnding = true;
    this.#trailers = trailers;
    const isEnd = trailers === '';
    const sent = this.#sendNow(bytes, isEnd);
    if (sent < bytes.length) this.#hold(bytes, sent, isLasting);
    else this.#finish(isEnd && sent > 0);
  }

  /** WINDOW_UPDATE, or a change of the initial size, which may be less than zero; false: a FLOW_CONTROL_ERROR. */
  add(octets: number): boolean {
    if (!this.window.add(octets)) return false;
    if (this.heldBytes > 0 && this.window.available > 0 && !this.isInLine) {
      this.#line.join(this);
      this.#line.advance();
    }
    return true;
  }

  /** The stream is gone: what waits is thrown away. */
  drop(): void {
    this.#isOver = true;
    this.#held = null;
    this.#line.leave(this);
  }

  /** The line's: sends one frame of what waits, and joins again for more. */
  takeTurn(): void {
    const { output, window } = this.#line;
    const held = this.#held;
    if (held === null) return;
    let left = sendable(window, this.window, held.length, TURN_BYTES);
    while (left > 0) {
      const { first, start, end } = held;
      const count = Math.min(left, end - start);
      const isLast = count === held.length && this.#isEnding && this.#trailers === '';
      output.data(this.#stream, first, start, start + count, isLast);
      window.take(count);
      this.window.take(count);
      held.drop(count);
      left -= count;
      if (isLast) return this.#finish(true);
    }
    if (held.length > 0) {
      if (this.window.available > 0) this.#line.join(this);
    } else if (this.#isEnding) return this.#finish(false);
    else this.#held = null;
    if (!this.#mustDrain || held.length > HELD_LOW) return;
    this.#mustDrain = false;
    this.#listener.onDrain();
  }

  /** Sends what can leave at once: how many octets that were. */
  #sendNow(bytes: Uint8Array, isEnd: boolean): number {
    const line = this.#line;
    if (this.heldBytes > 0 || !line.isEmpty) return 0;
    const { output, window } = line;
    let sent = 0;
    while (sent < bytes.length && !output.isFull) {
      const count = sendable(window, this.window, bytes.length - sent, TURN_BYTES);
      if (count === 0) break;
      const end = sent + count;
      output.data(this.#stream, bytes, sent, end, isEnd && end === bytes.length);
      window.take(count);
      this.window.take(count);
      sent = end;
    }
    return sent;
  }

  /** Keeps `bytes[from, ...)` until they can be sent. */
  #hold(bytes: Uint8Array, from: number, isLasting: boolean): void {
    this.#held ??= new ByteQueue();
    if (isLasting && Buffer.isBuffer(bytes)) this.#held.keep(bytes, from);
    else this.#held.push(bytes, from, bytes.length);
    if (this.window.available > 0) this.#line.join(this);
  }

  /** All data are sent. `isEnded`: the last of them said so. */
  #finish(isEnded: boolean): void {
    const { output } = this.#line;
    this.#isOver = true;
    this.#held = null;
    if (this.#trailers !== '') output.headers(this.#stream, true, output.encoder.encodeTrailers(this.#trailers));
    else if (!isEnded) output.data(this.#stream, NOTHING, 0, 0, true);
    this.#listener.onSent();
  }
}

const NOTHING = Buffer.alloc(0);
