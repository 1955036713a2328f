import { randomBytes } from 'node:crypto';
import type {
  BanditSums,
  Logger,
  RewardOutcome,
  RewardWrite,
  ServedCount,
  StateStore,
  StoredOutcome,
  WindowClosing,
  WindowKey,
} from '../../gateway/ports.ts';
import { connectRedis, type RedisConnection, type RedisSettings } from './connection.ts';
import { isLostAnswer, NotConnected } from './lost-answer.ts';
import { defineStateScripts, type StateScripts } from './scripts.ts';
import { ServedBatches, type ServedBatch } from './served-batches.ts';
import { readBanditSums } from './state-values.ts';

export interface RedisStateSettings extends RedisSettings {
  /** Prefix of every key. */
  readonly prefix: string;
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
  /** Without an answer for so long, a lost command says that Redis as a whole is away. */
  readonly #silenceMs: number;
  readonly #logger: Logger;
  /** Names this process towards Redis, for the numbers of its batches. */
  readonly #replica = randomBytes(8).toString('hex');
  readonly #served = new ServedBatches((bandit, batch) => this.#sendServed(bandit, batch));
  /** What fails by bandit, to tell it once. */
  readonly #failing = new Set<string>();
  #answeredMs = 0;
  #isLost = false;
  #isClosed = false;

  constructor(settings: RedisStateSettings, logger: Logger) {
    this.#connection = connectRedis(settings, logger, { name: 'makas-state' });
    this.#scripts = defineStateScripts(this.#connection.client);
    this.#prefix = settings.prefix;
    // The client's own timeout comes first; this one holds also where it waits for another node.
    this.#timeoutMs = settings.timeoutMs * 2 + 50;
    this.#silenceMs = settings.timeoutMs / 2;
    this.#logger = logger;
  }

  /** Redis as a whole; what is wrong with one bandit, its key or its shard, shows in the calls for it. */
  isHealthy(): boolean {
    return this.#connection.isReady() && !this.#isLost;
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

  async addRewards(rewards: readonly RewardWrite[]): Promise<readonly StoredOutcome[]> {
    const outcomes: StoredOutcome[] = Array.from({ length: rewards.length }, () => 'failed');
    const positions = Map.groupBy(rewards.keys(), (at) => rewards[at]!.bandit);
    const calls = [...positions].flatMap(([bandit, own]) =>
      chunks(own, REWARDS_PER_CALL).map((chunk) => ({ bandit, chunk })),
    );
    await this.#settle('rewards', calls, async ({ bandit, chunk }) => {
      const codes = await this.#addChunk(
        bandit,
        chunk.map((at) => rewards[at]!),
      );
      chunk.forEach((at, i) => (outcomes[at] = codes[i]!));
    });
    return outcomes;
  }

  async addServed(counts: readonly ServedCount[]): Promise<void> {
    const grouped = Map.groupBy(counts, (count) => count.bandit);
    await allOf([...grouped].map(([bandit, own]) => this.#served.add(bandit, own)));
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
    const sums = new Map<string, BanditSums>();
    const calls = bandits.map((bandit) => ({ bandit }));
    await this.#settle('sums', calls, async ({ bandit }) => {
      const fields = await this.#run(() => this.#connection.client.hgetall(this.#keys(bandit)[0]));
      sums.set(bandit, readBanditSums(bandit, fields, this.#logger));
    });
    return sums;
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

  /** Runs all calls and waits for all. What fails for some bandits is logged; rejects when every call failed. */
  async #settle<C extends { readonly bandit: string }>(
    what: 'rewards' | 'sums',
    calls: readonly C[],
    run: (call: C) => Promise<void>,
  ): Promise<void> {
    const results = await Promise.allSettled(calls.map(run));
    const reasons = new Map<string, Error>();
    results.forEach((result, i) => {
      if (result.status === 'rejected') reasons.set(calls[i]!.bandit, asError(result.reason));
    });
    if (results.length > 0 && results.every(({ status }) => status === 'rejected')) throw [...reasons.values()][0];
    for (const { bandit } of calls) {
      const key = `${what} ${bandit}`;
      const reason = reasons.get(bandit);
      if (reason === undefined) this.#failing.delete(key);
      else if (!this.#failing.has(key)) {
        this.#failing.add(key);
        this.#logger.warn({ bandit, what, reason: String(reason) }, 'the state of a bandit in Redis cannot be used');
      }
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
        if (step === READY_STEPS) throw new NotConnected();
      }
    }
  }

  async #run<T>(command: () => Promise<T>): Promise<T> {
    if (!this.#connection.isReady()) throw new NotConnected();
    try {
      const result = await withinTime(command(), this.#timeoutMs);
      this.#answered();
      return result;
    } catch (error) {
      // While others are answered it is one shard that is away; a refusal is an answer.
      if (!isLostAnswer(error)) this.#answered();
      else if (performance.now() - this.#answeredMs >= this.#silenceMs) this.#isLost = true;
      throw error;
    }
  }

  #answered(): void {
    this.#answeredMs = performance.now();
    this.#isLost = false;
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

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
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
