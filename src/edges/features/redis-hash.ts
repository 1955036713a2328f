import { Buffer } from 'node:buffer';

import type { ChangeWatcher, EntityRead, Logger, OnlineStore, ReadReceiver } from '../../gateway/ports.ts';
import type { RedisSettings } from '../redis/connection.ts';
import { locateRedis } from '../redis/master-address.ts';
import { RespConnection } from '../redis/resp-connection.ts';
import { type HashAsk, HashAsks } from './hash-asks.ts';
import { RedisTracking } from './redis-tracking.ts';

/** How long closing waits for the reads under way. */
const closeWaitMs = 2000;

export interface RedisHashOptions {
  readonly settings: Omit<RedisSettings, 'timeoutMs'>;
  readonly name: string;
  /** Longest pause between two attempts to connect. */
  readonly longestPauseMs: number;
  readonly logger: Logger;
}

/**
 * Online store over the hashes of one Redis: one HMGET for each view and entity, all reads of one turn of the event loop
 * in one write. Without a connection, or while Redis is silent, reads fail at once; they work again by themselves when
 * Redis is back. A read has no time limit of its own: the caller holds it.
 */
export class RedisHashStore implements OnlineStore {
  readonly #connection: RespConnection;
  readonly #tracking: RedisTracking;
  readonly #asks = new HashAsks((asks) => this.#send(asks));
  #isClosed = false;

  constructor({ settings, name, longestPauseMs, logger }: RedisHashOptions) {
    const tracking = new RedisTracking(name, logger);
    this.#tracking = tracking;
    this.#connection = new RespConnection(
      { name, locate: locateRedis(settings), needsMaster: settings.sentinel !== undefined, longestPauseMs },
      {
        onReady: () => tracking.onReady(this.#connection),
        onLost: () => tracking.onLost(),
        onPush: (push) => tracking.onPush(push),
      },
      logger,
    );
  }

  /** Resolves when reads can be made; rejects after `timeoutMs`. */
  ready(timeoutMs: number): Promise<void> {
    return this.#connection.ready(timeoutMs);
  }

  read(reads: readonly EntityRead[], receiver: ReadReceiver): void {
    const connection = this.#connection;
    if (this.#isClosed || !connection.isReady) receiver.onRead(new Error('there is no connection to Redis'));
    else if (connection.isStalled) receiver.onRead(new Error('Redis does not answer'));
    else this.#asks.read(reads, receiver, connection.owed);
  }

  watch(prefix: string, watcher: ChangeWatcher): () => void {
    return this.#tracking.watch(prefix, watcher);
  }

  isHealthy(): boolean {
    return !this.#isClosed && this.#connection.isReady && !this.#connection.isStalled;
  }

  /** Reads under way are let end, new ones fail. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#asks.flush();
    await this.#connection.close(closeWaitMs);
  }

  #send(asks: readonly HashAsk[]): void {
    if (!this.#connection.isReady) {
      const error = new Error('the connection to Redis was lost');
      for (const ask of asks) ask.fail(error);
      return;
    }
    let text = '';
    let isAscii = true;
    for (const { layout, key } of asks) {
      const bytes = Buffer.byteLength(key);
      isAscii &&= layout.isAscii && bytes === key.length;
      text += layout.head + bytes + '\r\n' + key + layout.tail;
    }
    // The same bytes; but Latin-1 is copied, and UTF-8 has to be encoded.
    this.#connection.send(text, isAscii ? 'latin1' : 'utf8', asks);
  }
}
