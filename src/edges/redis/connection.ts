import type { Cluster, Redis } from 'ioredis';
import type { Logger } from '../../gateway/ports.ts';
import { redisOptionsFromUrl, sentinelOptions, type RedisOptions } from './address.ts';
import { ioredis } from './ioredis.ts';

/** How to reach a Redis. Exactly one of `url`, `cluster` and `sentinel` is given. Secrets are already filled in. */
export interface RedisSettings {
  readonly url?: string | undefined;
  /** Start nodes of a Redis Cluster. */
  readonly cluster?: readonly string[] | undefined;
  readonly sentinel?: { readonly nodes: readonly string[]; readonly name: string } | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Longest wait for one command, milliseconds. */
  readonly timeoutMs: number;
}

export interface ConnectOptions {
  /** Name of this connection in the logs. */
  readonly name: string;
  /** Connect at `ready` or the first command instead of now. */
  readonly lazy?: boolean;
  readonly maxReconnectDelayMs?: number;
  /** Options of ioredis that take the place of the ones below, such as a protocol or a read role. */
  readonly redis?: RedisOptions;
}

export interface RedisConnection {
  readonly client: Redis | Cluster;
  /** Whether commands can be sent now. Never waits. */
  isReady(): boolean;
  /** Resolves when commands can be sent; rejects after `timeoutMs`. */
  ready(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 2_000;
const MAX_RECONNECT_DELAY_MS = 2_000;
const CLOSE_TIMEOUT_MS = 500;

/**
 * Connects to Redis, and again whenever the connection is lost, for ever. A command fails at once while there is no
 * connection and after `timeoutMs` while there is one; a connection that says nothing is given up. Failures reach the
 * log once for each loss, never as an unhandled `error` event.
 */
export function connectRedis(settings: RedisSettings, logger: Logger, options: ConnectOptions): RedisConnection {
  const longest = options.maxReconnectDelayMs ?? MAX_RECONNECT_DELAY_MS;
  // Half of the delay is drawn, so that replicas do not all come back at once.
  const retryStrategy = (attempt: number) =>
    Math.min(longest, 25 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2);
  const common: RedisOptions = {
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: settings.timeoutMs,
    // Sockets die silently when a network is cut; without this the commands of many minutes would time out one by one.
    socketTimeout: Math.max(2_000, settings.timeoutMs * 4),
    maxRetriesPerRequest: 1,
    // What was under way when a connection broke is repeated by whoever asked, if at all.
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    lazyConnect: options.lazy ?? false,
    connectionName: options.name,
    retryStrategy,
    // Commands already fail while a node loads its data, so that waiting for it needs no polling of its own.
    maxLoadingRetryTime: longest,
    // After a failover the old master is a replica and refuses writes: connect anew to find the new one.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    ...(settings.username === undefined ? {} : { username: settings.username }),
    ...(settings.password === undefined ? {} : { password: settings.password }),
    ...options.redis,
  };
  const client = createClient(settings, common, retryStrategy);
  logTransitions(client, logger, options.name);
  return {
    client,
    isReady: () => client.status === 'ready',
    ready: (timeoutMs) => waitUntilReady(client, timeoutMs),
    close: () => closeClient(client),
  };
}

function createClient(
  settings: RedisSettings,
  common: RedisOptions,
  retryStrategy: (attempt: number) => number,
): Redis | Cluster {
  const { Cluster, Redis } = ioredis();
  if (settings.cluster !== undefined) {
    const nodes = settings.cluster.map((node) => redisOptionsFromUrl(node));
    const { username, password, tls } = nodes[0] ?? {};
    const { lazyConnect = false, retryStrategy: _, ...redisOptions } = common;
    const options = {
      lazyConnect,
      clusterRetryStrategy: retryStrategy,
      // Connections to nodes are opened at their first command; it waits for that, within its timeout.
      enableOfflineQueue: true,
      slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
      redisOptions: {
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
        ...(tls === undefined ? {} : { tls }),
        ...redisOptions,
      },
    };
    return new Cluster(
      nodes.map(({ host = '127.0.0.1', port = 6379 }) => ({ host, port })),
      options,
    );
  }
  if (settings.sentinel !== undefined)
    return new Redis({ ...sentinelOptions(settings.sentinel, retryStrategy), ...common });
  return new Redis({ ...redisOptionsFromUrl(settings.url ?? 'redis://127.0.0.1:6379'), ...common });
}

function logTransitions(client: Redis | Cluster, logger: Logger, name: string): void {
  let isLost = false;
  client.on('ready', () => {
    if (isLost) logger.info({ redis: name }, 'Redis is connected again');
    isLost = false;
  });
  client.on('error', (error: Error) => {
    if (isLost) return;
    isLost = true;
    // Only the message: the error also carries the command, and with it a password.
    logger.warn({ redis: name, reason: error.message }, 'Redis cannot be reached');
  });
  client.on('reconnecting', () => {
    if (isLost) return;
    isLost = true;
    logger.warn({ redis: name }, 'the connection to Redis was lost');
  });
}

function waitUntilReady(client: Redis | Cluster, timeoutMs: number): Promise<void> {
  if (client.status === 'ready') return Promise.resolve();
  return new Promise((resolve, reject) => {
    const onReady = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(() => {
      client.off('ready', onReady);
      reject(new Error(`Redis was not reached within ${timeoutMs} ms.`));
    }, timeoutMs);
    client.once('ready', onReady);
    // A failure here is not the end: reconnection goes on and the log has it.
    if (client.status === 'wait') client.connect().catch(() => undefined);
  });
}

async function closeClient(client: Redis | Cluster): Promise<void> {
  if (client.status === 'ready') {
    const limit = new Promise((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS).unref());
    await Promise.race([client.quit().catch(() => undefined), limit]);
  }
  client.disconnect();
}
