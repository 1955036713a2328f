import type { ChangeWatcher, Logger } from '../../gateway/ports.ts';
import type { RespConnection } from '../redis/resp-connection.ts';
import { type Reply, RespFailure } from '../redis/resp-cursor.ts';

interface Watch {
  readonly prefix: string;
  readonly watcher: ChangeWatcher;
}

/**
 * Server-assisted caching: Redis tells of every change of the watched keys (CLIENT TRACKING with BCAST), on the
 * connection that also reads (RESP3). So a change is told behind the replies that were made before it, and there is no
 * second connection that could be late, lost, or at another server. Where Redis tells of nothing (older than 6, or the
 * user may not ask for it) that is logged, and watchers are never told that they are tracked.
 */
export class RedisTracking {
  readonly #name: string;
  readonly #logger: Logger;
  readonly #watches = new Set<Watch>();
  #connection: RespConnection | null = null;
  /** What Redis was asked to tell; null before it was asked. */
  #prefixes: string | null = null;
  #isTracked = false;
  #isScheduled = false;
  #refusal: string | null = null;

  constructor(name: string, logger: Logger) {
    this.#name = name;
    this.#logger = logger;
  }

  /** Tells the watcher of changes of keys with the prefix, until the returned function is called. */
  watch(prefix: string, watcher: ChangeWatcher): () => void {
    const watch = { prefix, watcher };
    this.#watches.add(watch);
    if (this.#isTracked && this.#covers(prefix)) watcher.onTracked();
    else this.#schedule();
    return () => {
      this.#watches.delete(watch);
      this.#schedule();
    };
  }

  onReady(connection: RespConnection): void {
    this.#connection = connection;
    this.#prefixes = null;
    void this.#ask();
  }

  onLost(): void {
    this.#connection = null;
    this.#prefixes = null;
    this.#tellTracked(false);
  }

  /** `invalidate` and the keys, or nothing after FLUSHALL and FLUSHDB. */
  onPush(push: Reply): void {
    if (!Array.isArray(push) || push[0] !== 'invalidate') return;
    const keys: Reply = push[1] ?? null;
    if (!Array.isArray(keys)) {
      for (const { watcher } of this.#watches) watcher.onFlush();
      return;
    }
    for (const key of keys) {
      if (typeof key !== 'string') continue;
      for (const { prefix, watcher } of this.#watches) if (key.startsWith(prefix)) watcher.onChange(key);
    }
  }

  /** A reload begins and ends watches one after another; Redis is asked once. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    const connection = this.#connection;
    const prefixes = outermost([...this.#watches].map(({ prefix }) => prefix));
    const wanted = JSON.stringify(prefixes);
    if (connection === null || wanted === (this.#prefixes ?? '[]')) return;
    const isFirst = this.#prefixes === null;
    this.#prefixes = wanted;
    let refusal: string | null;
    try {
      refusal = await track(connection, prefixes, isFirst);
    } catch {
      // The connection was lost, which is told elsewhere.
      return;
    }
    if (this.#connection !== connection || this.#prefixes !== wanted) return;
    connection.isWatched = refusal === null && prefixes.length > 0;
    if (refusal !== null && refusal !== this.#refusal) {
      const message = 'Redis does not tell of changes; features are cached for their time to live';
      this.#logger.warn({ redis: this.#name, reason: refusal }, message);
    }
    this.#refusal = refusal;
    this.#tellTracked(connection.isWatched);
  }

  #tellTracked(isTracked: boolean): void {
    const wasTracked = this.#isTracked;
    this.#isTracked = isTracked;
    for (const { watcher } of this.#watches) {
      if (isTracked) watcher.onTracked();
      else if (wasTracked) watcher.onLost();
    }
  }

  #covers(prefix: string): boolean {
    const asked: unknown = JSON.parse(this.#prefixes ?? '[]');
    return Array.isArray(asked) && asked.some((other) => prefix.startsWith(String(other)));
  }
}

/** Asks Redis to tell of changes of keys with these prefixes and no others. Returns why it does not; null: it does. */
async function track(
  connection: RespConnection,
  prefixes: readonly string[],
  isFirst: boolean,
): Promise<string | null> {
  const on = ['CLIENT', 'TRACKING', 'ON', 'BCAST', ...prefixes.flatMap((prefix) => ['PREFIX', prefix])];
  // What changes between the last two goes unsaid; the watchers are told that they are tracked only after both.
  const replies = await Promise.all([
    connection.command('HELLO', '3'),
    isFirst ? 'OK' : connection.command('CLIENT', 'TRACKING', 'OFF'),
    prefixes.length === 0 ? 'OK' : connection.command(...on),
  ]);
  const failure = replies.find((reply) => reply instanceof RespFailure);
  return failure instanceof RespFailure ? failure.message : null;
}

/** Without those that begin with another: Redis takes no prefixes that overlap. */
function outermost(prefixes: readonly string[]): string[] {
  const kept: string[] = [];
  for (const prefix of new Set(prefixes.toSorted())) {
    if (!kept.some((other) => prefix.startsWith(other))) kept.push(prefix);
  }
  return kept;
}
