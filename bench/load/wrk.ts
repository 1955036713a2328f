import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runPinned } from '../child.ts';
import { unitName, type Scenario } from '../scenario.ts';
import type { LoadGenerator, LoadOrder, LoadResult } from './load.ts';

const SCRIPT = join(import.meta.dirname, 'wrk.lua');

/** A Lua string literal that stands for exactly the UTF-8 bytes of `text`. */
export function quoteLua(text: string): string {
  let quoted = '"';
  for (const byte of Buffer.from(text)) {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    quoted += isPlain ? String.fromCodePoint(byte) : `\\${String(byte).padStart(3, '0')}`;
  }
  return `${quoted}"`;
}

/** The Lua table that tells wrk.lua what to send and what to expect. */
export function renderPlan(scenario: Scenario): string {
  const { method, path, headers, body } = scenario.request;
  const pairs = Object.entries(headers).map(([name, value]) => `[${quoteLua(name)}] = ${quoteLua(value)}`);
  const units = Array.from({ length: scenario.units }, (_, n) => quoteLua(unitName(n)));
  return [
    'return {',
    `  method = ${quoteLua(method)}, path = ${quoteLua(path)},`,
    `  headers = { ${pairs.join(', ')} },`,
    `  body = ${quoteLua(body)},`,
    `  unitHeader = ${quoteLua(scenario.unitHeader)}, unitNames = { ${units.join(', ')} },`,
    `  answer = ${quoteLua(scenario.answer.body)},`,
    '}',
    '',
  ].join('\n');
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

async function run(order: LoadOrder): Promise<LoadResult> {
  const dir = mkdtempSync(join(tmpdir(), 'makas-bench-load-'));
  try {
    const plan = join(dir, 'plan.lua');
    writeFileSync(plan, renderPlan(order.scenario));
    const url = `http://127.0.0.1:${order.port}`;
    const shape = ['-t', '1', '-c', String(order.connections), '-d', `${order.seconds}s`, '--timeout', '5s'];
    const words = order.check ? [plan, 'check'] : [plan];
    return parseWrkResult(await runPinned(order.core, 'wrk', [...shape, '-s', SCRIPT, url, '--', ...words]));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** wrk, or null when it is not installed. */
export function findWrk(): LoadGenerator | null {
  const probe = spawnSync('wrk', ['-v'], { encoding: 'utf8' });
  const version = /^wrk (\S+)/m.exec(`${probe.stdout ?? ''}${probe.stderr ?? ''}`)?.[1];
  return version === undefined ? null : { name: 'wrk', version, run };
}
