import type { ConnectionSettings, Endpoint } from '../../core/snapshot.ts';
import type { AnswerReceiver, EndpointPool, Upstream, UpstreamCall, UpstreamRequest } from '../../gateway/ports.ts';
import { PoolOfEndpoint } from './endpoint-pool.ts';
import { UndiciCall } from './undici-call.ts';

/** Transport by undici: one pool of keep-alive connections for each endpoint. */
export class UndiciUpstream implements Upstream {
  readonly #pools = new Map<string, PoolOfEndpoint>();
  readonly #closing = new Set<Promise<void>>();

  send(pool: EndpointPool, request: UpstreamRequest, receiver: AnswerReceiver): UpstreamCall {
    if (!(pool instanceof PoolOfEndpoint)) throw new TypeError('not a pool of this upstream');
    const call = new UndiciCall(request, receiver, pool);
    pool.take(call);
    return call;
  }

  pool(endpoint: Endpoint, settings: ConnectionSettings): EndpointPool {
    let pool = this.#pools.get(endpoint.id);
    if (pool === undefined) {
      pool = new PoolOfEndpoint(endpoint, settings);
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
  }

  async close(): Promise<void> {
    this.retain(new Set());
    await Promise.all(this.#closing);
  }

  #close(pool: PoolOfEndpoint): void {
    const closing = pool.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
