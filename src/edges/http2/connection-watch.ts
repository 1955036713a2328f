/** How long connections of clients may do nothing, and how long they live, milliseconds. */
export interface ConnectionLimits {
  /** For a new connection to say that it speaks HTTP/2. */
  readonly prefaceMs: number;
  /** Silence after which a connection is asked whether it still lives; 0: never. */
  readonly pingMs: number;
  /** After this no more calls begin on a connection, so that clients spread anew; 0: never. */
  readonly maxAgeMs: number;
  /** A connection without a stream is closed after this; 0: never. */
  readonly idleMs: number;
}

/** A connection of a client, whatever it is made of. */
export interface WatchedConnection {
  /** Whether the settings of the client came. */
  readonly hasBegun: boolean;
  /** Whether it has no stream. */
  readonly isIdle: boolean;
  /** Octets that came. */
  readonly bytesRead: number;
  /** Asks whether it still lives; false: it could not be asked. */
  ping(): boolean;
  /** Takes no more streams, and closes when those under way have ended. */
  close(): void;
  /** Closes at once. */
  destroy(): void;
  /** So much time has passed, for limits of its own. */
  look(passedMs: number): void;
}

/** How often connections are looked at. */
const TICK_MS = 1000;
const TICK_MIN_MS = 10;
/** How long a connection may take to answer a ping. */
const PONG_MS = 20_000;
/** Ages differ by this share, so that connections that were made together do not end together. */
const AGE_SPREAD = 0.1;

interface Watched {
  ageMs: number;
  readonly maxAgeMs: number;
  /** Since the last byte came. */
  silentMs: number;
  /** Since the last stream ended. */
  idleMs: number;
  bytes: number;
  isAsked: boolean;
}

/** Watches over the connections of a listener: what is silent for too long, what gets old, and the end of all. */
export class ConnectionWatch {
  readonly #limits: ConnectionLimits;
  readonly #watched = new Map<WatchedConnection, Watched>();
  readonly #tickMs: number;
  #timer: NodeJS.Timeout | null = null;
  #isDraining = false;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
    const { prefaceMs, pingMs, maxAgeMs, idleMs } = limits;
    const shortest = Math.min(...[prefaceMs, pingMs, maxAgeMs, idleMs].filter((ms) => ms > 0));
    this.#tickMs = Math.max(TICK_MIN_MS, Math.min(TICK_MS, shortest / 4));
  }

  add(connection: WatchedConnection): void {
    const { maxAgeMs } = this.#limits;
    const spread = 1 + AGE_SPREAD * (2 * Math.random() - 1);
    this.#watched.set(connection, {
      ageMs: 0,
      maxAgeMs: maxAgeMs === 0 ? Infinity : maxAgeMs * spread,
      silentMs: 0,
      idleMs: 0,
      bytes: 0,
      isAsked: false,
    });
    this.#timer ??= setInterval(() => this.#look(), this.#tickMs).unref();
    if (this.#isDraining) connection.close();
  }

  /** It is closed. */
  remove(connection: WatchedConnection): void {
    this.#watched.delete(connection);
    if (this.#watched.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Tells clients to go elsewhere; what is under way goes on. */
  drain(): void {
    this.#isDraining = true;
    for (const connection of this.#watched.keys()) connection.close();
  }

  destroyAll(): void {
    for (const connection of this.#watched.keys()) connection.destroy();
  }

  #look(): void {
    for (const [connection, watched] of this.#watched) this.#lookAt(connection, watched);
  }

  #lookAt(connection: WatchedConnection, watched: Watched): void {
    const { prefaceMs, pingMs, idleMs } = this.#limits;
    watched.ageMs += this.#tickMs;
    if (!connection.hasBegun && watched.ageMs > prefaceMs) return connection.destroy();
    const bytes = connection.bytesRead;
    watched.silentMs = bytes === watched.bytes ? watched.silentMs + this.#tickMs : 0;
    watched.bytes = bytes;
    if (watched.silentMs === 0) watched.isAsked = false;
    watched.idleMs = connection.isIdle ? watched.idleMs + this.#tickMs : 0;
    if (watched.ageMs > watched.maxAgeMs || (idleMs > 0 && watched.idleMs > idleMs)) connection.close();
    connection.look(this.#tickMs);
    if (pingMs === 0 || watched.silentMs < pingMs) return;
    if (!watched.isAsked) watched.isAsked = connection.ping();
    else if (watched.silentMs > pingMs + PONG_MS) connection.destroy();
  }
}
