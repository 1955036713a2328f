import { randomBytes } from 'node:crypto';
import type {
  BanditSums,
  Logger,
  RewardOutcome,
  RewardWrite,
  ServedCount,
  StateStore,
  WindowClosing,
  WindowKey,
} from '../../gateway/ports.ts';
import { connectRedis, type RedisConnection, type RedisSettings } from './connection.ts';
import { defineStateScripts, type StateScripts } from './scripts.ts';
import { readBanditSums } from './state-values.ts';

export interface RedisStateSettings extends RedisSettings {
  /** Prefix of every key. */
  readonly prefix: string;
}

/** Served counts under the number that makes sending them again harmless. */
interface ServedBatch {
  readonly number: number;
  readonly counts: readonly ServedCount[];
}

/** Rewards in one call of the script: bounds how long it keeps the server from others. */
const REWARDS_PER_CALL = 100;
const OUTCOMES: readonly RewardOutcome[] = ['counted', 'repeated', 'conflict'];
const REMEMBER_BATCH_MS = 24 * 3_600_000;
const KEY_BYTES = 32;
const READY_STEP_MS = 250;
const READY_STEPS = 20;

/** State that all replicas share through Redis: standalone, Cluster or Sentinel. */
export class RedisState implements StateStore {
  readonly kind = 'redis';
  readonly #connection: RedisConnection;
  readonly #scripts: StateScripts;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #logger: Logger;
  /** Names this process towards Redis, for the numbers of its batches. */
  readonly #replica = randomBytes(8).toString('hex');
  readonly #doubtful = new Map<string, ServedBatch>();
  #lastBatch = 0;
  #served: Promise<void> = Promise.resolve();
  #hasFailed = false;
  #isClosed = false;

  constructor(settings: RedisStateSettings, logger: Logger) {
    this.#connection = connectRedis(settings, logger, { name: 'makas-state' });
    this.#scripts = defineStateScripts(this.#connection.client);
    this.#prefix = settings.prefix;
    // The client's own timeout comes first; this one holds also where it waits for another node.
    this.#timeoutMs = settings.timeoutMs * 2 + 50;
    this.#logger = logger;
  }

  isHealthy(): boolean {
    return this.#connection.isReady() && !this.#hasFailed;
  }

  async signingKey(proposal?: Uint8Array): Promise<Uint8Array> {
    await this.#untilReady();
    const { client } = this.#connection;
    const name = `${this.#prefix}signing-key`;
    const read = () => this.#run(() => client.get(name));
    let text = await read();
    if (text === null) {
      const added = Buffer.from(proposal ?? randomBytes(KEY_BYTES)).toString('base64');
      await this.#run(() => client.set(name, added, 'NX'));
      // Another replica may have been first: what is read back holds for all.
      text = await read();
    }
    if (text === null) throw new Error(`The key ${name} in Redis was gone right after it was written.`);
    const key = Buffer.from(text, 'base64');
    if (key.length !== KEY_BYTES)
      throw new Error(`The key ${name} in Redis is not a signing key; delete it to have a new one made.`);
    return key;
  }

