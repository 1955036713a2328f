import { Buffer } from 'node:buffer';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import type { Logger } from '../../gateway/ports.ts';
import type { RedisOptions } from './address.ts';
import { Asking, type Asked } from './resp-asking.ts';
import { CommandReply, commandText, greet } from './resp-command.ts';
import { type Reply, RespCursor, RespSyntaxError } from './resp-cursor.ts';
import { RespInput } from './resp-input.ts';

export interface RespSettings {
  /** Name of this connection in the logs and in Redis. */
  readonly name: string;
  /** Asked before each attempt to connect; the master behind sentinels may have moved. */
  readonly locate: () => Promise<RedisOptions>;
  /** Whether only a master will do. */
  readonly needsMaster: boolean;
  readonly longestPauseMs: number;
}

export interface RespEvents {
  /** Connected, before commands are sent; what it asks is part of the handshake. */
  readonly onReady: () => void;
  readonly onLost: () => void;
  /** A message that is no reply (RESP3). */
  readonly onPush: (push: Reply) => void;
}

const connectTimeoutMs = 2000;
const tickMs = 250;
/** After so many ticks without a byte a Redis that owes replies counts as stalled (500 ms), and as lost (2 s). */
const stalledTicks = 2;
const lostTicks = 8;
/** A quiet connection is asked for a sign of life, so that a cut which nobody reports is found. */
const quietTicks = 4;
/** How often it is asked whether the master is still the one that is connected to. */
const masterCheckTicks = 20;
const keepAliveMs = 30_000;
const bufferBytes = 64 * 1024;

/**
 * A connection to one Redis that sends prepared commands and reads the replies from the bytes. Commands are pipelined;
 * replies come in their order. It connects again whenever it is lost, for ever; what it owed then fails. A command has no
 * time limit of its own: a Redis that owes replies and says nothing for two seconds is left.
 */
export class RespConnection {
  readonly #settings: RespSettings;
  readonly #events: RespEvents;
  readonly #logger: Logger;
  readonly #asking = new Asking();
  readonly #input = new RespInput();
  readonly #cursor = new RespCursor();
  readonly #readyWaiters = new Set<() => void>();
  readonly #understand = (bytes: Buffer, end: number) => this.#readReplies(bytes, end);
  #socket: Socket | null = null;
  #isReady = false;
  #isClosed = false;
  #isReported = false;
  #attempt = 0;
  #pause: NodeJS.Timeout | null = null;
  #limit: NodeJS.Timeout | null = null;
  #ticker: NodeJS.Timeout | null = null;
  #silentTicks = 0;
  #ticksToCheck = masterCheckTicks;
  /** Where it is connected to. */
  #place = '';
  /** Whether a quiet Redis is asked for a sign of life. */
  isWatched = false;

  constructor(settings: RespSettings, events: RespEvents, logger: Logger) {
    this.#settings = settings;
    this.#events = events;
    this.#logger = logger;
    void this.#connect();
  }

  /** Whether commands can be sent and are likely to be answered. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Whether replies have been owed for a while and nothing comes. Found by ticks, so that a busy loop is not blamed. */
  get isStalled(): boolean {
    return this.#silentTicks >= stalledTicks && this.#asking.size > 0;
  }

  /** Commands whose replies have not come. */
  get owed(): number {
    return this.#asking.size;
  }

