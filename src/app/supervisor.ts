import { setTimeout as pause } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';

import type { ReadyConfig } from '../config/prepare.ts';
import type { LineRelay } from '../edges/log/line-relay.ts';
import { SERIES_MAX, type PromMetrics } from '../edges/telemetry/metrics.ts';
import { createSeriesMemory } from '../edges/telemetry/series-memory.ts';
import { Degradation } from '../gateway/degradation.ts';
import type { Gauge, Logger } from '../gateway/ports.ts';
import type { DataAddresses, DataPorts } from './data-plane.ts';
import { WorkerEnded, WorkerLink, within } from './worker-link.ts';
import type { WorkerDescription } from './worker-messages.ts';

export interface SupervisorPorts {
  readonly workers: number;
  /** Of the data listeners; 0: any free one. */
  readonly ports: DataPorts;
  readonly drainMs: number;
  readonly keyCheckMs: number | undefined;
  readonly logger: Logger;
  readonly metrics: PromMetrics;
  readonly lines: LineRelay;
  /** A worker's way to the state; null: it finds it by itself, or the state is away. */
  readonly connectState: () => MessagePort | null;
}

const START_MS = 30_000;
const PREPARE_MS = 15_000;
const COMMIT_MS = 5_000;
const LISTEN_MS = 5_000;
/** A worker that is too busy to answer in time is shown as it was at the last scrape. */
const COLLECT_MS = 250;
const DESCRIBE_MS = 1_000;
/** A worker that does not answer twice hangs: nothing that it does by design takes a tenth of that. */
const BEAT_MS = { pause: 1_000, limit: 5_000 } as const;
const BEATS_MISSED_MAX = 2;
/** What a worker may take to end beyond its drain. */
const END_MS = 5_000;
const BACKOFF_MS = { first: 100, most: 10_000 } as const;
/** A worker that served this long did not fail at the start. */
const STABLE_MS = 30_000;

/**
 * Starts the workers, takes configurations live in all of them or none, and starts another one where one ended.
 */
export class Supervisor {
  readonly #ports: SupervisorPorts;
  readonly #links = new Set<WorkerLink>();
  readonly #serving: Gauge;
  readonly #missing: Degradation;
  readonly #ending = new AbortController();
  readonly #places: Promise<void>[] = [];
  #config: ReadyConfig;
  #listenPorts: DataPorts;
  #addresses: DataAddresses | null = null;
  /** All workers have served at one time; from then on one that does not is missed. */
  #isUp = false;
  /** Reloads and starts come one after the other, so that no worker misses a configuration. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(config: ReadyConfig, ports: SupervisorPorts) {
    this.#config = config;
    this.#ports = ports;
    this.#listenPorts = ports.ports;
    const { metrics, logger } = ports;
    this.#serving = metrics.gauge('makas_workers');
    this.#missing = new Degradation('workers', metrics.gauge('makas_degraded', 'workers'), logger);
    metrics.beforeScrape(() => this.#collect());
  }

  get isEnding(): boolean {
    return this.#ending.signal.aborted;
  }

  get links(): readonly WorkerLink[] {
    return [...this.#links];
  }

  /** Resolves with the addresses when all workers serve; rejects when one cannot. */
  async start(): Promise<DataAddresses> {
    const first = Array.from({ length: this.#ports.workers }, (_, i) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#places.push(this.#keep(i + 1, resolve, reject));
      return promise;
    });
    await Promise.all(first);
    this.#isUp = true;
    return this.#addresses as DataAddresses;
  }

