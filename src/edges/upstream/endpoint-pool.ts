import { readFileSync } from 'node:fs';

import { Pool } from 'undici';

import type { ConnectionSettings, Endpoint, TlsSettings } from '../../core/snapshot.ts';
import type { EndpointPool } from '../../gateway/ports.ts';
import type { UndiciCall, WaitingLine } from './undici-call.ts';

/** How long a pool that is no longer used may take to end what is under way. */
const CLOSE_LIMIT_MS = 60_000;

/**
 * The connections to one endpoint. Deadlines are the gateway's, so undici's own time limits are off. Calls wait here and
 * not at undici, which would keep the bodies of those that were given up until a connection is free.
 */
export class PoolOfEndpoint implements EndpointPool, WaitingLine {
  readonly endpoint: Endpoint;
  readonly #options: Pool.Options;
  #pool: Pool;
  readonly #connections: number;
  /** In the order of their coming. */
  readonly #waiting = new Set<UndiciCall>();
  /** How many calls undici has. Not a set of them: one with so much coming and going keeps dead calls alive for long. */
  #sent = 0;
  #isAdvancing = false;
  #onIdle: (() => void) | null = null;
  inflight = 0;
  downUntilMs = 0;

  /** Throws when a file of the TLS settings cannot be read. */
  constructor(endpoint: Endpoint, settings: ConnectionSettings) {
    this.endpoint = endpoint;
    this.#connections = settings.connections;
    this.#options = {
      connections: settings.connections,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: settings.keepAliveMs,
      keepAliveMaxTimeout: 600_000,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: settings.maxAnswerBytes,
      connect: { timeout: settings.connectTimeoutMs, ...tlsOptions(settings.tls) },
    };
    this.#pool = new Pool(endpoint.origin, this.#options);
  }

  /** Sends the call, now or when a connection is free. */
  take(call: UndiciCall): void {
    if (this.#sent >= this.#connections) this.#waiting.add(call);
    else this.#send(call);
  }

  leave(call: UndiciCall): boolean {
    return this.#waiting.delete(call);
  }

  end(): void {
    this.#sent--;
    // Calls that fail at once end inside this loop.
    if (this.#isAdvancing) return;
    if (this.#waiting.size === 0) return this.#tellIdle();
    this.#isAdvancing = true;
    for (const next of this.#waiting) {
      if (this.#sent >= this.#connections) break;
      this.#waiting.delete(next);
      this.#send(next);
    }
    this.#isAdvancing = false;
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.#sent === 0) this.#onIdle?.();
  }

  /**
   * undici refused the form of a request. Its pool then takes the connection that would have carried it for a busy one
   * for ever (8.12), so another pool goes on.
   */
  renew(): void {
    this.#pool.close().catch(() => {});
    this.#pool = new Pool(this.endpoint.origin, this.#options);
  }

  /** Ends what is under way, then closes the connections. */
  async close(): Promise<void> {
    const timer = setTimeout(() => {
      this.#pool.destroy().catch(() => {});
    }, CLOSE_LIMIT_MS);
    timer.unref();
    if (this.#sent > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    // Rejects when it was destroyed meanwhile: then there is nothing left to close.
    await this.#pool.close().catch(() => {});
    clearTimeout(timer);
  }

  #send(call: UndiciCall): void {
    this.#sent++;
    call.dispatch(this.#pool);
  }
}

function tlsOptions(tls: TlsSettings | null): object {
  if (tls === null) return {};
  return {
    ...(tls.ca === null ? {} : { ca: readFileSync(tls.ca) }),
    ...(tls.cert === null ? {} : { cert: readFileSync(tls.cert) }),
    ...(tls.key === null ? {} : { key: readFileSync(tls.key) }),
    ...(tls.serverName === null ? {} : { servername: tls.serverName }),
  };
}