  async addRewards(rewards: readonly RewardWrite[]): Promise<readonly RewardOutcome[]> {
    const outcomes: RewardOutcome[] = Array.from({ length: rewards.length }, () => 'counted');
    const positions = Map.groupBy(rewards.keys(), (at) => rewards[at]!.bandit);
    const calls = [...positions].flatMap(([bandit, own]) =>
      chunks(own, REWARDS_PER_CALL).map(async (chunk) => {
        const codes = await this.#addChunk(
          bandit,
          chunk.map((at) => rewards[at]!),
        );
        chunk.forEach((at, i) => (outcomes[at] = codes[i]!));
      }),
    );
    // A chunk that was stored although another failed is recognized when all are sent again.
    await allOf(calls);
    return outcomes;
  }

  addServed(counts: readonly ServedCount[]): Promise<void> {
    const grouped = Map.groupBy(counts, (count) => count.bandit);
    const done = this.#served.then(() => allOf([...grouped].map(([bandit, own]) => this.#addServedOf(bandit, own))));
    this.#served = done.catch(() => undefined);
    return done;
  }

  async closeWindows(closings: readonly WindowClosing[]): Promise<void> {
    await allOf(
      closings.map(({ bandit, reward, beforeMs }) =>
        this.#run(() =>
          this.#scripts.close(this.#keys(bandit), [
            String(Math.floor(beforeMs)),
            reward === null ? '' : String(reward),
          ]),
        ),
      ),
    );
  }

  async readSums(bandits: readonly string[]): Promise<ReadonlyMap<string, BanditSums>> {
    const hashes = await Promise.all(
      bandits.map((bandit) => this.#run(() => this.#connection.client.hgetall(this.#keys(bandit)[0]))),
    );
    return new Map(bandits.map((bandit, i) => [bandit, readBanditSums(bandit, hashes[i]!, this.#logger)]));
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#connection.close();
  }

  async #addChunk(bandit: string, rewards: readonly RewardWrite[]): Promise<RewardOutcome[]> {
    const decisions = rewards.map(({ decision }) => `${this.#tag(bandit)}d:${decision}`);
    const args = rewards.flatMap(({ id, rememberMs, arm, reward, window }) => [
      id,
      String(Math.ceil(rememberMs)),
      arm,
      String(reward),
      String(reward * reward),
      windowField(window, arm),
    ]);
    const codes = await this.#run(() => this.#scripts.reward([...this.#keys(bandit), ...decisions], args));
    if (!Array.isArray(codes) || codes.length !== rewards.length)
      throw new Error('Redis gave no answer for each reward.');
    return codes.map((code) => OUTCOMES[Number(code)] ?? 'counted');
  }

  /**
   * Counts are not idempotent by themselves. When the answer to a batch is lost, it is in doubt whether it was added:
   * the batch is kept here and sent again under its number before anything else of its bandit, so the caller is done.
   */
  async #addServedOf(bandit: string, counts: readonly ServedCount[]): Promise<void> {
    const doubtful = this.#doubtful.get(bandit);
    if (doubtful !== undefined) {
      await this.#sendServed(bandit, doubtful);
      this.#doubtful.delete(bandit);
    }
    if (!this.#connection.isReady()) throw new Error('Redis is not connected.');
    const batch = { number: ++this.#lastBatch, counts };
    try {
      await this.#sendServed(bandit, batch);
    } catch (error) {
      // A refusal by Redis itself leaves no doubt.
      if (error instanceof Error && error.name === 'ReplyError') throw error;
      this.#doubtful.set(bandit, batch);
    }
  }

  async #sendServed(bandit: string, { number, counts }: ServedBatch): Promise<void> {
    const args = counts.flatMap(({ arm, window, count }) => [arm, windowField(window, arm), String(count)]);
    await this.#run(() =>
      this.#scripts.served(
        [...this.#keys(bandit), `${this.#tag(bandit)}f:${this.#replica}`],
        [String(number), String(REMEMBER_BATCH_MS), ...args],
      ),
    );
  }

  /** Waits in short steps, so that a wait does not keep the process alive after `close`. */
  async #untilReady(): Promise<void> {
    for (let step = 1; ; step++) {
      try {
        return await this.#connection.ready(READY_STEP_MS);
      } catch {
        if (this.#isClosed) throw new Error('The state is closed.');
        if (step === READY_STEPS) throw new Error('Redis is not connected.');
      }
    }
  }

  async #run<T>(command: () => Promise<T>): Promise<T> {
    try {
      if (!this.#connection.isReady()) throw new Error('Redis is not connected.');
      const result = await withinTime(command(), this.#timeoutMs);
      this.#hasFailed = false;
      return result;
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    }
  }

  /** All keys of a bandit share this hash tag, so that a script may use them together in a Cluster. */
  #tag(bandit: string): string {
    return `${this.#prefix}{b:${bandit}}`;
  }

  #keys(bandit: string): [sums: string, windows: string] {
    return [`${this.#tag(bandit)}s`, `${this.#tag(bandit)}w`];
  }
}

function windowField(window: WindowKey, arm: string): string {
  return `${window.startMs}:${window.lengthMs}:${arm}`;
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

/** Waits for all, then rejects with the first failure: nothing is still under way when the caller hears of it. */
async function allOf(calls: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(calls)) if (result.status === 'rejected') throw result.reason;
}

async function withinTime<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`Redis did not answer within ${timeoutMs} ms.`)), timeoutMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
