import { GatewayError } from '../../core/errors.ts';
import type { ConnectionSettings, Endpoint } from '../../core/snapshot.ts';
import type { EndpointPool } from '../../gateway/ports.ts';
import { LinkedList } from '../sockets/linked-list.ts';
import { hostLine } from './request-bytes.ts';
import { EndpointConnection, type ConnectionOwner, type ConnectionSetup } from './endpoint-connection.ts';
import type { Carrier, SocketCall } from './socket-call.ts';

/** How exactly idle connections are timed. */
const SWEEP_MS = 250;
/** How long connections that are no longer used may take to end what is under way. */
const CLOSE_LIMIT_MS = 60_000;

/**
 * The connections to one endpoint, and the line of calls that wait for one. The connection that was used last is used
 * next, so that those which are too many become old. How many may wait, and how long, is the gateway's to say.
 */
export class EndpointConnections implements EndpointPool, ConnectionOwner, Carrier {
  readonly endpoint: Endpoint;
  /** The pool of the upstream that takes what does not go this way. */
  readonly other: EndpointPool;
  inflight = 0;
  downUntilMs = 0;
  readonly #settings: ConnectionSettings;
  readonly #setup: ConnectionSetup;
  readonly #idle = new LinkedList<EndpointConnection>();
  readonly #line = new LinkedList<SocketCall>();
  /** All connections, those that are being made included. */
  readonly #open = new Set<EndpointConnection>();
  /** Idle connections are timed by counting sweeps: no clock is read and no timer set for a request. */
  readonly #sweepMs: number;
  #sweeper: NodeJS.Timeout | null = null;
  #isClosing = false;
  #onClosed: (() => void) | null = null;

  constructor(endpoint: Endpoint, settings: ConnectionSettings, other: EndpointPool) {
    const { hostname, port, host } = new URL(endpoint.origin);
    this.endpoint = endpoint;
    this.other = other;
    this.#settings = settings;
    this.#setup = {
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? 80 : Number(port),
      hostLine: hostLine(host),
      connectTimeoutMs: settings.connectTimeoutMs,
      maxAnswerBytes: settings.maxAnswerBytes,
    };
    this.#sweepMs = Math.max(1, Math.min(SWEEP_MS, settings.keepAliveMs));
  }

  /** Sends a call, now or when there is a connection for it. */
  take(call: SocketCall): void {
    const idle = call.request.isFresh ? null : this.#idle.pop();
    if (idle !== null) {
      idle.isIdle = false;
      idle.sendSoon(call);
      return;
    }
    if (this.#open.size >= this.#settings.connections) this.#idle.first?.close();
    if (this.#open.size < this.#settings.connections) this.#connect(call);
    else {
      call.carrier = this;
      this.#line.push(call);
    }
  }

  /** A call that waits is given up. */
  abandon(call: SocketCall): void {
    this.#line.remove(call);
  }

  /** A call that waits has nothing to resume. */
  resume(): void {}

  onFree(connection: EndpointConnection): void {
    const next = this.#line.first;
    // A call that wants a fresh connection gets one in the place of this.
    if (next?.request.isFresh === true) return connection.close();
    if (next !== null) {
      this.#line.remove(next);
      connection.sendSoon(next);
      return;
    }
    connection.sweepsLeft = this.#sweepsOf(connection);
    if (this.#isClosing || connection.sweepsLeft === 0) return connection.close();
    connection.isIdle = true;
    this.#idle.push(connection);
  }

  onGone(connection: EndpointConnection): void {
    this.#open.delete(connection);
    if (connection.isIdle) this.#idle.remove(connection);
    connection.isIdle = false;
    const next = this.#line.shift();
    if (next !== null) this.#connect(next);
    else if (this.#open.size === 0) this.#onClosed?.();
  }

  /** Ends what is under way, then closes the connections. */
  async close(): Promise<void> {
    this.#isClosing = true;
    while (this.#idle.last !== null) this.#idle.last.close();
    if (this.#open.size === 0) return;
    const timer = setTimeout(() => this.#giveUp(), CLOSE_LIMIT_MS);
    timer.unref();
    await new Promise<void>((resolve) => (this.#onClosed = resolve));
    clearTimeout(timer);
  }

  #connect(call: SocketCall): void {
    this.#open.add(new EndpointConnection(this, this.#setup, call));
    this.#sweeper ??= setTimeout(sweep, this.#sweepMs, this).unref();
  }

  /** For how many sweeps a connection may be idle, so that it is never idle for longer than it may. */
  #sweepsOf({ keepAliveSeconds }: EndpointConnection): number {
    let ms = this.#settings.keepAliveMs;
    // One second less than the endpoint keeps it, so that it does not close it under a request.
    if (keepAliveSeconds !== -1) ms = Math.min(ms, (keepAliveSeconds - 1) * 1000);
    return Math.max(0, Math.floor(ms / this.#sweepMs));
  }

  /** Closes the connections that were idle for as long as they may, and goes on while there are connections. */
  sweep(): void {
    for (let connection = this.#idle.first; connection !== null;) {
      const { next } = connection;
      if (--connection.sweepsLeft <= 0) connection.close();
      connection = next;
    }
    if (this.#open.size > 0) this.#sweeper?.refresh();
    else this.#sweeper = null;
  }

  #giveUp(): void {
    for (let call = this.#line.shift(); call !== null; call = this.#line.shift()) {
      call.carrier = null;
      call.receiver.onError(new GatewayError('UPSTREAM_CONNECT', undefined, 'the pool is closed'), 'unsent');
    }
    for (const connection of this.#open) connection.breakOff();
  }
}

function sweep(connections: EndpointConnections): void {
  connections.sweep();
}
