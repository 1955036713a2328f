import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

/** A real redis-server of a test. Its data survive `stop`, `kill` and `restart`, and go with the process of the test. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Ends it in order. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again on the same port with its data, after `stop` or `kill` or while it runs. */
  restart(): Promise<void>;
  /** Freezes it: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
}

export interface RedisServerOptions {
  readonly port?: number;
  /** Further arguments of redis-server. */
  readonly args?: readonly string[];
  /** Starts a sentinel that watches the server on this port under the name `main`. */
  readonly sentinelOf?: number;
}

const cleanups: (() => void)[] = [];
process.once('exit', () => {
  for (const cleanup of cleanups) cleanup();
});

/** Starts a redis-server on a free port and waits until it accepts connections. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const directory = mkdtempSync(join(tmpdir(), 'makas-redis-'));
  let child: ChildProcess | null = null;
  cleanups.push(() => {
    child?.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });
  const start = async (port: number): Promise<void> => {
    child = await spawnRedis(port, directory, options);
  };
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const ending = child;
    child = null;
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return;
    const exited = once(ending, 'exit');
    ending.ref();
    ending.kill(signal);
    await exited;
  };

  const port = options.port ?? (await startOnFreePort(start));
  if (options.port !== undefined) await start(port);
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGTERM');
      await start(port);
    },
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
  };
}

/** A free port may be taken between finding and using it: then another is tried. */
async function startOnFreePort(start: (port: number) => Promise<void>): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    try {
      await start(port);
      return port;
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
}

async function spawnRedis(port: number, directory: string, options: RedisServerOptions): Promise<ChildProcess> {
  const { sentinelOf } = options;
  const common = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, ...(options.args ?? [])];
  // Every write reaches the file before its answer, so that SIGKILL loses nothing that was answered.
  const args =
    sentinelOf === undefined
      ? ['--save', '', '--appendonly', 'yes', ...common]
      : [sentinelFile(directory, sentinelOf), '--sentinel', ...common];
  const readyText = sentinelOf === undefined ? 'Ready to accept connections' : '+monitor master';
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ready = Promise.withResolvers<void>();
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (output.includes(readyText)) ready.resolve();
  });
  child.once('error', (error) =>
    ready.reject(new Error('These tests need redis-server on the PATH.', { cause: error })),
  );
  child.once('exit', (code) => ready.reject(new Error(`redis-server ended with ${code}:\n${output}`)));
  await ready.promise;
  // Reads on without keeping the process of the test alive.
  child.unref();
  if (child.stdout instanceof Socket) child.stdout.unref();
  return child;
}

function sentinelFile(directory: string, masterPort: number): string {
  const file = join(directory, 'sentinel.conf');
  // Quick, so that tests need not wait for half a minute.
  const times = 'sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n';
  writeFileSync(file, `sentinel monitor main 127.0.0.1 ${masterPort} 1\n${times}`);
  return file;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  server.close();
  await once(server, 'close');
  return address.port;
}

export interface RedisClusterServers {
  readonly nodes: readonly RedisServer[];
  readonly urls: readonly string[];
  stop(): Promise<void>;
}

const CLUSTER_SLOTS = 16_384;

/** Three masters that share the slots of a Redis Cluster. */
export async function startRedisCluster(): Promise<RedisClusterServers> {
  const nodes: RedisServer[] = [];
  const busPorts: number[] = [];
  for (let i = 0; i < 3; i++) {
    const busPort = await freePort();
    busPorts.push(busPort);
    nodes.push(await startRedis({ args: ['--cluster-enabled', 'yes', '--cluster-port', String(busPort)] }));
  }
  const clients = nodes.map(({ port }) => new Redis({ host: '127.0.0.1', port }));
  const edges = nodes.map((_, i) => Math.round((i * CLUSTER_SLOTS) / nodes.length)).concat(CLUSTER_SLOTS);
  for (const [i, client] of clients.entries()) {
    await client.call('CLUSTER', 'ADDSLOTSRANGE', edges[i]!, edges[i + 1]! - 1);
    await client.call('CLUSTER', 'MEET', '127.0.0.1', nodes[0]!.port, busPorts[0]!);
  }
  for (const client of clients) {
    while (
      !String(await client.call('CLUSTER', 'INFO')).includes(`cluster_state:ok`) ||
      !(await knowsAll(client, nodes.length))
    ) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  for (const client of clients) client.disconnect();
  return {
    nodes,
    urls: nodes.map(({ url }) => url),
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

async function knowsAll(client: Redis, count: number): Promise<boolean> {
  const slots = await client.call('CLUSTER', 'SLOTS');
  return Array.isArray(slots) && slots.length === count;
}
