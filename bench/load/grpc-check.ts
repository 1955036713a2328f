import { join } from 'node:path';
import { runPinned } from '../child.ts';
import { LOAD_CORE } from '../cores.ts';
import type { GrpcCase } from '../scenario.ts';
import type { LoadOrder } from './load.ts';
import { withOrderFile } from './worker-order.ts';

const WORKER = join(import.meta.dirname, 'grpc-check-worker.ts');

/** What the process that compares answers is told; bytes are in hexadecimal digits. */
export interface CheckOrder {
  readonly port: number;
  readonly seconds: number;
  readonly calls: readonly {
    readonly path: string;
    readonly metadata: Readonly<Record<string, string>>;
    readonly message: string;
  }[];
  readonly answer: string;
}

/** Calls with a wrong status or a wrong message; `unchecked` is 1 when not one was answered. */
export type CheckResult = Readonly<Record<'grpcStatus' | 'body' | 'unchecked', number>>;

/** Makes all the calls of a case, over and over for the time of the order, and compares every answer byte for byte. */
export async function checkCalls({ case: own, port, seconds }: LoadOrder<GrpcCase>): Promise<CheckResult> {
  const calls = Array.from({ length: own.requests }, (_, n) => {
    const { path, metadata, message } = own.call(n);
    return { path, metadata, message: message.toString('hex') };
  });
  const order: CheckOrder = { port, seconds, calls, answer: own.answer.toString('hex') };
  return await withOrderFile(order, async (file) =>
    JSON.parse(await runPinned({ cores: [LOAD_CORE], command: process.execPath, args: [WORKER, file] })),
  );
}
