import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { WireRequest } from '../scenario.ts';
import { quantile } from '../statistics.ts';
import type { AutocannonOrder } from './autocannon.ts';
import type { LoadResult } from './load.ts';

const TIMEOUT_SECONDS = 5;
/** The run ends at the first of these ticks after its time. */
const TICK_MS = 100;

interface Client {
  setRequests(requests: readonly WireRequest[]): void;
}

interface Outcome {
  readonly requests: { readonly sent: number };
  readonly timeouts: number;
  readonly mismatches: number;
}

interface Instance extends PromiseLike<Outcome> {
  on(event: 'start' | 'done', take: () => void): void;
  on(event: 'response', take: (client: Client, status: number, bytes: number, ms: number) => void): void;
}

// The package carries no types.
const autocannon: (options: object) => Instance = createRequire(import.meta.url)('autocannon');

const order: AutocannonOrder = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const { port, connections, seconds, requests, answer } = order;
const latenciesUs: number[] = [];
const begun = new Set<Client>();
let answered = 0;
let wrongStatus = 0;
let lastStatus = 0;
let clients = 0;
let [startMs, endMs] = [0, 0];

/** Deals the requests out to the connections, so that together they go through all of them and each is built once. */
function dealRequests(client: Client): void {
  const first = clients++ % requests.length;
  client.setRequests(requests.filter((_, n) => n % Math.min(connections, requests.length) === first));
}

const instance = autocannon({
  url: `http://127.0.0.1:${port}`,
  connections,
  duration: seconds,
  timeout: TIMEOUT_SECONDS,
  sampleInt: TICK_MS,
  setupClient: dealRequests,
  // It is called right after the event for the same answer; one with a wrong status is counted there.
  ...(answer === null ? {} : { verifyBody: (body: string) => lastStatus !== 200 || body === answer }),
});
instance.on('start', () => (startMs = performance.now()));
instance.on('done', () => (endMs = performance.now()));
instance.on('response', (client, status, _, ms) => {
  answered += 1;
  lastStatus = status;
  if (status !== 200) wrongStatus += 1;
  // Its own histogram counts whole milliseconds, and the first latency of a connection holds the set-up of all of them.
  if (begun.has(client)) latenciesUs.push(ms * 1_000);
  else begun.add(client);
});
const { requests: total, timeouts, mismatches } = await instance;

const us = (p: number): number => (latenciesUs.length === 0 ? 0 : Math.round(quantile(latenciesUs, p)));
// One request of each connection is under way at the end. Its own count of errors leaves out connections that were
// closed before their answer: it opens them again in silence and sends the next request.
const lost = total.sent - answered - connections;
const result: LoadResult = {
  requests: answered,
  seconds: (endMs - startMs) / 1_000,
  p50Us: us(0.5),
  p99Us: us(0.99),
  failures: { read: lost - timeouts, timeout: timeouts, status: wrongStatus, body: mismatches },
};
process.stdout.write(JSON.stringify(result), () => process.exit(0));
