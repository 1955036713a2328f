import type { Degradation } from './degradation.ts';
import type { Logger, StateStore } from './ports.ts';
import type { DecisionTokens } from './token.ts';

export interface SigningKeyKeeperOptions {
  readonly store: StateStore;
  readonly tokens: DecisionTokens;
  readonly logger: Logger;
  readonly degradation: Degradation;
  /** Time between attempts while the store is away, milliseconds. */
  readonly retryMs?: number | undefined;
  /** Time between checks that the store still has the key, milliseconds. */
  readonly checkMs?: number | undefined;
  /** Longest wait of `start`, milliseconds. */
  readonly startWaitMs?: number | undefined;
}

const RETRY_MS = 1_000;
const CHECK_MS = 30_000;
const START_WAIT_MS = 2_000;
const CAUSE = 'signing-key';

/**
 * Brings the signing key that replicas share from the store to the tokens, as soon as the store can be reached. Checks
 * now and then that the store still has it: one that lost its data gets the key back, and when another replica had a
 * new one stored before that, the new one is used, so that replicas accept each other's tokens again.
 */
export class SigningKeyKeeper {
  readonly #options: SigningKeyKeeperOptions;
  #key: Uint8Array | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;
  #toldReason: string | null = null;

  constructor(options: SigningKeyKeeperOptions) {
    this.#options = options;
  }

  /** Waits for the key, for a while; without it attempts go on in the background. Never rejects. */
  async start(): Promise<void> {
    const { startWaitMs = START_WAIT_MS, degradation } = this.#options;
    const { promise: limit, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, startWaitMs);
    await Promise.race([this.#check(), limit]);
    clearTimeout(timer);
    if (this.#key === null)
      degradation.set(CAUSE, true, 'Decisions of bandits have no token until the signing key is read.');
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #check(): Promise<void> {
    const { store, retryMs = RETRY_MS, checkMs = CHECK_MS } = this.#options;
    try {
      this.#take(await store.signingKey(this.#key ?? undefined));
      this.#toldReason = null;
      // Spread by 10 %, so that replicas do not all come at once.
      this.#schedule(checkMs * (0.9 + Math.random() * 0.2));
    } catch (error) {
      this.#tell(error instanceof Error ? error.message : String(error));
      this.#schedule(retryMs);
    }
  }

  #take(key: Uint8Array): void {
    const { tokens, degradation, logger } = this.#options;
    const known = this.#key;
    if (this.#isClosed || (known !== null && Buffer.compare(known, key) === 0)) return;
    tokens.useKey(key);
    this.#key = key;
    if (known === null) degradation.set(CAUSE, false);
    else
      logger.warn(
        {},
        'the state has another signing key now, which is used from here on; only this replica still accepts earlier tokens',
      );
  }

  /** Each reason once: attempts are many while the store is away. */
  #tell(reason: string): void {
    if (this.#isClosed || reason === this.#toldReason) return;
    this.#toldReason = reason;
    this.#options.logger.warn({ reason }, 'the signing key could not be read');
  }

  #schedule(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.#check(), delayMs).unref();
  }
}
