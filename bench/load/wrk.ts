import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runPinned } from '../child.ts';
import { LOAD_CORE } from '../cores.ts';
import type { Case, WireRequest } from '../scenario.ts';
import type { LoadGenerator, LoadOrder, LoadResult } from './load.ts';

const SCRIPT = join(import.meta.dirname, 'wrk.lua');

/** A Lua string literal that stands for exactly the UTF-8 bytes of `text`. */
export function quoteLua(text: string): string {
  const bytes = Buffer.from(text).toString('latin1');
  const escape = (char: string): string => `\\${String(char.charCodeAt(0)).padStart(3, '0')}`;
  return `"${bytes.replaceAll(/[^ !#-[\]-~]/g, escape)}"`;
}

function renderRequest({ method, path, headers, body }: WireRequest): string {
  const pairs = Object.entries(headers).map(([name, value]) => `[${quoteLua(name)}] = ${quoteLua(value)}`);
  const words = [`method = ${quoteLua(method)}`, `path = ${quoteLua(path)}`, `headers = { ${pairs.join(', ')} }`];
  return `    { ${words.join(', ')}, body = ${quoteLua(body)} },`;
}

/** The Lua table that tells wrk.lua what to send and what to expect. */
export function renderPlan(plan: Case): string {
  const requests = Array.from({ length: plan.requests }, (_, n) => renderRequest(plan.request(n)));
  return ['return {', '  requests = {', ...requests, '  },', `  answer = ${quoteLua(plan.answer.body)},`, '}', ''].join(
    '\n',
  );
}

/** Reads the line that wrk.lua prints at the end. Throws when it is missing or incomplete. */
export function parseWrkResult(output: string): LoadResult {
  const line = output.split('\n').find((each) => each.startsWith('result '));
  if (line === undefined) throw new Error(`wrk printed no result:\n${output}`);
  const figures = new Map<string, string>();
  for (const pair of line.split(' ').slice(1)) {
    const [name = '', value = ''] = pair.split('=');
    figures.set(name, value);
  }
  const figure = (name: string): number => {
    const value = Number.parseFloat(figures.get(name) ?? '');
    if (Number.isNaN(value)) throw new Error(`wrk printed no ${name}: ${line}`);
    return value;
  };
  const kinds = ['connect', 'read', 'write', 'timeout', 'status', 'body'];
  return {
    requests: figure('requests'),
    seconds: figure('durationUs') / 1e6,
    p50Us: figure('p50Us'),
    p99Us: figure('p99Us'),
    failures: Object.fromEntries(kinds.map((kind) => [kind, figure(kind)])),
  };
}

/** One closed-loop phase on the load core. */
export async function runWrk({ case: own, port, connections, seconds, check }: LoadOrder): Promise<LoadResult> {
  const dir = mkdtempSync(join(tmpdir(), 'makas-bench-load-'));
  try {
    const plan = join(dir, 'plan.lua');
    writeFileSync(plan, renderPlan(own));
    const shape = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--timeout', '5s'];
    const words = ['-s', SCRIPT, `http://127.0.0.1:${port}`, '--', plan, ...(check ? ['check'] : [])];
    return parseWrkResult(await runPinned({ cores: [LOAD_CORE], command: 'wrk', args: [...shape, ...words] }));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** The generator that costs least, or null when it is not installed. */
export function findWrk(): LoadGenerator | null {
  const probe = spawnSync('wrk', ['-v'], { encoding: 'utf8' });
  const version = /^wrk (\S+)/m.exec(`${probe.stdout ?? ''}${probe.stderr ?? ''}`)?.[1];
  return version === undefined ? null : { name: 'wrk', version, run: runWrk };
}
