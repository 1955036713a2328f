import { ReceiveWindow, WINDOW_DEFAULT } from '../../protocol/http2/flow.ts';
import type { FrameOutput } from './frame-output.ts';

/**
 * Octets that came on streams which take no more for now. Up to here they do not narrow the window of the connection, so
 * that streams which nobody reads do not hold up the others; beyond it they do, so that memory has an end.
 */
const PARKED_MAX = 32 << 20;

/** What the peer may send on a connection. */
export class ConnectionReceiver {
  readonly #output: FrameOutput;
  readonly #window: ReceiveWindow;
  /** Octets that are parked, and those of them that were not given back to the window. */
  #parked = 0;
  #owed = 0;

  constructor(output: FrameOutput) {
    this.#output = output;
    this.#window = new ReceiveWindow(WINDOW_DEFAULT);
  }

  /** Makes the window larger than it is at first. */
  grow(size: number): void {
    const increment = this.#window.grow(size);
    if (increment > 0) this.#output.windowUpdate(0, increment);
  }

  /** DATA came; false: more than was allowed, a FLOW_CONTROL_ERROR of the connection. */
  receive(octets: number): boolean {
    return this.#window.receive(octets);
  }

  /** DATA are done with. */
  release(octets: number): void {
    const increment = this.#window.release(octets);
    if (increment > 0) this.#output.windowUpdate(0, increment);
  }

  /** DATA came for a stream that is paused. */
  park(octets: number): void {
    this.#parked += octets;
    if (this.#parked <= PARKED_MAX) this.release(octets);
    else this.#owed += octets;
  }

  /** A stream goes on, or is gone: so much of what is parked is not any more. */
  unpark(octets: number): void {
    this.#parked -= octets;
    if (this.#owed === 0 || this.#parked > PARKED_MAX) return;
    const owed = this.#owed;
    this.#owed = 0;
    this.release(owed);
  }
}

/**
 * What the peer may send on a stream. DATA are told to whoever listens as they come; one that pauses the stream keeps what
 * has come, and the peer gets no more than its window until the stream goes on.
 */
export class StreamReceiver extends ReceiveWindow {
  readonly #connection: ConnectionReceiver;
  readonly #output: FrameOutput;
  readonly #stream: number;
  #isPaused = false;
  #hasEnded = false;
  #parked = 0;

  /** `size`: the SETTINGS_INITIAL_WINDOW_SIZE that we sent. */
  constructor(connection: ConnectionReceiver, output: FrameOutput, stream: number, size: number) {
    super(size);
    this.#connection = connection;
    this.#output = output;
    this.#stream = stream;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#unpark();
  }

  /**
   * DATA were told to whoever listens, of which `receive` of this and of the connection have allowed the octets. `isEnd`:
   * they were the last ones.
   */
  taken(octets: number, isEnd: boolean): void {
    if (isEnd) this.#hasEnded = true;
    if (this.#isPaused) {
      this.#parked += octets;
      this.#connection.park(octets);
      return;
    }
    this.#connection.release(octets);
    this.#give(octets);
  }

  /** The stream is gone, or nothing more comes on it. */
  close(): void {
    this.#hasEnded = true;
    this.#isPaused = false;
    this.#unpark();
  }

  #unpark(): void {
    const octets = this.#parked;
    if (octets === 0) return;
    this.#parked = 0;
    this.#connection.unpark(octets);
    this.#give(octets);
  }

  #give(octets: number): void {
    if (this.#hasEnded) return;
    const increment = this.release(octets);
    if (increment > 0) this.#output.windowUpdate(this.#stream, increment);
  }
}