  /** Resolves when commands can be sent; rejects after `timeoutMs`. */
  ready(timeoutMs: number): Promise<void> {
    if (this.#isReady) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const onReady = (): void => {
        clearTimeout(timer);
        this.#readyWaiters.delete(onReady);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#readyWaiters.delete(onReady);
        reject(new Error(`Redis was not reached within ${timeoutMs} ms.`));
      }, timeoutMs);
      this.#readyWaiters.add(onReady);
    });
  }

  /** Sends the text of whole commands, whose replies go to `asked` in their order. Only while it is ready. */
  send(text: string, encoding: 'latin1' | 'utf8', asked: readonly Asked[]): void {
    // The silence begins when something is owed.
    if (this.#asking.size === 0) this.#silentTicks = 0;
    for (const each of asked) this.#asking.add(each);
    this.#socket?.write(text, encoding);
  }

  /** One command that is not worth preparing; a reply that says it failed is returned, not thrown. */
  command(...words: string[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.send(commandText(words), 'utf8', [new CommandReply(resolve, reject)]);
    });
  }

  /** Resolves when all replies have come, or after `waitMs`, and the connection is closed. */
  async close(waitMs: number): Promise<void> {
    if (this.#isReady) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, waitMs);
      this.#asking.whenEmpty(resolve);
      await promise;
      clearTimeout(timer);
    }
    this.#isClosed = true;
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#end(new Error('the connection to Redis is closed'));
  }

  async #connect(): Promise<void> {
    this.#pause = null;
    try {
      const address = await this.#settings.locate();
      if (this.#isClosed) return;
      this.#place = placeOf(address);
      const socket = this.#open(address);
      await greet((...words) => this.command(...words), address, this.#settings);
      if (this.#socket === socket) this.#start();
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
      this.#retry(error instanceof Error ? error.message : String(error));
    }
  }

  #open({ host = '127.0.0.1', port = 6379, tls }: RedisOptions): Socket {
    const onread = {
      buffer: Buffer.allocUnsafeSlow(bufferBytes),
      callback: (size: number, bytes: Uint8Array) => {
        if (this.#socket === socket) this.#receive(size, bytes);
        return true;
      },
    };
    // `onread` is an option of the sockets that TLS makes too, although its types do not say so.
    const options = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs, onread };
    const socket = tls === undefined ? connectTcp(options) : connectTls({ ...options, ...tls });
    this.#socket = socket;
    this.#input.clear();
    this.#silentTicks = 0;
    let failure = new Error('the connection to Redis was lost');
    socket.once('error', (error) => (failure = error));
    socket.once('close', () => {
      if (this.#socket !== socket) return;
      const wasReady = this.#isReady;
      this.#end(failure);
      // While it is being set up the attempt itself fails.
      if (wasReady) this.#retry(failure.message);
    });
    this.#limit = setTimeout(() => socket.destroy(new Error('Redis did not answer in time')), connectTimeoutMs);
    return socket;
  }

  #start(): void {
    if (this.#limit !== null) clearTimeout(this.#limit);
    this.#limit = null;
    this.#isReady = true;
    this.#attempt = 0;
    this.#ticker = setInterval(() => this.#tick(), tickMs).unref();
    if (this.#isReported) this.#logger.info({ redis: this.#settings.name }, 'Redis is connected again');
    this.#isReported = false;
    this.#events.onReady();
    for (const resolve of this.#readyWaiters) resolve();
  }

  #tick(): void {
    if (this.#settings.needsMaster && --this.#ticksToCheck <= 0) void this.#checkMaster();
    this.#silentTicks++;
    if (this.#asking.size > 0) {
      if (this.#silentTicks >= lostTicks) this.#socket?.destroy(new Error('Redis does not answer'));
    } else if (this.isWatched && this.#silentTicks >= quietTicks) {
      this.#silentTicks = 0;
      void this.command('PING').catch(() => undefined);
    } else if (!this.isWatched) {
      this.#silentTicks = 0;
    }
  }

  /** A master that was cut off from its sentinels does not know that another one has taken its place. */
  async #checkMaster(): Promise<void> {
    const socket = this.#socket;
    this.#ticksToCheck = Number.POSITIVE_INFINITY;
    try {
      const place = placeOf(await this.#settings.locate());
      if (place !== this.#place && this.#socket === socket)
        socket?.destroy(new Error('another Redis is the master now'));
    } catch {
      // As long as no sentinel answers, what was found before holds.
    }
    this.#ticksToCheck = masterCheckTicks;
  }

  #receive(size: number, bytes: Uint8Array): void {
    this.#silentTicks = 0;
    try {
      this.#input.take(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), size, this.#understand);
    } catch (error) {
      // What follows in the bytes is lost, so the connection cannot go on either way.
      this.#socket?.destroy(error instanceof Error ? error : undefined);
      if (!(error instanceof RespSyntaxError)) throw error;
    }
  }

  #readReplies(bytes: Buffer, end: number): { at: number; needed: number } {
    const cursor = this.#cursor;
    const socket = this.#socket;
    cursor.load(bytes, 0, end);
    let at = 0;
    while (at < end && this.#socket === socket) {
      if (bytes[at] === 0x3e) {
        const push = cursor.reply();
        if (push === undefined) break;
        at = cursor.at;
        this.#events.onPush(push);
      } else {
        const asked = this.#asking.first;
        if (asked === null) throw new RespSyntaxError('Redis sent a reply that nobody asked for');
        if (!asked.read(cursor)) break;
        at = cursor.at;
        this.#asking.shift();
        asked.deliver();
      }
    }
    return { at, needed: cursor.lack };
  }

  /** Ends the connection at hand, if there is one; what was owed fails. */
  #end(error: Error): void {
    const socket = this.#socket;
    const wasReady = this.#isReady;
    this.#socket = null;
    this.#isReady = false;
    if (this.#limit !== null) clearTimeout(this.#limit);
    if (this.#ticker !== null) clearInterval(this.#ticker);
    this.#limit = null;
    this.#ticker = null;
    if (socket !== null) {
      socket.on('error', () => undefined);
      socket.destroy();
    }
    if (wasReady) this.#events.onLost();
    this.#asking.failAll(error);
  }

  #retry(reason: string): void {
    if (this.#isClosed || this.#pause !== null) return;
    if (!this.#isReported) {
      this.#isReported = true;
      this.#logger.warn({ redis: this.#settings.name, reason }, 'Redis cannot be reached');
    }
    // Half of the delay is drawn, so that replicas do not all come back at once.
    const delayMs = Math.min(this.#settings.longestPauseMs, 25 * 2 ** Math.min(this.#attempt++, 10));
    this.#pause = setTimeout(() => void this.#connect(), delayMs * (0.5 + Math.random() / 2));
  }
}

function placeOf({ host, port }: RedisOptions): string {
  return `${host}:${port}`;
}
