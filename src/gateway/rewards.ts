import { isLate, rememberMs, windowOf } from '../core/bandit/window.ts';
import type { Bandit, BanditArm, Snapshot } from '../core/snapshot.ts';
import { grpcStatus } from '../protocol/grpc/status.ts';
import { banditKey } from './bandit-posterior.ts';
import type { Degradation } from './degradation.ts';
import type { Clock, Logger, Metrics, RewardOutcome, RewardWrite, StateStore, StoredOutcome } from './ports.ts';
import { RewardBuffer } from './reward-buffer.ts';
import { readRewardItem, readRewardValue } from './reward-item.ts';
import type { DecisionTokens } from './token.ts';

export type RewardCode = RewardOutcome | 'unknown' | 'forged' | 'invalid' | 'buffered' | 'refused';

/** HTTP status of each result. */
export const rewardStatus: Readonly<Record<RewardCode, number>> = {
  counted: 200,
  repeated: 200,
  buffered: 202,
  invalid: 400,
  forged: 403,
  unknown: 404,
  conflict: 409,
  late: 410,
  refused: 503,
};

/** Status of gRPC of each result. */
export const rewardGrpcStatus: Readonly<Record<RewardCode, number>> = {
  counted: grpcStatus.OK,
  repeated: grpcStatus.OK,
  buffered: grpcStatus.OK,
  invalid: grpcStatus.INVALID_ARGUMENT,
  forged: grpcStatus.PERMISSION_DENIED,
  unknown: grpcStatus.NOT_FOUND,
  conflict: grpcStatus.ALREADY_EXISTS,
  late: grpcStatus.FAILED_PRECONDITION,
  refused: grpcStatus.UNAVAILABLE,
};

const messages: Readonly<Record<Exclude<RewardCode, 'counted' | 'repeated' | 'invalid'>, string>> = {
  buffered: 'The reward is accepted and will be stored as soon as the state can be reached.',
  forged: 'decision is not a token of this gateway; send the text of the header makas-decision unchanged.',
  unknown: 'The bandit or the arm of this decision is no longer configured.',
  conflict: 'Another reward was counted for this decision before; the first one stays.',
  late: 'The reward came after the reward wait time of its bandit.',
  refused: 'The reward cannot be stored now; send it again later.',
};

export interface RewardResult {
  /** The token as it was sent, cut to 100 characters; '' when there was none. */
  readonly decision: string;
  readonly result: RewardCode;
  readonly message?: string;
}

export interface RewardDeskOptions {
  readonly store: StateStore;
  readonly tokens: DecisionTokens;
  readonly snapshot: () => Snapshot;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly degradation: Degradation;
  /** Rewards kept while the store is away. */
  readonly bufferLimit: number;
  /** Longest wait for the store, milliseconds. */
  readonly timeoutMs?: number;
  /** Time between attempts while the store is away, milliseconds. */
  readonly retryMs?: number;
}

/** A reward that may be counted, and where its result goes. */
interface Entry {
  readonly at: number;
  readonly write: RewardWrite;
  readonly bandit: string;
}

const TIMEOUT_MS = 5_000;
const RETRY_MS = 250;
const FLUSH_BATCH = 500;
const CLOSE_ATTEMPTS = 3;
const UNKNOWN_BANDIT = 'unknown';
const NO_KEY = 'The state is away, and with it the key that decision is checked with; send the reward again later.';

/**
 * Takes rewards: checks each, has it stored once, and tells its result. While the store is away rewards wait in a
 * bounded buffer; a store that is written twice counts once, so an answer that got lost does no harm.
 */
export class RewardDesk {
  readonly #options: RewardDeskOptions;
  readonly #buffer: RewardBuffer;
  #index: { readonly snapshot: Snapshot; readonly bandits: ReadonlyMap<number, Bandit> } | null = null;
  #retry: NodeJS.Timeout | null = null;
  #flushing: Promise<boolean> | null = null;
  #isClosed = false;

  constructor(options: RewardDeskOptions) {
    this.#options = options;
    this.#buffer = new RewardBuffer(options.bufferLimit, options.metrics.gauge('makas_rewards_buffered'));
  }

