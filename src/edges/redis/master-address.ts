import { type RedisOptions, redisOptionsFromUrl, sentinelOptions } from './address.ts';
import type { RedisSettings } from './connection.ts';
import { ioredis } from './ioredis.ts';

const answerMs = 2000;

/**
 * How to find the one Redis that settings name: its address as it is, or the master that the sentinels know now. The
 * first sentinel that answers is believed; rejects when none does.
 */
export function locateRedis(settings: Omit<RedisSettings, 'timeoutMs'>): () => Promise<RedisOptions> {
  const { sentinel, username, password } = settings;
  const login = {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
  if (sentinel === undefined) {
    const address = { ...redisOptionsFromUrl(settings.url ?? 'redis://127.0.0.1:6379'), ...login };
    return () => Promise.resolve(address);
  }
  return async () => {
    let failure: unknown = new Error('no sentinel is configured');
    for (const node of sentinel.nodes) {
      try {
        const [host, port] = await askSentinel(node, sentinel.name);
        // TLS towards the sentinels is TLS towards the master.
        const { tls } = sentinelOptions({ nodes: [node], name: sentinel.name }, () => 0);
        return { host, port, ...login, ...(tls === undefined ? {} : { tls: {} }) };
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  };
}

async function askSentinel(node: string, name: string): Promise<[host: string, port: number]> {
  const { Redis } = ioredis();
  const client = new Redis({
    ...redisOptionsFromUrl(node, 26379),
    lazyConnect: true,
    connectTimeout: answerMs,
    commandTimeout: answerMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  // What goes wrong is told by the promises.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const answer = await client.call('SENTINEL', 'get-master-addr-by-name', name);
    if (!Array.isArray(answer) || answer.length !== 2) throw new Error(`the sentinels know no master named ${name}`);
    return [String(answer[0]), Number(answer[1])];
  } finally {
    client.disconnect();
  }
}
