import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, runPinned, startPinned, waitUntilReady } from '../child.ts';
import { LOAD_CORE } from '../cores.ts';
import { isAnswering } from '../grpc-probe.ts';
import { ask } from '../probe.ts';
import type { GrpcCase } from '../scenario.ts';
import { answerFrames } from './grpc-answer.ts';
import type { Upstream } from './upstream.ts';

const SOURCE = join(import.meta.dirname, 'grpc-upstream.c');
const FLAGS: readonly string[] = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror'];

/** The installed version of the C compiler, or null. */
export function compilerVersion(): string | null {
  const { status, stdout } = spawnSync('cc', ['-dumpfullversion'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

/**
 * Starts what stands for a model server of gRPC: a program of ours with a fixed answer. nginx can give one too, from a
 * file, but takes three times as much of the core that it shares with the load.
 */
export async function startGrpcUpstream(dir: string, own: GrpcCase): Promise<Upstream> {
  mkdirSync(dir, { recursive: true });
  const program = join(dir, 'grpc-upstream');
  const answer = join(dir, 'answer');
  writeFileSync(answer, answerFrames(own.answer));
  await runPinned({ cores: [LOAD_CORE], command: 'cc', args: [...FLAGS, '-o', program, SOURCE] });
  const [port, statusPort] = [await freePort(), await freePort()];
  const args = [String(port), String(statusPort), answer];
  const child = startPinned({ cores: [LOAD_CORE], command: program, args });
  await waitUntilReady('grpc-upstream', child, () => isAnswering(port));
  return {
    port,
    software: `bench/upstream/grpc-upstream.c, cc ${compilerVersion() ?? ''}`,
    config: `cc ${FLAGS.join(' ')} bench/upstream/grpc-upstream.c\ngrpc-upstream <port> <status port> <frames of the answer>`,
    calls: async () => Number((await ask({ port: statusPort, path: '/' })).body.toString()),
    stop: child.stop,
  };
}