  /** One result for each item, in order. Never rejects. */
  async submit(items: readonly unknown[]): Promise<RewardResult[]> {
    const results: RewardResult[] = [];
    const entries: Entry[] = [];
    items.forEach((item, at) => {
      const checked = this.#check(item, at);
      if ('write' in checked) entries.push(checked);
      else results[at] = checked;
    });
    const codes = await this.#store(entries);
    entries.forEach(
      ({ at, bandit }, i) =>
        (results[at] = this.#result(results[at]?.decision ?? decisionOf(items[at]), codes[i]!, bandit)),
    );
    return results;
  }

  /** Tries to store what waits, then gives up. */
  async close(): Promise<void> {
    for (let attempt = 0; attempt < CLOSE_ATTEMPTS && this.#buffer.size > 0; attempt++) {
      if (!(await this.#flush()))
        await new Promise((resolve) => setTimeout(resolve, this.#options.retryMs ?? RETRY_MS));
    }
    this.#isClosed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    if (this.#buffer.size > 0)
      this.#options.logger.error({ lost: this.#buffer.size }, 'rewards could not be stored before the end');
  }

  #check(item: unknown, at: number): Entry | RewardResult {
    const { tokens, clock } = this.#options;
    const decision = decisionOf(item);
    const reward = readRewardItem(item);
    if (typeof reward === 'string') return this.#result(decision, 'invalid', UNKNOWN_BANDIT, reward);
    const token = tokens.verify(reward.decision);
    if (token === 'no key') return this.#result(decision, 'refused', UNKNOWN_BANDIT, NO_KEY);
    if (token === 'forged') return this.#result(decision, 'forged', UNKNOWN_BANDIT);
    const bandit = this.#banditOf(token.banditId);
    const arm = bandit?.arms.find(({ id }) => id === token.armId);
    if (bandit === undefined || arm === undefined)
      return this.#result(decision, 'unknown', bandit?.name ?? UNKNOWN_BANDIT);
    const value = readRewardValue(reward.reward, bandit.reward);
    if (typeof value === 'string') return this.#result(decision, 'invalid', bandit.name, value);
    const nowMs = clock.now();
    const { timeMs: decisionMs } = token;
    const { waitMs } = bandit.reward;
    const eventMs = Math.min(reward.atMs ?? nowMs, nowMs);
    if (isLate({ decisionMs, eventMs, nowMs, waitMs })) return this.#result(decision, 'late', bandit.name);
    return {
      at,
      bandit: bandit.name,
      write: writeOf(bandit, arm, token.decision, reward.id, value, decisionMs, nowMs),
    };
  }

  #banditOf(id: number): Bandit | undefined {
    const snapshot = this.#options.snapshot();
    if (this.#index?.snapshot !== snapshot) {
      this.#index = { snapshot, bandits: new Map(snapshot.bandits.map((bandit) => [bandit.id, bandit])) };
    }
    return this.#index.bandits.get(id);
  }

  async #store(entries: readonly Entry[]): Promise<readonly RewardCode[]> {
    if (entries.length === 0) return [];
    const { store, degradation } = this.#options;
    // While earlier rewards of a bandit wait, later ones queue behind them: the earliest of a decision wins.
    const isHealthy = store.isHealthy();
    const ready = entries.filter(({ write }) => isHealthy && !this.#buffer.holds(write.bandit));
    const outcomes = new Map<Entry, StoredOutcome>();
    let reason: string | undefined;
    try {
      const stored = ready.length === 0 ? [] : await this.#write(ready.map(({ write }) => write));
      stored.forEach((outcome, i) => outcomes.set(ready[i]!, outcome));
    } catch (error) {
      reason = String(error);
    }
    let waits = false;
    const codes = entries.map((entry) => {
      const outcome = outcomes.get(entry) ?? 'failed';
      if (outcome !== 'failed') return outcome;
      waits = true;
      return this.#isClosed ? 'refused' : this.#buffer.add(entry.write);
    });
    if (waits) {
      degradation.set('rewards', true, reason);
      this.#scheduleFlush(0);
    }
    return codes;
  }

  async #write(writes: readonly RewardWrite[]): Promise<readonly StoredOutcome[]> {
    const { store, timeoutMs = TIMEOUT_MS } = this.#options;
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`The state did not answer within ${timeoutMs} ms.`)), timeoutMs);
    try {
      return await Promise.race([store.addRewards(writes), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #scheduleFlush(delayMs: number): void {
    if (this.#retry !== null || this.#isClosed) return;
    this.#retry = setTimeout(() => {
      this.#retry = null;
      void this.#flush().then((isDone) => {
        if (!isDone) this.#scheduleFlush(this.#options.retryMs ?? RETRY_MS);
      });
    }, delayMs).unref();
  }

  /** Stores what waits, in batches; false when some has to wait on. One at a time. */
  #flush(): Promise<boolean> {
    this.#flushing ??= this.#flushAll().finally(() => (this.#flushing = null));
    return this.#flushing;
  }

  async #flushAll(): Promise<boolean> {
    const { degradation, metrics } = this.#options;
    const failed = new Set<string>();
    for (;;) {
      // Each batch has rewards of every bandit that may be well, so that none waits behind another.
      const writes = this.#buffer.first(FLUSH_BATCH, failed);
      if (writes.length === 0) break;
      try {
        const outcomes = await this.#write(writes);
        for (const [i, write] of writes.entries()) {
          const outcome = outcomes[i]!;
          if (outcome === 'failed') {
            failed.add(write.bandit);
            continue;
          }
          this.#buffer.remove(write);
          metrics.counter('makas_rewards_flushed_total', nameOf(write.bandit), outcome).inc();
        }
      } catch (error) {
        degradation.set('rewards', true, String(error));
        return false;
      }
    }
    if (this.#buffer.size > 0) return false;
    degradation.set('rewards', false);
    return true;
  }

  #result(decision: string, result: RewardCode, bandit: string, detail?: string): RewardResult {
    this.#options.metrics.counter('makas_rewards_total', bandit, result).inc();
    const message = detail ?? (messages as Partial<Record<RewardCode, string>>)[result];
    return { decision, result, ...(message === undefined ? {} : { message }) };
  }
}

function nameOf(key: string): string {
  return key.slice(0, key.lastIndexOf(':'));
}

function writeOf(
  bandit: Bandit,
  arm: BanditArm,
  decision: string,
  id: string,
  reward: number,
  decisionMs: number,
  nowMs: number,
): RewardWrite {
  const { waitMs } = bandit.reward;
  return {
    bandit: banditKey(bandit),
    arm: arm.name,
    decision,
    id,
    reward,
    window: windowOf(decisionMs, waitMs),
    rememberMs: rememberMs(decisionMs, nowMs, waitMs),
  };
}

function decisionOf(item: unknown): string {
  const decision: unknown =
    typeof item === 'object' && item !== null ? (item as { decision?: unknown }).decision : undefined;
  return typeof decision === 'string' ? decision.slice(0, 100) : '';
}
