import { GatewayError } from '../../core/errors.ts';
import type { ConnectionSettings, Endpoint } from '../../core/snapshot.ts';
import type { AnswerReceiver, EndpointPool, Upstream, UpstreamCall, UpstreamRequest } from '../../gateway/ports.ts';
import { EndpointConnections } from './endpoint-connections.ts';
import { PassingBody } from './passing-body.ts';
import { canBeSent } from './request-bytes.ts';
import { SocketCall } from './socket-call.ts';

export interface SocketUpstreamOptions {
  /** Takes what does not go this way: other endpoints than `http:`, and bodies that come by other lanes and are not whole. */
  readonly other: Upstream;
}

/**
 * The back of the express lane: HTTP/1.1 on plain sockets with kept connections, for requests whose body is whole or
 * of known length. It tries nothing again by itself, and holds no deadlines but that of connecting: both are the gateway's.
 */
export class SocketUpstream implements Upstream {
  readonly #other: Upstream;
  readonly #pools = new Map<string, EndpointConnections>();
  readonly #closing = new Set<Promise<void>>();

  constructor({ other }: SocketUpstreamOptions) {
    this.#other = other;
  }

  send(pool: EndpointPool, request: UpstreamRequest, receiver: AnswerReceiver): UpstreamCall {
    if (!(pool instanceof EndpointConnections)) return this.#other.send(pool, request, receiver);
    const { method, path, body } = request;
    if (body !== null && !(body instanceof Uint8Array || body instanceof PassingBody))
      return this.#other.send(pool.other, request, receiver);
    const call = new SocketCall(request, receiver);
    if (canBeSent(method, path)) pool.take(call);
    else receiver.onError(new GatewayError('BAD_REQUEST', undefined, 'not a request line'), 'unsent');
    return call;
  }

  pool(endpoint: Endpoint, settings: ConnectionSettings): EndpointPool {
    let pool = this.#pools.get(endpoint.id);
    if (pool !== undefined) return pool;
    const other = this.#other.pool(endpoint, settings);
    if (!endpoint.origin.startsWith('http:')) return other;
    pool = new EndpointConnections(endpoint, settings, other);
    this.#pools.set(endpoint.id, pool);
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

  #close(pool: EndpointConnections): void {
    const closing = pool.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