  /**
   * Takes a configuration live: every worker prepares it, then every one serves it. When one cannot, it goes live
   * nowhere and this rejects. A worker that ends meanwhile is no obstacle, another one starts with what is right.
   */
  adopt(next: ReadyConfig): Promise<void> {
    return this.#exclusively(async () => {
      const links = [...this.#links].filter(({ isStarted }) => isStarted);
      const config = portable(next);
      const prepared = await Promise.allSettled(links.map((link) => link.ask({ ask: 'prepare', config }, PREPARE_MS)));
      const refused = prepared.find(
        (result) => result.status === 'rejected' && !(result.reason instanceof WorkerEnded),
      );
      if (refused?.status === 'rejected') {
        await Promise.allSettled(links.map((link) => link.ask({ ask: 'abandon' }, COMMIT_MS)));
        throw refused.reason;
      }
      this.#config = next;
      await Promise.all(links.map((link) => this.#commit(link, next)));
    });
  }

  /** What the workers that answer in time have to show. */
  async describe(): Promise<WorkerDescription[]> {
    const asked = await Promise.allSettled(this.#live().map((link) => link.ask({ ask: 'describe' }, DESCRIBE_MS)));
    return asked.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  }

  /** The state was started anew: gives every worker a new way to it. */
  renewState(): void {
    for (const link of this.#live()) {
      const statePort = this.#ports.connectState();
      if (statePort !== null) link.post({ statePort }, [statePort]);
    }
  }

  /** Ends every worker, after it has drained. */
  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.all([...this.#links].map((link) => this.#end(link)));
    await Promise.all(this.#places);
  }

  /** Keeps a worker in one place: starts it, and another one when it has ended. */
  async #keep(id: number, onServing: () => void, onFailure: (error: Error) => void): Promise<void> {
    const { metrics, logger } = this.#ports;
    let isFirst = true;
    let delayMs = 0;
    while (!this.isEnding) {
      const link = this.#open(id);
      let servedMs = 0;
      try {
        await this.#join(link);
        void this.#watch(link);
        onServing();
        isFirst = false;
        servedMs = performance.now();
      } catch (error) {
        await link.thread.terminate();
        await link.ended;
        // The first start of all fails as a whole; later ones are tried again.
        if (isFirst) onFailure(error instanceof Error ? error : new Error(String(error)));
        else if (!this.isEnding) logger.error({ worker: id, reason: String(error) }, 'a worker cannot start');
      }
      const reason = await link.ended;
      this.#bury(link);
      if (isFirst || this.isEnding) return;
      if (servedMs > 0) logger.error({ worker: id, reason }, 'a worker ended; another one takes its place');
      metrics.counter('makas_worker_restarts_total').inc();
      const isStable = servedMs > 0 && performance.now() - servedMs > STABLE_MS;
      if (isStable) delayMs = 0;
      await pause(delayMs, undefined, { signal: this.#ending.signal }).catch(() => {});
      delayMs = Math.min(BACKOFF_MS.most, Math.max(BACKOFF_MS.first, 2 * delayMs));
    }
  }

  /** Ends a worker whose event loop hangs: it would keep its share of the connections without ever answering. */
  async #watch(link: WorkerLink): Promise<void> {
    // More than one, since it may have been this thread that did not hear the answer in time.
    for (let missed = 0; missed < BEATS_MISSED_MAX;) {
      await pause(BEAT_MS.pause, undefined, { signal: this.#ending.signal, ref: false }).catch(() => {});
      if (!link.isServing || this.isEnding) return;
      const isAlive = await link.ask({ ask: 'beat' }, BEAT_MS.limit).then(
        () => true,
        () => false,
      );
      missed = isAlive ? 0 : missed + 1;
    }
    if (!link.isServing || this.isEnding) return;
    this.#ports.logger.error({ worker: link.id }, 'a worker hangs and is ended');
    await link.thread.terminate();
  }

  #open(id: number): WorkerLink {
    const { metrics, lines, workers, keyCheckMs, connectState } = this.#ports;
    const memory = createSeriesMemory(SERIES_MAX);
    const config = portable(this.#config);
    const link: WorkerLink = new WorkerLink(
      { id, workers, config, memory, statePort: connectState(), keyCheckMs },
      this.#config,
      metrics.attach(memory),
      (text) => lines.take(text, () => link.post({ taken: text.length })),
    );
    this.#links.add(link);
    return link;
  }

  /** Brings a new worker to where the others are. */
  async #join(link: WorkerLink): Promise<void> {
    await within(START_MS, `worker ${link.id} did not start`, link.started);
    await this.#exclusively(async () => {
      const next = this.#config;
      if (link.config !== next) {
        await link.ask({ ask: 'prepare', config: portable(next) }, PREPARE_MS);
        await link.ask({ ask: 'commit' }, COMMIT_MS);
        link.config = next;
      }
      if (this.isEnding) throw new Error('the gateway is about to end');
      const addresses = await link.ask({ ask: 'listen', ports: this.#listenPorts }, LISTEN_MS);
      this.#addresses ??= addresses;
      // Where any free port will do, the others take those of the first.
      this.#listenPorts = { http: portOf(addresses.http), grpc: portOf(addresses.grpc) };
      link.isServing = true;
      link.series.absorb(Infinity);
      this.#showServing();
    });
  }

  /** A worker that cannot serve what it prepared must not serve something else. */
  async #commit(link: WorkerLink, next: ReadyConfig): Promise<void> {
    try {
      await link.ask({ ask: 'commit' }, COMMIT_MS);
      link.config = next;
    } catch (error) {
      if (error instanceof WorkerEnded) return;
      this.#ports.logger.error({ worker: link.id, reason: String(error) }, 'a worker cannot take the configuration');
      await link.thread.terminate();
    }
  }

  /** Keeps what an ended worker has counted. */
  #bury(link: WorkerLink): void {
    const { metrics, logger } = this.#ports;
    const { series } = link;
    this.#links.delete(link);
    metrics.fold(series, () => {
      const begun = series.sumOf('makas_requests_started_total');
      const lost = begun - series.sumOf('makas_requests_total') - series.sumOf('makas_requests_aborted_total');
      if (lost > 0) metrics.counter('makas_requests_aborted_total', 'worker-ended').inc(lost);
    });
    const rewards = series.sumOf('makas_rewards_buffered');
    if (rewards > 0) logger.error({ worker: link.id, lost: rewards }, 'rewards that waited for the state are lost');
    this.#showServing();
  }

  async #end(link: WorkerLink): Promise<void> {
    const { drainMs, logger } = this.#ports;
    try {
      if (link.isStarted) await link.ask({ ask: 'close' }, drainMs + END_MS);
      else await link.thread.terminate();
      await within(END_MS, 'its thread did not end', link.ended);
    } catch (error) {
      if (error instanceof WorkerEnded) return;
      logger.error({ worker: link.id, reason: String(error) }, 'a worker did not end in time');
      await link.thread.terminate();
    }
  }

  async #collect(): Promise<void> {
    await Promise.allSettled(this.#live().map((link) => link.ask({ ask: 'collect' }, COLLECT_MS)));
  }

  #showServing(): void {
    const serving = this.#live().length;
    this.#serving.set(serving);
    if (this.#isUp && !this.isEnding) this.#missing.set('ended', serving < this.#ports.workers);
  }

  #live(): WorkerLink[] {
    return [...this.#links].filter(({ isServing }) => isServing);
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work, work);
    this.#turn = done.catch(() => {});
    return done;
  }
}

function portOf(address: string | null): number {
  return address === null ? 0 : Number(new URL(address).port);
}

/** A thread takes copies of plain data, and a `ReadyConfig` has functions beside it. */
function portable({ config, hash, secrets }: ReadyConfig): Pick<ReadyConfig, 'config' | 'hash' | 'secrets'> {
  return { config, hash, secrets };
}
