import type { EntityValues, FeatureRead, OnlineStore } from '../../gateway/ports.ts';
import type { RedisConnection } from '../redis/connection.ts';
import { FeatureBatcher } from './redis-batch.ts';

/** A Redis that has owed a reply for so long is not asked again until it answers or the connection is replaced. */
const stalledMs = 500;
/** How long closing waits for the reads under way. */
const closeWaitMs = 2000;

/**
 * Online store over Redis hashes: one HMGET for each view and entity, all reads of one turn of the event loop in one
 * write. Without a connection, or while Redis is silent, reads fail at once; they work again by themselves when Redis
 * is back. A read has no time limit of its own: the caller holds it, and the connection is replaced when Redis owes
 * replies and says nothing.
 */
export class RedisHashStore implements OnlineStore {
  readonly #connection: RedisConnection;
  readonly #batcher: FeatureBatcher;
  #isClosed = false;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
    this.#batcher = new FeatureBatcher(connection.client);
  }

  read(reads: readonly FeatureRead[]): Promise<ReadonlyArray<readonly EntityValues[]>> {
    if (!this.#isConnected()) return Promise.reject(new Error('there is no connection to Redis'));
    if (this.#isStalled()) return Promise.reject(new Error('Redis does not answer'));
    return this.#batcher.read(reads);
  }

  isHealthy(): boolean {
    return this.#isConnected() && !this.#isStalled();
  }

  /** Reads under way are let end, new ones fail. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#batcher.idle(closeWaitMs);
    await this.#connection.close();
  }

  #isConnected(): boolean {
    return !this.#isClosed && this.#connection.isReady();
  }

  #isStalled(): boolean {
    return this.#batcher.waitedMs(performance.now()) > stalledMs;
  }
}
