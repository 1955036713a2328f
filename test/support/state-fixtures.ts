import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BanditSums, Clock, Logger, Metrics, RewardWrite } from '../../src/gateway/ports.ts';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: object;
  readonly message: string;
}

/** A logger that keeps its lines. */
export function createLog(): Logger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: LogLine['level']) => (fields: object, message: string) =>
    void lines.push({ level, fields, message });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Metrics that can be read back: `name{label,label}`. */
export function createMeter(): Metrics & { value(name: string, ...labels: string[]): number } {
  const values = new Map<string, number>();
  const handle = (name: string, labels: readonly string[]) => {
    const key = `${name}{${labels.join()}}`;
    const add = (by = 1): void => void values.set(key, (values.get(key) ?? 0) + by);
    return { inc: add, set: (value: number): void => void values.set(key, value), observe: add };
  };
  return {
    counter: (name, ...labels) => handle(name, labels),
    gauge: (name, ...labels) => handle(name, labels),
    histogram: (name, ...labels) => handle(name, labels),
    value: (name, ...labels) => values.get(`${name}{${labels.join()}}`) ?? 0,
  };
}

export const systemClock: Clock = { now: () => Date.now(), steady: () => performance.now() };

/** A clock that stands until it is moved. */
export function createClock(startMs: number): Clock & { advance(ms: number): void } {
  let now = startMs;
  return { now: () => now, steady: () => now, advance: (ms) => void (now += ms) };
}

const folders: string[] = [];
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that goes with the process of the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'makas-test-'));
  folders.push(folder);
  return folder;
}

/** Waits until `holds` gives true. The test's own time limit bounds it; the message says what was waited for. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`Not within ${limitMs} ms: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** 24 hex digits that name a decision. */
export function decisionId(n: number): string {
  return n.toString(16).padStart(24, '0');
}

export const WINDOW = { startMs: 1_000_000, lengthMs: 10_000 };

export function rewardWrite(n: number, fields: Partial<RewardWrite> = {}): RewardWrite {
  return {
    bandit: 'iris.live:1',
    arm: 'a',
    decision: decisionId(n),
    id: '',
    reward: 1,
    window: WINDOW,
    rememberMs: 60_000,
    ...fields,
  };
}

/** The sums of an arm as a plain object; all 0 when the store knows none. */
export function armOf(sums: ReadonlyMap<string, BanditSums>, arm: string, bandit = 'iris.live:1'): object {
  return { ...(sums.get(bandit)?.arms.get(arm) ?? { count: 0, sum: 0, sumOfSquares: 0, served: 0 }) };
}
