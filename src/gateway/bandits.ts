import { closableBeforeMs, windowLengthMs } from '../core/bandit/window.ts';
import { posteriorMean } from '../core/bandit/posterior.ts';
import type { ArmWeights, Assignment } from '../core/decision.ts';
import type { Bandit, Snapshot } from '../core/snapshot.ts';
import { banditKey, banditPosterior, viewArms, type ArmView, type BanditPosterior } from './bandit-posterior.ts';
import type { Degradation } from './degradation.ts';
import type { BanditSums, Clock, Logger, Metrics, StateStore } from './ports.ts';
import { ServedCounts } from './served-counts.ts';
import type { DecisionTokens } from './token.ts';

export interface BanditLearnerOptions {
  readonly store: StateStore;
  readonly tokens: DecisionTokens;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly degradation: Degradation;
  /** Draws in [0, 1), which spread the work of replicas in time. */
  readonly random?: () => number;
}

/** What `/admin/bandits` shows of one bandit. */
export interface BanditView {
  readonly name: string;
  readonly epoch: number;
  readonly reward: Bandit['reward'];
  readonly version: number;
  /** When the posterior was last read, milliseconds since the epoch; null: never. */
  readonly refreshedMs: number | null;
  /** Whether the last read went well. */
  readonly healthy: boolean;
  readonly arms: readonly ArmView[];
}

/** A bandit at work. */
interface Entry {
  readonly bandit: Bandit;
  sums: BanditSums | null;
  posterior: BanditPosterior;
  refreshedMs: number | null;
  isHealthy: boolean;
  /** Steady times of the next read and of the next closing of windows. */
  readAtMs: number;
  closeAtMs: number;
}

const MIN_REFRESH_MS = 100;
const LONGEST_PAUSE_MS = 1_000;
const CLOSING_INTERVAL_MS = { least: 1_000, most: 60_000 } as const;

/**
 * Keeps what each bandit serves up to date: reads the sums that all replicas share, makes the shares anew when they have
 * changed, and reports what was served. When the state cannot be reached, the last shares stay.
 */
export class BanditLearner {
  readonly #options: BanditLearnerOptions;
  readonly #random: () => number;
  readonly #served = new ServedCounts();
  #entries = new Map<string, Entry>();
  #weights: ArmWeights[] = [];
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();
  #isClosed = false;
  #droppedBefore = 0;

  constructor(options: BanditLearnerOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
  }

  /**
   * Takes over a new configuration. What was learned stays, by name and epoch. Returns the cells that requests of this
   * snapshot are served from, by `Bandit.index`; they are renewed until the next snapshot is taken over.
   */
  adopt(snapshot: Snapshot): ReadonlyArray<ArmWeights | undefined> {
    const previous = this.#entries;
    this.#entries = new Map();
    const weights: ArmWeights[] = [];
    for (const bandit of snapshot.bandits) {
      const known = previous.get(banditKey(bandit));
      const sums = known?.sums ?? null;
      const posterior = banditPosterior(bandit, sums);
      const { refreshedMs = null, isHealthy = true } = known ?? {};
      const entry = { bandit, sums, posterior, refreshedMs, isHealthy, readAtMs: 0, closeAtMs: 0 };
      this.#entries.set(banditKey(bandit), entry);
      weights[bandit.index] = posterior.weights;
      this.#show(entry);
    }
    for (const [key, { bandit }] of previous) this.#clearShares(bandit, this.#entries.get(key)?.bandit);
    this.#weights = weights;
    if (this.#timer !== null) this.#schedule(0);
    return weights;
  }

  /** Counts a decision as served and gives its token, if there is a key. `timeMs` is the time of the decision. */
  serve(assignment: Assignment, timeMs: number): string | null {
    const { bandit, armIndex, propensity, posteriorVersion } = assignment;
    if (bandit === null) return null;
    const { tokens } = this.#options;
    const token = tokens.issue(timeMs, bandit.id, bandit.arms[armIndex]!.id, propensity, posteriorVersion);
    // Without a token nobody can reward the decision; counted, it would get the default reward for certain.
    if (token !== null) this.#served.add(bandit, armIndex, timeMs);
    return token;
  }

  /** Refreshes from now on; the first time at once. */
  start(): void {
    this.#schedule(0);
  }

  /** Reports, closes windows and reads for all bandits now. Never rejects. */
  refresh(): Promise<void> {
    for (const entry of this.#entries.values()) entry.readAtMs = entry.closeAtMs = 0;
    return this.#run();
  }

  describe(): BanditView[] {
    return [...this.#entries.values()].map(({ bandit, sums, posterior, refreshedMs, isHealthy }) => ({
      name: bandit.name,
      epoch: bandit.epoch,
      reward: bandit.reward,
      version: posterior.weights.version,
      refreshedMs,
      healthy: isHealthy,
      arms: viewArms(bandit, posterior, sums),
    }));
  }

