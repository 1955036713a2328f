import { spawnSync } from 'node:child_process';
import { Redis } from 'ioredis';
import { freePort, startPinned, waitUntilReady } from './child.ts';
import { LOAD_CORE } from './cores.ts';
import type { Entity } from './scenario.ts';

export interface RedisStore {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/** The installed version of redis-server, or null. */
export function redisVersion(): string | null {
  return /v=(\S+)/.exec(spawnSync('redis-server', ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1] ?? null;
}

/** Starts a Redis without persistence on the load core and fills it. */
export async function startRedis(dir: string, entities: readonly Entity[]): Promise<RedisStore> {
  const port = await freePort();
  const words = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--appendonly', 'no'];
  const child = startPinned({ cores: [LOAD_CORE], command: 'redis-server', args: words });
  await waitUntilReady('redis-server', child, async () => child.tail().includes('Ready to accept connections'));
  const client = new Redis({ host: '127.0.0.1', port });
  await Promise.all(entities.map(({ key, fields }) => client.hset(key, { ...fields })));
  await client.quit();
  return { port, stop: child.stop };
}
