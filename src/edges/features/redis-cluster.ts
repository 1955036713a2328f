import type { RedisHashSettings } from '../../core/snapshot.ts';
import type { EntityRead, Logger, OnlineStore, ReadReceiver } from '../../gateway/ports.ts';
import { connectRedis, type RedisConnection } from '../redis/connection.ts';
import { HashAsks, type HashAsk } from './hash-asks.ts';
import { isOtherType, readHashBuffers } from './hash-reply.ts';
import { slotOf } from './redis-slot.ts';

/** How long a node that owes replies may be silent before it is connected to anew. */
const silenceMs = 2000;
/** A Cluster that has owed a reply for so long is not asked again until it answers or the connection is replaced. */
const stalledMs = 500;
/** How long closing waits for the reads under way. */
const closeWaitMs = 2000;

interface Batch {
  readonly commands: number;
  readonly sentMs: number;
}

/**
 * Online store over the hashes of a Redis Cluster, through ioredis, which knows the nodes and follows their moves. The
 * reads of one turn of the event loop are one pipelined write for each node. It tells of no changes: tracking is a
 * matter of each node and would have to follow every move of a slot.
 */
export class RedisClusterStore implements OnlineStore {
  readonly #connection: RedisConnection;
  readonly #asks = new HashAsks((asks) => void this.#send(asks));
  readonly #unanswered = new Set<Batch>();
  #owed = 0;
  #onIdle: (() => void) | null = null;
  #isClosed = false;

  constructor(settings: Omit<RedisHashSettings, 'kind' | 'id'>, name: string, longestPauseMs: number, logger: Logger) {
    this.#connection = connectRedis({ ...settings, timeoutMs: silenceMs }, logger, {
      name,
      maxReconnectDelayMs: longestPauseMs,
      // Timers for every command of a pipeline would cost more than the reads: the caller holds the time limit, and
      // `socketTimeout` replaces a connection that has gone silent.
      redis: { commandTimeout: undefined, socketTimeout: silenceMs, maxRetriesPerRequest: 0 },
    });
  }

  ready(timeoutMs: number): Promise<void> {
    return this.#connection.ready(timeoutMs);
  }

  read(reads: readonly EntityRead[], receiver: ReadReceiver): void {
    if (this.#isClosed || !this.#connection.isReady()) {
      receiver.onRead(new Error('there is no connection to Redis'));
    } else if (this.#isStalled()) {
      receiver.onRead(new Error('Redis does not answer'));
    } else {
      this.#asks.read(reads, receiver, this.#owed);
    }
  }

  watch(): null {
    return null;
  }

  isHealthy(): boolean {
    return !this.#isClosed && this.#connection.isReady() && !this.#isStalled();
  }

  /** Reads under way are let end, new ones fail. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#asks.flush();
    if (this.#unanswered.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, closeWaitMs);
      this.#onIdle = resolve;
      await promise;
      clearTimeout(timer);
    }
    await this.#connection.close();
  }

  #isStalled(): boolean {
    for (const { sentMs } of this.#unanswered) return performance.now() - sentMs > stalledMs;
    return false;
  }

  async #send(asks: readonly HashAsk[]): Promise<void> {
    const batch: Batch = { commands: asks.length, sentMs: performance.now() };
    this.#unanswered.add(batch);
    this.#owed += batch.commands;
    await Promise.all(groupByOwner(this.#connection.client, asks).map((group) => this.#sendGroup(group)));
    this.#owed -= batch.commands;
    this.#unanswered.delete(batch);
    if (this.#unanswered.size === 0) this.#onIdle?.();
  }

  /** Never rejects: a failure goes to the reads that it concerns. */
  async #sendGroup(asks: readonly HashAsk[]): Promise<void> {
    const pipeline = this.#connection.client.pipeline();
    for (const { key, layout } of asks) pipeline.hmgetBuffer(key, ...layout.names);
    let replies: [Error | null, unknown][] | null = null;
    let failure = new Error('the pipeline was given up');
    try {
      replies = await pipeline.exec();
    } catch (error) {
      if (error instanceof Error) failure = error;
    }
    for (const [i, ask] of asks.entries()) {
      const [error, reply] = replies?.[i] ?? [failure, null];
      if (error === null) ask.answer(Array.isArray(reply) ? readHashBuffers(reply, ask.layout) : ask.layout.broken);
      else if (isOtherType(error)) ask.answer(ask.layout.broken);
      else ask.fail(error);
    }
  }
}

/** The asks by the nodes that own their keys: a pipeline can go to one node only. */
function groupByOwner(client: RedisConnection['client'], asks: readonly HashAsk[]): HashAsk[][] {
  // Public in the class but not in its types; ioredis itself routes pipelines by it.
  const owners: unknown = Reflect.get(client, 'slots');
  const groups = new Map<string, HashAsk[]>();
  for (const ask of asks) {
    const nodes: unknown = Array.isArray(owners) ? owners[slotOf(ask.key)] : undefined;
    const owner = Array.isArray(nodes) ? nodes.join(';') : '';
    const group = groups.get(owner);
    if (group === undefined) groups.set(owner, [ask]);
    else group.push(ask);
  }
  return [...groups.values()];
}
