import { createRequire } from 'node:module';
import { quantile } from '../statistics.ts';
import { unitName } from '../scenario.ts';
import type { LoadOrder, LoadResult } from './load.ts';

interface Outcome {
  readonly errors: number;
  readonly timeouts: number;
  readonly duration: number;
}

interface Instance extends PromiseLike<Outcome> {
  on(event: 'response', take: (client: unknown, status: number, bytes: number, ms: number) => void): void;
}

// The package carries no types.
const autocannon: (options: object) => Instance = createRequire(import.meta.url)('autocannon');

async function run(order: LoadOrder): Promise<LoadResult> {
  const { scenario } = order;
  let mismatches = 0;
  const compare = (_status: number, body: string): void => {
    if (body !== scenario.answer.body) mismatches += 1;
  };
  const requests = Array.from({ length: scenario.units }, (_, n) => ({
    ...scenario.request,
    headers: { ...scenario.request.headers, [scenario.unitHeader]: unitName(n) },
    ...(order.check ? { onResponse: compare } : {}),
  }));
  const instance = autocannon({
    url: `http://127.0.0.1:${order.port}`,
    connections: order.connections,
    duration: order.seconds,
    timeout: 5,
    requests,
  });
  // Its own histogram counts whole milliseconds, which is too coarse for a proxy.
  const latencies: number[] = [];
  let wrongStatus = 0;
  instance.on('response', (_client, status, _bytes, ms) => {
    latencies.push(ms * 1_000);
    if (status !== 200) wrongStatus += 1;
  });
  const outcome = await instance;
  const isEmpty = latencies.length === 0;
  return {
    requests: latencies.length,
    seconds: outcome.duration,
    p50Us: isEmpty ? 0 : quantile(latencies, 0.5),
    p99Us: isEmpty ? 0 : quantile(latencies, 0.99),
    failures: {
      read: outcome.errors - outcome.timeouts,
      timeout: outcome.timeouts,
      status: wrongStatus,
      body: mismatches,
    },
  };
}

const order: LoadOrder = JSON.parse(process.argv[2] ?? '');
process.stdout.write(JSON.stringify(await run(order)));
