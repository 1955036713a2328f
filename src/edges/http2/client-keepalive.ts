const PING_MS = 20_000;
const PONG_MS = 10_000;
/**
 * Servers of gRPC that send nothing themselves take pings that come more often than each five minutes for an attack, and
 * close the connection (https://github.com/grpc/grpc/blob/master/doc/keepalive.md). The first one is let pass.
 */
const PING_AGAIN_MS = 310_000;

/** What is watched. */
export interface Watched {
  /** Calls under way. */
  readonly calls: number;
  /** Counts what comes of answers, and what comes at all. */
  readonly heard: number;
  readonly reads: number;
  ping(): void;
  /** A ping was not answered. */
  giveUp(): void;
}

/** Asks a connection that is silent while calls wait whether it still lives. */
export class Keepalive {
  readonly #watched: Watched;
  readonly #pingMs: number;
  readonly #pongMs: number;
  readonly #timer: NodeJS.Timeout;
  #heardThen = 0;
  /** Reads when the last ping was sent; -1: none is under way. */
  #readsThen = -1;
  #silentMs = 0;
  #nextPingMs: number;

  /** `pingMs`: silence before a ping; `pongMs`: how long its answer may take, and how exactly silence is timed. */
  constructor(watched: Watched, pingMs: number = PING_MS, pongMs: number = PONG_MS) {
    this.#watched = watched;
    this.#pingMs = pingMs;
    this.#pongMs = pongMs;
    this.#nextPingMs = pingMs;
    // One timer for the connection, whatever calls come and go.
    this.#timer = setInterval(look, pongMs, this).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  look(): void {
    const { calls, heard, reads } = this.#watched;
    if (this.#readsThen === reads) return this.#watched.giveUp();
    this.#readsThen = -1;
    if (calls === 0 || heard !== this.#heardThen) {
      this.#heardThen = heard;
      this.#silentMs = 0;
      this.#nextPingMs = this.#pingMs;
      return;
    }
    this.#silentMs += this.#pongMs;
    if (this.#silentMs < this.#nextPingMs) return;
    this.#nextPingMs = this.#silentMs + PING_AGAIN_MS;
    this.#readsThen = reads;
    this.#watched.ping();
  }
}

function look(keepalive: Keepalive): void {
  keepalive.look();
}
