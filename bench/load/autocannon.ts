import { createRequire } from 'node:module';
import { join } from 'node:path';
import { runPinned } from '../child.ts';
import { LOAD_CORE } from '../cores.ts';
import type { WireRequest } from '../scenario.ts';
import type { LoadGenerator, LoadOrder, LoadResult } from './load.ts';
import { withOrderFile } from './worker-order.ts';

const WORKER = join(import.meta.dirname, 'autocannon-worker.ts');

/** What the process that runs autocannon is told. */
export interface AutocannonOrder {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  readonly requests: readonly WireRequest[];
  /** The only right body; null when bodies are not compared. */
  readonly answer: string | null;
}

/** Throws on an answer that autocannon cannot compare: it decodes bodies in pieces, which keeps only ASCII as it was. */
function assertAscii(text: string): void {
  if (Buffer.byteLength(text) === text.length) return;
  throw new Error('autocannon compares answers in ASCII only; use wrk for this case');
}

/** One closed-loop phase on the load core. */
export async function runAutocannon({ case: own, ...order }: LoadOrder): Promise<LoadResult> {
  const { port, connections, seconds, check } = order;
  const answer = check ? own.answer.body : null;
  if (answer !== null) assertAscii(answer);
  const requests = Array.from({ length: own.requests }, (_, n) => own.request(n));
  const told: AutocannonOrder = { port, connections, seconds, requests, answer };
  return await withOrderFile(told, async (file) => {
    const args = ['--max-semi-space-size=64', WORKER, file];
    return JSON.parse(await runPinned({ cores: [LOAD_CORE], command: process.execPath, args }));
  });
}

/** The generator that comes with the development packages, or null without them. */
export function findAutocannon(): LoadGenerator | null {
  try {
    const { version }: { version: string } = createRequire(import.meta.url)('autocannon/package.json');
    return { name: 'autocannon', version, run: runAutocannon };
  } catch {
    return null;
  }
}
