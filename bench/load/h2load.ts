import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runPinned } from '../child.ts';
import { LOAD_CORE } from '../cores.ts';
import type { Call, GrpcCase } from '../scenario.ts';
import { frameMessage } from '../upstream/grpc-answer.ts';
import { checkCalls } from './grpc-check.ts';
import type { LoadGenerator, LoadOrder, LoadResult } from './load.ts';
import { LatencyCounts } from './latency-counts.ts';

/** Each process sends one call over and over, so there are several, with calls of their own. */
const MOST_PROCESSES = 8;

/** What one process of h2load printed. */
export interface H2loadCounts {
  readonly done: number;
  readonly failures: Readonly<Record<'failed' | 'errored' | 'timeout' | 'status', number>>;
  /** Octets of DATA in the answers. */
  readonly dataBytes: number;
}

/** Reads what h2load prints at the end. Throws when a figure is missing. */
export function parseH2load(output: string): H2loadCounts {
  const figure = (name: string, pattern: RegExp): number => {
    const text = pattern.exec(output)?.[1];
    if (text === undefined) throw new Error(`h2load printed no ${name}:\n${output}`);
    return Number(text);
  };
  const count = (name: string): number => figure(name, new RegExp(`^requests:.* (\\d+) ${name}`, 'm'));
  const codes = (range: string): number => figure(range, new RegExp(`^status codes:.* (\\d+) ${range}`, 'm'));
  return {
    done: count('done'),
    failures: {
      failed: count('failed'),
      errored: count('errored'),
      timeout: count('timeout'),
      status: codes('3xx') + codes('4xx') + codes('5xx'),
    },
    dataBytes: figure('data', /^traffic:.* \(\d+\) headers .* \((\d+)\) data/m),
  };
}

/**
 * How many answers had a wrong length, at least: h2load takes an answer that is only an error status for a good one, but
 * such an answer has no data. Of the calls that were under way at the end some of the data may have come.
 */
export function countWrongLengths({ done, dataBytes }: H2loadCounts, answerBytes: number, underWay: number): number {
  const missing = Math.abs(done * answerBytes - dataBytes);
  return Math.max(0, Math.ceil(missing / answerBytes) - underWay);
}

/** The calls that are sent, spread over all. */
export function chooseCalls(own: GrpcCase, connections: number): Call[] {
  const processes = Math.min(MOST_PROCESSES, connections, own.requests);
  return Array.from({ length: processes }, (_, n) => own.call(Math.floor((n * own.requests) / processes)));
}

/** The connections of process n of several. */
export function shareOf(connections: number, processes: number, n: number): number {
  return Math.floor(connections / processes) + (n < connections % processes ? 1 : 0);
}

/** The arguments that set the fields of a call. */
export function headerWords({ metadata }: Call): string[] {
  const fields = { 'content-type': 'application/grpc', te: 'trailers', ...metadata };
  return Object.entries(fields).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
}

interface Run {
  readonly order: LoadOrder<GrpcCase>;
  readonly call: Call;
  readonly connections: number;
  readonly dir: string;
  readonly latencies: LatencyCounts;
}

async function runOne({ order, call, connections, dir, latencies }: Run): Promise<H2loadCounts> {
  const own = mkdtempSync(join(dir, 'h2load-'));
  const [body, log] = [join(own, 'body'), join(own, 'log')];
  writeFileSync(body, frameMessage(call.message));
  const shape = ['-t', '1', '-c', String(connections), '-m', String(order.case.streams), '-D', String(order.seconds)];
  const words = ['-d', body, '--log-file', log, ...headerWords(call), `http://127.0.0.1:${order.port}${call.path}`];
  const output = await runPinned({ cores: [LOAD_CORE], command: 'h2load', args: [...shape, ...words] });
  latencies.takeLog(readFileSync(log));
  return parseH2load(output);
}

async function runAll(order: LoadOrder<GrpcCase>): Promise<LoadResult> {
  const { case: own, connections, seconds } = order;
  const dir = mkdtempSync(join(tmpdir(), 'makas-bench-load-'));
  const latencies = new LatencyCounts();
  try {
    const calls = chooseCalls(own, connections);
    const share = (n: number): number => shareOf(connections, calls.length, n);
    const all = await Promise.all(
      calls.map((call, n) => runOne({ order, call, connections: share(n), dir, latencies })),
    );
    const sum = (of: (counts: H2loadCounts, n: number) => number): number =>
      all.reduce((total, each, n) => total + of(each, n), 0);
    const answerBytes = frameMessage(own.answer).length;
    return {
      requests: sum(({ done }) => done),
      seconds,
      p50Us: latencies.quantile(0.5),
      p99Us: latencies.quantile(0.99),
      failures: {
        failed: sum(({ failures }) => failures.failed),
        errored: sum(({ failures }) => failures.errored),
        timeout: sum(({ failures }) => failures.timeout),
        status: sum(({ failures }) => failures.status),
        length: sum((counts, n) => countWrongLengths(counts, answerBytes, share(n) * own.streams)),
      },
    };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/**
 * One closed-loop phase on the load core. h2load compares no answers, so where they are to be compared, another client
 * makes calls beside its load.
 */
export async function runH2load(order: LoadOrder<GrpcCase>): Promise<LoadResult> {
  if (!order.check) return await runAll(order);
  const [load, check] = await Promise.all([runAll(order), checkCalls(order)]);
  return { ...load, failures: { ...load.failures, ...check } };
}

/** The generator of gRPC, or null when it is not installed. */
export function findH2load(): LoadGenerator<GrpcCase> | null {
  const version = /nghttp2\/(\S+)/.exec(spawnSync('h2load', ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1];
  return version === undefined ? null : { name: 'h2load', version, run: runH2load };
}
