import type { RedisOptions as AllRedisOptions } from 'ioredis';

/** Options of ioredis with replies in the shapes of RESP2, which its types are about by default. */
export type RedisOptions = Omit<AllRedisOptions, 'replyMapping'>;

/** A Redis address in parts: `redis://` or `rediss://` (TLS), with user, password and database number as far as given. */
export function redisOptionsFromUrl(text: string, defaultPort = 6379): RedisOptions {
  const url = new URL(text.includes('://') ? text : `redis://${text}`);
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') {
    // Without the address itself, which may hold a password.
    throw new Error(`A Redis address begins with redis:// or rediss://, not ${url.protocol}//.`);
  }
  const database = url.pathname.slice(1);
  if (!/^\d{0,4}$/.test(database)) throw new Error('The path of a Redis address is the number of a database.');
  return {
    // IPv6 addresses stand in brackets in a URL, and without them in a socket.
    host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: url.port === '' ? defaultPort : Number(url.port),
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(database === '' ? {} : { db: Number(database) }),
    ...(url.protocol === 'rediss:' ? { tls: { servername: url.hostname } } : {}),
  };
}

/** The master that sentinels watch. User and password in a sentinel's address are the sentinel's own. */
export function sentinelOptions(
  sentinel: { readonly nodes: readonly string[]; readonly name: string },
  retryStrategy: (attempt: number) => number,
): RedisOptions {
  const nodes = sentinel.nodes.map((node) => redisOptionsFromUrl(node, 26379));
  const { username, password, tls } = nodes[0] ?? {};
  return {
    sentinels: nodes.map(({ host = '127.0.0.1', port = 26379 }) => ({ host, port })),
    name: sentinel.name,
    sentinelRetryStrategy: retryStrategy,
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls, tls: {} }),
  };
}
