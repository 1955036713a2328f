import { execFileSync } from 'node:child_process';
import { loadavg } from 'node:os';
import { assertClean, type LoadGenerator, type LoadResult } from './load/load.ts';
import type { RunningPeer } from './peer.ts';
import { probe } from './probe.ts';
import { readCoreTicks, readTree, ticksBetween, type CoreTicks, type ProcessStat } from './proc-stat.ts';
import type { Scenario } from './scenario.ts';

export const GATEWAY_CORE = 0;
export const LOAD_CORE = 1;
/** Enough connections to keep one core busy, few enough that a queue does not hide the latency. */
export const CONNECTIONS = 64;

/** The figures of one peer in one round. Those about the peer's processes are null for `direct`. */
export interface Figures {
  /** Saturation phase. */
  readonly rps: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly cpuUsPerRequest: number | null;
  /** Part of the gateway core's time that the peer used, in [0, 1]. */
  readonly coreShare: number | null;
  readonly rssMiB: number | null;
  /** One connection, closed loop. */
  readonly serialP50Us: number;
  readonly serialP99Us: number;
  /** Serial p50 above that of `direct` in the same round; null without it. */
  readonly addedP50Us: number | null;
}

export interface Sample {
  readonly peer: string;
  readonly round: number;
  readonly figures: Figures;
  readonly requests: number;
  /** Part of the gateway core's time that neither the peer nor idling explains, in [0, 1]. */
  readonly foreignShare: number;
  /** Part of both cores' time that the hypervisor took, in [0, 1]. */
  readonly stealShare: number;
  readonly loadAverage: number;
}

export interface Timing {
  readonly name: string;
  readonly running: RunningPeer;
  readonly scenario: Scenario;
  readonly load: LoadGenerator;
  readonly seconds: number;
  readonly round: number;
}

interface Usage {
  readonly atMs: number;
  readonly tree: readonly ProcessStat[];
  readonly gatewayCore: CoreTicks;
  readonly steal: number;
}

function readConf(name: string): number {
  return Number(execFileSync('getconf', [name], { encoding: 'utf8' }));
}

const TICKS_PER_SECOND = readConf('CLK_TCK');
const PAGE_BYTES = readConf('PAGESIZE');

function readUsage(roots: readonly number[]): Usage {
  const gatewayCore = readCoreTicks(GATEWAY_CORE);
  const steal = gatewayCore.steal + readCoreTicks(LOAD_CORE).steal;
  return { atMs: performance.now(), tree: readTree(roots), gatewayCore, steal };
}

/** Sends load at full width and compares every answer. Runs before each timing, so that code and connections are warm. */
export async function warmUp(timing: Timing, seconds: number): Promise<void> {
  const { name, running, scenario, load } = timing;
  await probe(name, running.port, scenario);
  const order = { scenario, port: running.port, connections: CONNECTIONS, seconds, core: LOAD_CORE, check: true };
  assertClean(name, await load.run(order));
}

async function timePhase(timing: Timing, connections: number, seconds: number): Promise<LoadResult> {
  const { name, running, scenario, load } = timing;
  const order = { scenario, port: running.port, connections, seconds, core: LOAD_CORE, check: false };
  const result = await load.run(order);
  assertClean(name, result);
  return result;
}

/** One turn of one peer: warm-up, one connection, saturation with CPU time. Throws on any wrong answer. */
export async function takeSample(timing: Timing): Promise<Sample> {
  const { running, seconds } = timing;
  await warmUp(timing, 1);
  const serial = await timePhase(timing, 1, Math.max(1, Math.floor(seconds / 2)));
  const roots = running.pid === null ? [] : [running.pid, ...running.extraPids];
  const before = readUsage(roots);
  const full = await timePhase(timing, CONNECTIONS, seconds);
  const after = readUsage(roots);

  const wallTicks = ((after.atMs - before.atMs) / 1_000) * TICKS_PER_SECOND;
  const ownTicks = ticksBetween(before.tree, after.tree);
  const busyTicks = after.gatewayCore.busy - before.gatewayCore.busy;
  const hasProcess = roots.length > 0;
  const rssPages = after.tree.reduce((sum, each) => sum + each.rssPages, 0);
  return {
    peer: timing.name,
    round: timing.round,
    figures: {
      rps: full.requests / full.seconds,
      p50Us: full.p50Us,
      p99Us: full.p99Us,
      cpuUsPerRequest: hasProcess ? ((ownTicks / TICKS_PER_SECOND) * 1e6) / full.requests : null,
      coreShare: hasProcess ? ownTicks / wallTicks : null,
      rssMiB: hasProcess ? (rssPages * PAGE_BYTES) / 1_048_576 : null,
      serialP50Us: serial.p50Us,
      serialP99Us: serial.p99Us,
      addedP50Us: null,
    },
    requests: full.requests,
    foreignShare: Math.max(0, (busyTicks - ownTicks) / wallTicks),
    stealShare: (after.steal - before.steal) / (2 * wallTicks),
    loadAverage: loadavg()[0] ?? 0,
  };
}
