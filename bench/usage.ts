import { execFileSync } from 'node:child_process';
import { LOAD_CORE } from './cores.ts';
import type { Figures } from './figures.ts';
import { readCoreTicks, readTree, ticksBetween, type CoreTicks, type ProcessStat } from './proc-stat.ts';

function readConf(name: string): number {
  return Number(execFileSync('getconf', [name], { encoding: 'utf8' }));
}

const TICKS_PER_SECOND = readConf('CLK_TCK');
const PAGE_BYTES = readConf('PAGESIZE');

/** What the processes of a peer and the cores had used at one moment. */
export interface Usage {
  readonly atMs: number;
  readonly tree: readonly ProcessStat[];
  readonly gateway: readonly CoreTicks[];
  readonly load: CoreTicks;
}

export function readUsage(pids: readonly number[], cores: readonly number[]): Usage {
  const gateway = cores.map((core) => readCoreTicks(core));
  return { atMs: performance.now(), tree: readTree(pids), gateway, load: readCoreTicks(LOAD_CORE) };
}

/** Resident memory of process trees in bytes; pages that two processes share count twice. */
export function rssBytes(pids: readonly number[]): number {
  return readTree(pids).reduce((sum, each) => sum + each.rssPages, 0) * PAGE_BYTES;
}

function sum(ticks: readonly CoreTicks[], of: keyof CoreTicks): number {
  return ticks.reduce((total, each) => total + each[of], 0);
}

function wallTicks(before: Usage, after: Usage): number {
  return ((after.atMs - before.atMs) / 1_000) * TICKS_PER_SECOND;
}

/** The figures that CPU time gives for `requests` answered between two readings. */
export function usageFigures(before: Usage, after: Usage, requests: number): Figures {
  const wall = wallTicks(before, after);
  const loadShare = (after.load.busy - before.load.busy) / wall;
  if (after.tree.length === 0) return { loadShare };
  const own = ticksBetween(before.tree, after.tree);
  return {
    loadShare,
    cpuUsPerRequest: ((own / TICKS_PER_SECOND) * 1e6) / requests,
    coreShare: own / (wall * after.gateway.length),
    rssMB: (after.tree.reduce((total, each) => total + each.rssPages, 0) * PAGE_BYTES) / 1e6,
  };
}

/** The parts of the cores' time that other work took between two readings, on this machine and on its host. */
export function noiseFigures(before: Usage, after: Usage, cores: readonly number[]): Figures {
  const wall = wallTicks(before, after);
  const grown = (of: keyof CoreTicks): number => sum(after.gateway, of) - sum(before.gateway, of);
  const foreign = grown('busy') - ticksBetween(before.tree, after.tree);
  return {
    // Where a peer shares the load core, what is foreign there cannot be told from the load.
    foreignShare: cores.includes(LOAD_CORE) ? 0 : Math.max(0, foreign / wall),
    stealShare: (grown('steal') + after.load.steal - before.load.steal) / ((cores.length + 1) * wall),
  };
}
