import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Case } from '../scenario.ts';
import { renderWire } from './wire.ts';

/** What a generator in a process of its own is told. */
export interface WorkerOrder {
  readonly port: number;
  readonly connections: number;
  readonly rate: number;
  readonly seconds: number;
  readonly leadSeconds: number;
  readonly requests: readonly string[];
  readonly answer: string;
}

/** Writes an order to a file, since it may be too long for an argument, while `use` runs. */
export async function withOrderFile<T>(order: object, use: (file: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'makas-bench-load-'));
  try {
    const file = join(dir, 'order.json');
    writeFileSync(file, JSON.stringify(order));
    return await use(file);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Does so with the requests of a case as they stand on the wire. */
export async function withOrder<T>(
  own: Case,
  shape: Omit<WorkerOrder, 'requests' | 'answer'>,
  use: (file: string) => Promise<T>,
): Promise<T> {
  const requests = Array.from({ length: own.requests }, (_, n) => renderWire(own.request(n), shape.port).toString());
  return await withOrderFile({ ...shape, requests, answer: own.answer.body } satisfies WorkerOrder, use);
}

/** Reads the order of a process whose first argument names the file. */
export function readOrder(): WorkerOrder {
  return JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
}
