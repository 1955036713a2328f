import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const STOP_MS = 5_000;
const READY_MS = 15_000;
const TAIL_CHARS = 4_000;

export interface Child {
  readonly pid: number;
  /** The end of what the process wrote to both outputs. */
  tail(): string;
  /** False once the process has ended. */
  isAlive(): boolean;
  readonly stop: () => Promise<void>;
}

export interface Command {
  /** The cores that the process and all its threads are pinned to. */
  readonly cores: readonly number[];
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const living = new Set<ChildProcess>();
// Whatever way the harness ends, nothing that it started lives on.
process.on('exit', () => {
  for (const each of living) each.kill('SIGKILL');
});

function cleanEnv(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...env } = process.env;
  return { ...env, NODE_ENV: 'production' };
}

function spawnPinned({ cores, command, args, env = {} }: Command): ChildProcess {
  // taskset replaces itself by the command, so the child's id is the command's own.
  const child = spawn('taskset', ['--cpu-list', cores.join(','), command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...cleanEnv(), ...env },
  });
  living.add(child);
  child.once('exit', () => living.delete(child));
  return child;
}

/** Starts a long-lived process. */
export function startPinned(command: Command): Child {
  const child = spawnPinned(command);
  let tail = '';
  const keep = (chunk: Buffer): void => {
    tail = (tail + chunk.toString()).slice(-TAIL_CHARS);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.on('error', (error) => keep(Buffer.from(error.message)));
  const isAlive = (): boolean => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  return {
    pid: child.pid ?? -1,
    tail: () => tail,
    isAlive,
    stop: async () => {
      if (!isAlive()) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await ended;
      clearTimeout(kill);
    },
  };
}

/** Runs a command to its end and gives its standard output. Throws when it fails. */
export async function runPinned(command: Command): Promise<string> {
  const child = spawnPinned(command);
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${command.command} ended with ${code ?? 'a signal'}: ${err.trim() || out.trim()}`);
  return out;
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
    await sleep(25);
  }
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
