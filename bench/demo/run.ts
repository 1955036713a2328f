import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Explanation } from '../../src/core/explain.ts';
import { renderExplanation } from '../../src/core/render-explanation.ts';
import { Client, describeSample } from './client.ts';
import { readRequests } from './dataset.ts';
import { canaryShareOf, writeDemoConfig } from './demo-config.ts';
import { type BanditArm, renderDemoReport } from './demo-report.ts';
import { keepLines } from './keep.ts';
import { Processes } from './processes.ts';
import { Scrape } from './scrape.ts';
import { Screen } from './screen.ts';
import { startGateway, startModels } from './servers.ts';
import { Traffic } from './traffic.ts';

const USAGE = `npm run demo -- [options]
  --seconds N   length of the traffic, from 2 to 45 seconds (default 18)
  --keep        stay up afterwards, with addresses and commands to try, until Ctrl-C`;

const SETTLE_MS = 5_000;
const DEATH_MS = 300;

interface Run {
  readonly seconds: number;
  readonly keep: boolean;
  /** Ends the run early; its reason is an error, or null when a person wants it to end. */
  readonly signal: AbortSignal;
  readonly processes: Processes;
  /** For configuration and state. */
  readonly folder: string;
}

async function run({ seconds, keep, signal, processes, folder }: Run): Promise<void> {
  console.log('Is a tumour malignant? Three models behind one gateway, real samples, real labels as rewards.');
  const models = await startModels(processes);
  const configFile = writeDemoConfig({ folder, models });
  const addresses = await startGateway(processes, configFile);
  signal.throwIfAborted();
  const gateway = new Client(addresses.http);
  const admin = new Client(addresses.admin);
  const modelClients = new Map([...models].map(([name, url]) => [name, new Client(url)]));
  try {
    const traffic = new Traffic({ gateway, models: modelClients, seconds, signal });
    await send(traffic, seconds);
    const metrics = await scrapeSettled(admin);
    const { bandits }: { bandits: { arms: BanditArm[] }[] } = JSON.parse(await admin.get('/admin/bandits'));
    const arms = bandits[0]?.arms ?? [];
    const canaryShare = canaryShareOf(configFile);
    const explanation = await explainOne(admin);
    console.log(renderDemoReport({ traffic, seconds, metrics, arms, canaryShare, explanation }).join('\n'));
    if (!keep) return;
    console.log(keepLines({ ...addresses, configFile, models }).join('\n'));
    await untilAborted(signal);
  } finally {
    await Promise.all([gateway, admin, ...modelClients.values()].map((client) => client.close()));
  }
}

async function send(traffic: Traffic, seconds: number): Promise<void> {
  await traffic.askAlone();
  const screen = new Screen(traffic, seconds);
  screen.start();
  try {
    await traffic.run();
    await traffic.measureLatency(Math.max(1, seconds / 6));
  } finally {
    screen.stop();
  }
}

/** The metrics once the copies for the shadow, which come after the answers, are all back. */
async function scrapeSettled(admin: Client): Promise<Scrape> {
  for (const deadline = performance.now() + SETTLE_MS; ; await sleep(50)) {
    const scrape = new Scrape(await admin.get('/metrics'));
    const waiting = scrape.sum('makas_shadow_inflight') + scrape.sum('makas_shadow_queue');
    if (waiting === 0 || performance.now() > deadline) return scrape;
  }
}

async function explainOne(admin: Client): Promise<string> {
  const body = describeSample(readRequests()[1]!);
  const request = { method: 'POST', path: '/v2/models/diagnosis/infer', headers: { 'x-request-id': 'demo-1' }, body };
  const explanation: Explanation = JSON.parse(await admin.post('/admin/explain', request));
  return renderExplanation(explanation);
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  // Something has to keep this process alive while it waits.
  const alive = setInterval(() => {}, 60_000);
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
  clearInterval(alive);
  signal.throwIfAborted();
}

/** Runs the demo and leaves nothing behind; returns the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seconds: { type: 'string', default: '18' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const { keep } = values;
  const seconds = Number(values.seconds);
  if (!(seconds >= 2 && seconds <= 45)) throw new Error(`--seconds is from 2 to 45, found ${values.seconds}`);

  const stop = new AbortController();
  let interrupted: NodeJS.Signals | null = null;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      interrupted ??= name;
      stop.abort(new Error('interrupted'));
    });
  }
  const processes = new Processes((error) => stop.abort(error));
  const folder = mkdtempSync(join(tmpdir(), 'makas-demo-'));
  try {
    await run({ seconds, keep, signal: stop.signal, processes, folder });
    return 0;
  } catch (error) {
    if (interrupted !== null) return keep && interrupted === 'SIGINT' ? 0 : 130;
    // When a process ends, requests fail first; its last words come a moment later and say more.
    await sleep(DEATH_MS, undefined, { signal: stop.signal }).catch(() => {});
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    await processes.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`the demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
