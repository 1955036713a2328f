import { prepareConfigFile, type PreparedConfig, type ReadyConfig } from '../config/prepare.ts';
import { formatProblem, type Problem } from '../config/problem.ts';
import type { Clock, Logger, Metrics } from '../gateway/ports.ts';

export interface ReloaderPorts {
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Takes a checked configuration live; when it throws, nothing has changed. */
  adopt(config: ReadyConfig): Promise<void>;
}

/**
 * Loads the configuration file again when asked to. Only what checks goes live; otherwise the old configuration keeps
 * running, and the failure is logged, counted and shown. One reload at a time; calls meanwhile lead to one more.
 */
export class Reloader {
  readonly #ports: ReloaderPorts;
  #current: ReadyConfig;
  #loadedAtMs: number;
  #lastError: string | null = null;
  #running: Promise<void> | null = null;
  #isWanted = false;

  constructor(first: ReadyConfig, ports: ReloaderPorts) {
    this.#ports = ports;
    this.#current = first;
    this.#loadedAtMs = ports.clock.now();
    this.#tell(true, null);
  }

  get current(): ReadyConfig {
    return this.#current;
  }

  get loadedAtMs(): number {
    return this.#loadedAtMs;
  }

  get lastError(): string | null {
    return this.#lastError;
  }

  /** Resolves when the file as it is now was tried. Never rejects. */
  reload(reason: string): Promise<void> {
    this.#isWanted = true;
    this.#running ??= this.#run(reason).finally(() => (this.#running = null));
    return this.#running;
  }

  async #run(reason: string): Promise<void> {
    while (this.#isWanted) {
      this.#isWanted = false;
      await this.#reloadOnce(reason);
    }
  }

  async #reloadOnce(reason: string): Promise<void> {
    const { path, logger, clock } = this.#ports;
    let prepared: PreparedConfig;
    try {
      prepared = prepareConfigFile(path);
    } catch (error) {
      return this.#fail(reason, [], error instanceof Error ? error.message : 'it could not be read');
    }
    if (prepared.snapshot === null) return this.#fail(reason, prepared.problems);
    if (prepared.hash === this.#current.hash && this.#lastError === null && isSameEffect(prepared, this.#current))
      return;
    try {
      await this.#ports.adopt(prepared);
    } catch (error) {
      return this.#fail(reason, [], error instanceof Error ? error.message : 'it could not be taken live');
    }
    this.#current = prepared;
    this.#loadedAtMs = clock.now();
    this.#tell(true, null);
    logger.info({ reason, config: prepared.hash, warnings: texts(prepared.problems, path) }, 'configuration loaded');
  }

  #fail(reason: string, problems: readonly Problem[], failure?: string): void {
    const { path, logger } = this.#ports;
    const found = texts(problems, path);
    if (failure !== undefined) found.push(failure);
    this.#tell(false, found.join('\n'));
    logger.error(
      { reason, problems: found, config: this.#current.hash },
      'the new configuration is refused; the old one keeps running',
    );
  }

  #tell(isOk: boolean, error: string | null): void {
    const { metrics, clock } = this.#ports;
    this.#lastError = error;
    metrics.counter('makas_config_reloads_total', isOk ? 'ok' : 'failed').inc();
    metrics.gauge('makas_config_last_reload_success').set(isOk ? 1 : 0);
    if (isOk) metrics.gauge('makas_config_last_reload_timestamp_seconds').set(clock.now() / 1000);
  }
}

/** Secrets do not change the hash, but a changed secret is a change. */
function isSameEffect(a: ReadyConfig, b: ReadyConfig): boolean {
  return JSON.stringify(a.config) === JSON.stringify(b.config);
}

function texts(problems: readonly Problem[], path: string): string[] {
  return problems.map((problem) => formatProblem(problem, path));
}
