import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';

import type { ConnectionSettings, Endpoint, TlsSettings } from '../../core/snapshot.ts';
import type { AnswerReceiver, EndpointPool, Upstream, UpstreamCall, UpstreamRequest } from '../../gateway/ports.ts';
import { socketConnect } from '../http2/client-session.ts';
import type { Connect } from '../http2/client-side.ts';
import { EndpointSessions } from './endpoint-sessions.ts';
import { nodeConnect } from '../http2/node-client-session.ts';
import { GrpcUpstreamCall } from './upstream-call.ts';

export interface GrpcUpstreamOptions {
  /** Takes what does not go to an endpoint of gRPC. */
  readonly other: Upstream;
  /** Whether endpoints without TLS are reached by plain sockets; else by node:http2, as all others are. */
  readonly express: boolean;
}

/**
 * Transport to model servers that speak gRPC: calls share connections of HTTP/2, without TLS by prior knowledge. It tries
 * nothing again by itself, and holds no deadlines but that of connecting: both are the gateway's.
 */
export class GrpcUpstream implements Upstream {
  readonly #other: Upstream;
  readonly #express: boolean;
  readonly #pools = new Map<string, EndpointSessions>();
  readonly #closing = new Set<Promise<void>>();

  constructor({ other, express }: GrpcUpstreamOptions) {
    this.#other = other;
    this.#express = express;
  }

  send(pool: EndpointPool, request: UpstreamRequest, receiver: AnswerReceiver): UpstreamCall {
    if (!(pool instanceof EndpointSessions)) return this.#other.send(pool, request, receiver);
    const call = new GrpcUpstreamCall(request, receiver, pool, pool.maxAnswerBytes);
    pool.take(call);
    return call;
  }

  pool(endpoint: Endpoint, settings: ConnectionSettings): EndpointPool {
    if (!endpoint.isGrpc) return this.#other.pool(endpoint, settings);
    let pool = this.#pools.get(endpoint.id);
    if (pool === undefined) {
      pool = new EndpointSessions(endpoint, settings, this.#connect(endpoint, settings));
      this.#pools.set(endpoint.id, pool);
    }
    return pool;
  }

  retain(ids: ReadonlySet<string>): void {
    for (const [id, pool] of this.#pools) {
      if (ids.has(id)) continue;
      this.#pools.delete(id);
      this.#close(pool);
    }
    this.#other.retain(ids);
  }

  async close(): Promise<void> {
    this.retain(new Set());
    await Promise.all([this.#other.close(), ...this.#closing]);
  }

  #connect({ origin }: Endpoint, { connectTimeoutMs, tls }: ConnectionSettings): Connect {
    if (origin.startsWith('https:')) return nodeConnect({ origin, connectTimeoutMs, tls: tlsOptions(tls) });
    return this.#express
      ? socketConnect({ origin, connectTimeoutMs })
      : nodeConnect({ origin, connectTimeoutMs, tls: null });
  }

  #close(pool: EndpointSessions): void {
    const closing = pool.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

/** Throws when a file cannot be read. */
function tlsOptions(tls: TlsSettings | null): ConnectionOptions {
  if (tls === null) return {};
  return {
    ...(tls.ca === null ? {} : { ca: readFileSync(tls.ca) }),
    ...(tls.cert === null ? {} : { cert: readFileSync(tls.cert) }),
    ...(tls.key === null ? {} : { key: readFileSync(tls.key) }),
    ...(tls.serverName === null ? {} : { servername: tls.serverName }),
  };
}
