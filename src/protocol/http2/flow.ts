/** The size of a window where nothing else was agreed on, and the largest one, RFC 9113 6.9. */
export const WINDOW_DEFAULT = 65535;
export const WINDOW_MAX = 0x7fffffff;

/**
 * How much may be sent: a window of the peer's, of its connection or of one stream. A change of the peer's
 * SETTINGS_INITIAL_WINDOW_SIZE adds to all windows of streams, and to that of the connection never (6.9.2).
 */
export class SendWindow {
  /** Octets; less than zero after the peer has made its windows smaller. */
  available: number;

  constructor(size: number = WINDOW_DEFAULT) {
    this.available = size;
  }

  /** Takes in WINDOW_UPDATE, or a change of the initial size; false: beyond WINDOW_MAX, which is a FLOW_CONTROL_ERROR. */
  add(octets: number): boolean {
    this.available += octets;
    return this.available <= WINDOW_MAX;
  }

  /** Octets of DATA were sent. */
  take(octets: number): void {
    this.available -= octets;
  }
}

/** How many of `wanted` octets of a stream fit into one frame now, 0 for none. */
export function sendable(connection: SendWindow, stream: SendWindow, wanted: number, maxFrameBytes: number): number {
  const octets = Math.min(wanted, connection.available, stream.available, maxFrameBytes);
  return octets > 0 ? octets : 0;
}

/**
 * How much the peer may send: a window of ours. It is opened again when half of it is used up: a sender that has as much
 * again before it never waits, and small messages do not cost a WINDOW_UPDATE each.
 */
export class ReceiveWindow {
  #size: number;
  /** What the peer may still send. */
  #left: number;
  /** What came and is done with, but not given back yet. */
  #used = 0;

  /** `size`: octets that the peer believes it may send. */
  constructor(size: number = WINDOW_DEFAULT) {
    this.#size = size;
    this.#left = size;
  }

  /** Takes in octets that came, padding included; false: more than was allowed, which is a FLOW_CONTROL_ERROR. */
  receive(octets: number): boolean {
    this.#left -= octets;
    return this.#left >= 0;
  }

  /** Octets that came are done with: the increment to send now, 0 for none. */
  release(octets: number): number {
    this.#used += octets;
    if (this.#used * 2 < this.#size) return 0;
    const increment = this.#used;
    this.#used = 0;
    this.#left += increment;
    return increment;
  }

  /** Makes the window larger: the increment to send, 0 for none. */
  grow(size: number): number {
    const increment = size - this.#size;
    if (increment <= 0) return 0;
    this.#size = size;
    this.#left += increment;
    return increment;
  }

  /** A window of this size, of which nothing is used: windows of streams are used again. */
  reset(size: number): void {
    this.#size = size;
    this.#left = size;
    this.#used = 0;
  }
}
