import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const STOP_MS = 20_000;
const READY_MS = 120_000;
const TAIL_CHARS = 6_000;

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Child {
  /** The end of what the process wrote to both outputs. */
  tail(): string;
  isAlive(): boolean;
  readonly stop: () => Promise<void>;
}

const living = new Set<ChildProcess>();

// Model servers have processes of their own; each child leads a group, and the group ends with it.
function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The whole group has ended.
  }
}

process.on('exit', () => {
  for (const each of living) killGroup(each, 'SIGKILL');
});

function start({ command, args, env = {} }: Command): ChildProcess {
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  living.add(child);
  return child;
}

/** Starts a long-lived process. */
export function startChild(command: Command): Child {
  const child = start(command);
  let tail = '';
  const keep = (chunk: Buffer): void => {
    tail = (tail + chunk.toString()).slice(-TAIL_CHARS);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.on('error', (error) => keep(Buffer.from(error.message)));
  const isAlive = (): boolean => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  return {
    tail: () => tail,
    isAlive,
    stop: async () => {
      if (isAlive()) {
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        const kill = setTimeout(() => killGroup(child, 'SIGKILL'), STOP_MS);
        await ended;
        clearTimeout(kill);
      }
      killGroup(child, 'SIGKILL');
      living.delete(child);
    },
  };
}

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a command to its end; ends it when it takes longer than `timeoutMs`. */
export async function runChild(command: Command, timeoutMs: number): Promise<Ended> {
  const child = start(command);
  const kill = setTimeout(() => killGroup(child, 'SIGKILL'), timeoutMs);
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(kill);
  killGroup(child, 'SIGKILL');
  living.delete(child);
  return { code, out, err };
}

/** Waits until `isReady` holds; throws with the child's last words when it dies or takes too long. */
export async function waitUntilReady(name: string, child: Child, isReady: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + READY_MS;
  while (!(await isReady())) {
    const died = !child.isAlive();
    if (died || Date.now() > deadline) {
      await child.stop();
      throw new Error(`${name} ${died ? 'ended at start' : `was not ready within ${READY_MS} ms`}:\n${child.tail()}`);
    }
    await sleep(100);
  }
}

/** Whether a GET is answered with a success. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/** Ports of 127.0.0.1 that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    ports.push(address.port);
  }
  for (const server of servers) {
    server.close();
    await once(server, 'close');
  }
  return ports;
}
