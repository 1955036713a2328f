import { readFileSync } from 'node:fs';

import { Pool } from 'undici';

import type { ConnectionSettings, Endpoint, TlsSettings } from '../../core/snapshot.ts';
import type { EndpointPool } from '../../gateway/ports.ts';

/** How long a pool that is no longer used may take to end what is under way. */
const CLOSE_LIMIT_MS = 60_000;

/** The connections to one endpoint. Deadlines are the gateway's, so undici's own time limits are off. */
export class PoolOfEndpoint implements EndpointPool {
  readonly endpoint: Endpoint;
  readonly pool: Pool;
  inflight = 0;
  downUntilMs = 0;

  /** Throws when a file of the TLS settings cannot be read. */
  constructor(endpoint: Endpoint, settings: ConnectionSettings) {
    this.endpoint = endpoint;
    this.pool = new Pool(endpoint.origin, {
      connections: settings.connections,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: settings.keepAliveMs,
      keepAliveMaxTimeout: 600_000,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: settings.maxAnswerBytes,
      connect: { timeout: settings.connectTimeoutMs, ...tlsOptions(settings.tls) },
    });
  }

  async close(): Promise<void> {
    const timer = setTimeout(() => void this.pool.destroy(), CLOSE_LIMIT_MS);
    timer.unref();
    await this.pool.close();
    clearTimeout(timer);
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
