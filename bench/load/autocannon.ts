import { createRequire } from 'node:module';
import { join } from 'node:path';
import { runPinned } from '../child.ts';
import type { LoadGenerator, LoadOrder, LoadResult } from './load.ts';

const WORKER = join(import.meta.dirname, 'autocannon-worker.ts');

async function run(order: LoadOrder): Promise<LoadResult> {
  const { configs: _, ...scenario } = order.scenario;
  const words = [WORKER, JSON.stringify({ ...order, scenario })];
  const result: LoadResult = JSON.parse(await runPinned(order.core, process.execPath, words));
  return result;
}

/** The generator that is always there. It costs several times what wrk does, so it may limit a fast peer. */
export function autocannonLoad(): LoadGenerator {
  const { version }: { version: string } = createRequire(import.meta.url)('autocannon/package.json');
  return { name: 'autocannon', version, run };
}
