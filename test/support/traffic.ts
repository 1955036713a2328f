import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { Pool } from 'undici';

export interface ClientAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** From the call to the last byte, milliseconds. */
  readonly ms: number;
}

export interface Client {
  /** POSTs a body: text and bytes as they are, anything else as JSON. Rejects when the connection breaks. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<ClientAnswer>;
  get(path: string): Promise<ClientAnswer>;
  close(): Promise<void>;
}

/** A client with keep-alive connections to one gateway. */
export function openClient(url: string, connections = 16): Client {
  const pool = new Pool(url, { connections, pipelining: 1, headersTimeout: 30_000, bodyTimeout: 30_000 });
  const send = async (
    method: 'GET' | 'POST',
    path: string,
    body: string | Uint8Array | null,
    headers: Record<string, string>,
  ): Promise<ClientAnswer> => {
    const startMs = performance.now();
    const answer = await pool.request({ method, path, body, headers });
    const text = await answer.body.text();
    return { status: answer.statusCode, headers: answer.headers, text, ms: performance.now() - startMs };
  };
  return {
    post(path, body, headers = {}) {
      const bytes = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
      return send('POST', path, bytes, { 'content-type': 'application/json', ...headers });
    },
    get: (path) => send('GET', path, null, {}),
    close: () => pool.destroy(),
  };
}

export const INFER_BODY = '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1]}]}';

/** The path of a prediction with the Open Inference Protocol. */
export function inferPath(model: string): string {
  return `/v2/models/${model}/infer`;
}

/** Text as an HTTP client puts it into a header so that its UTF-8 bytes travel. */
export function headerText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Does `work` for every item, at most `atOnce` at a time; the results are in the order of the items. */
export async function forEachOf<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const run = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i]!, i);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, run));
  return results;
}

export function range(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}

/** Asks until the answer is true; rejects with `what` when it does not become so in time. */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  limitMs = 10_000,
  everyMs = 20,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`Waited ${limitMs} ms in vain: ${what}.`);
    await pause(everyMs);
  }
}

/** Value of one series in a text of metrics, 0 when it is not there. */
export function seriesOf(text: string, series: string): number {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? 0 : Number(line.slice(series.length + 1));
}

/** One series of a gateway that runs as a process of its own. */
export async function scrape(adminUrl: string, series: string): Promise<number> {
  return seriesOf(await (await fetch(`${adminUrl}/metrics`)).text(), series);
}

export interface ArmOfBandit {
  readonly name: string;
  readonly share: number;
  readonly mean: number;
  readonly count: number;
  readonly served: number;
  readonly paused: boolean;
}

export interface BanditOfAdmin {
  readonly name: string;
  readonly version: number;
  readonly healthy: boolean;
  readonly arms: readonly ArmOfBandit[];
}

/** `/admin/bandits`, one of them. */
export async function banditOf(adminUrl: string, name: string): Promise<BanditOfAdmin> {
  const { bandits } = (await (await fetch(`${adminUrl}/admin/bandits`)).json()) as { bandits: BanditOfAdmin[] };
  const bandit = bandits.find((each) => each.name === name);
  if (bandit === undefined) throw new Error(`There is no bandit ${name}.`);
  return bandit;
}

export async function armOf(adminUrl: string, bandit: string, arm: string): Promise<ArmOfBandit> {
  const found = (await banditOf(adminUrl, bandit)).arms.find(({ name }) => name === arm);
  if (found === undefined) throw new Error(`There is no arm ${arm} of ${bandit}.`);
  return found;
}

export interface LogLine {
  readonly msg?: string;
  readonly type?: string;
  readonly request_id?: string;
  readonly [field: string]: unknown;
}

/** Lines that a gateway of `startGateway` has written to its log so far. */
export function readLog(folder: string): LogLine[] {
  const lines = readFileSync(join(folder, 'log.jsonl'), 'utf8').split('\n');
  // The last line may still be on its way.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as LogLine);
}

/** Decisions in the log by request id, once those of all ids are there. */
export async function decisionsOf(folder: string, ids: readonly string[]): Promise<Map<string, LogLine>> {
  let found = new Map<string, LogLine>();
  await until('every decision is in the log', () => {
    const decisions = readLog(folder).filter(({ type }) => type === 'decision');
    found = new Map(decisions.map((line) => [line.request_id ?? '', line]));
    return ids.every((id) => found.has(id));
  });
  return found;
}

/** A seeded sequence of numbers in [0, 1) (mulberry32), so that a test is the same each time. */
export function seededDraws(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