  /** Stops and reports what was served last. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
    await this.#report().catch((error: unknown) =>
      this.#options.logger.warn({ reason: String(error) }, 'served decisions could not be reported'),
    );
  }

  #schedule(delayMs: number): void {
    if (this.#isClosed) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      void this.#run().then(() => this.#schedule(this.#pauseMs()));
    }, delayMs).unref();
  }

  #pauseMs(): number {
    const nowMs = this.#options.clock.steady();
    let pauseMs = LONGEST_PAUSE_MS;
    for (const { readAtMs } of this.#entries.values()) pauseMs = Math.min(pauseMs, readAtMs - nowMs);
    return Math.max(1, pauseMs);
  }

  /** One round at a time: a call during a round waits for a round of its own. */
  #run(): Promise<void> {
    this.#running = this.#running.then(() => this.#round());
    return this.#running;
  }

  async #round(): Promise<void> {
    const { clock, degradation } = this.#options;
    const steadyMs = clock.steady();
    const due = [...this.#entries.values()].filter(({ readAtMs }) => readAtMs <= steadyMs);
    // One draw for all: bandits of one interval stay together, and a round costs the state as much for one as for many.
    const jitter = this.#jitter(1);
    for (const entry of due) entry.readAtMs = steadyMs + jitter * Math.max(MIN_REFRESH_MS, entry.bandit.refreshMs);
    if (due.length === 0) return;
    const failures: unknown[] = [];
    const attempt = (work: Promise<void>) => work.catch((error: unknown) => void failures.push(error));
    // What cannot be written does not keep from learning what can be read.
    await attempt(this.#report());
    await attempt(this.#closeWindows(due, steadyMs));
    await attempt(this.#read(due));
    degradation.set('learner', failures.length > 0, failures.length > 0 ? String(failures[0]) : undefined);
  }

  /** Reads the sums of bandits. Those that could not be read keep their shares; then it rejects. */
  async #read(due: readonly Entry[]): Promise<void> {
    const { metrics, store } = this.#options;
    const keys = due.map(({ bandit }) => banditKey(bandit));
    let sums: ReadonlyMap<string, BanditSums> = new Map();
    try {
      sums = await store.readSums(keys);
      const missing = keys.filter((key) => !sums.has(key));
      if (missing.length > 0) throw new Error(`The state of ${missing.join(', ')} cannot be read.`);
    } finally {
      for (const { bandit } of due) {
        const read = sums.get(banditKey(bandit));
        this.#take(banditKey(bandit), read);
        metrics.counter('makas_bandit_refresh_total', bandit.name, read === undefined ? 'failed' : 'ok').inc();
      }
    }
  }

  /** Writes the served counts; what fails is kept for the next time, then rejects. */
  async #report(): Promise<void> {
    const { store, logger } = this.#options;
    const groups = [...this.#served.take().values()];
    const results = await Promise.allSettled(groups.map((counts) => store.addServed(counts)));
    results.forEach((result, i) => {
      if (result.status === 'rejected') this.#served.putBack(groups[i]!);
    });
    const lost = this.#served.dropped - this.#droppedBefore;
    this.#droppedBefore = this.#served.dropped;
    if (lost > 0) logger.warn({ lost }, 'served decisions are not counted, because the state is away for too long');
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /** Any replica may close a window, and several at once: each is closed once. */
  async #closeWindows(due: readonly Entry[], steadyMs: number): Promise<void> {
    const { store, clock } = this.#options;
    const closing = due.filter(({ closeAtMs }) => closeAtMs <= steadyMs);
    if (closing.length === 0) return;
    const { least, most } = CLOSING_INTERVAL_MS;
    const close = async (entry: Entry): Promise<void> => {
      const { waitMs, default: reward } = entry.bandit.reward;
      const beforeMs = closableBeforeMs(clock.now(), waitMs);
      await store.closeWindows([{ bandit: banditKey(entry.bandit), reward, beforeMs }]);
      entry.closeAtMs = steadyMs + this.#jitter(Math.min(most, Math.max(least, windowLengthMs(waitMs))));
    };
    for (const result of await Promise.allSettled(closing.map(close)))
      if (result.status === 'rejected') throw result.reason;
  }

  /** Takes sums that were read, undefined when they could not be; by key, because a new snapshot may have come in between. */
  #take(key: string, sums: BanditSums | undefined): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.isHealthy = sums !== undefined;
    if (sums === undefined) return;
    entry.refreshedMs = this.#options.clock.now();
    const hasChanged = entry.sums === null || entry.bandit.arms.some(({ name }) => !isSame(entry.sums!, sums, name));
    entry.sums = sums;
    if (!hasChanged) return;
    entry.posterior = banditPosterior(entry.bandit, sums);
    this.#weights[entry.bandit.index] = entry.posterior.weights;
    for (const arm of entry.posterior.invalid) {
      this.#options.logger.warn(
        { bandit: entry.bandit.name, arm },
        'the sums of an arm do not fit its kind of reward; it counts as unseen',
      );
    }
    this.#show(entry);
  }

  #show({ bandit, posterior }: Entry): void {
    const { metrics } = this.#options;
    bandit.arms.forEach(({ name }, i) => {
      metrics.gauge('makas_bandit_share', bandit.name, name).set(posterior.weights.shares[i]!);
      metrics.gauge('makas_bandit_mean', bandit.name, name).set(posteriorMean(posterior.posteriors[i]!));
      metrics.gauge('makas_bandit_rewards', bandit.name, name).set(posterior.sums[i]!.count);
    });
  }

  /** Arms that are configured no longer are served no longer. */
  #clearShares(bandit: Bandit, present: Bandit | undefined): void {
    for (const { name } of bandit.arms) {
      if (present?.arms.some((arm) => arm.name === name)) continue;
      this.#options.metrics.gauge('makas_bandit_share', bandit.name, name).set(0);
    }
  }

  /** Within 10 % of `ms`, so that replicas do not all come at once. */
  #jitter(ms: number): number {
    return ms * (0.9 + this.#random() * 0.2);
  }
}

function isSame(before: BanditSums, now: BanditSums, arm: string): boolean {
  const a = before.arms.get(arm);
  const b = now.arms.get(arm);
  return a?.count === b?.count && a?.sum === b?.sum && a?.sumOfSquares === b?.sumOfSquares;
}
