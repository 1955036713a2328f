import { readdirSync, readFileSync } from 'node:fs';

/** The fields of /proc/PID/stat that the harness uses; times in clock ticks over all threads (proc_pid_stat(5)). */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly cpuTicks: number;
  readonly rssPages: number;
}

/** Ticks of one core since boot, from /proc/stat (proc_stat(5)). */
export interface CoreTicks {
  readonly busy: number;
  readonly idle: number;
  readonly steal: number;
}

/** Reads one line of /proc/PID/stat. The command name may hold spaces and brackets, so fields count from the last `)`. */
export function parseProcessStat(line: string): ProcessStat {
  const pid = Number.parseInt(line, 10);
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [parent, utime, stime, rssPages] = [fields[1], fields[11], fields[12], fields[21]].map(Number);
  const stat = { pid, parent: parent ?? NaN, cpuTicks: (utime ?? NaN) + (stime ?? NaN), rssPages: rssPages ?? NaN };
  if (Object.values(stat).some(Number.isNaN)) throw new Error(`not a line of /proc/PID/stat: ${line}`);
  return stat;
}

/** Reads the line `cpuN` of /proc/stat. Busy is user, nice, system and interrupts; waiting for disks counts as idle. */
export function parseCoreTicks(text: string, core: number): CoreTicks {
  const line = text.split('\n').find((each) => each.startsWith(`cpu${core} `));
  if (line === undefined) throw new Error(`/proc/stat has no core ${core}`);
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0] = line
    .split(' ')
    .slice(1)
    .map(Number);
  return { busy: user + nice + system + irq + softirq, idle: idle + wait, steal };
}

/** The processes of `all` that are `roots` or descend from them. */
export function selectTree(all: readonly ProcessStat[], roots: readonly number[]): ProcessStat[] {
  const inTree = new Set(roots);
  let grown = true;
  while (grown) {
    grown = false;
    for (const each of all) {
      if (!inTree.has(each.parent) || inTree.has(each.pid)) continue;
      inTree.add(each.pid);
      grown = true;
    }
  }
  return all.filter((each) => inTree.has(each.pid));
}

/**
 * CPU ticks that a process tree used between two readings. A process that started in between counts from zero; one that
 * ended took its ticks with it, so the figure would be too low and this throws.
 */
export function ticksBetween(before: readonly ProcessStat[], after: readonly ProcessStat[]): number {
  const earlier = new Map(before.map((each) => [each.pid, each.cpuTicks]));
  let ticks = 0;
  for (const each of after) {
    ticks += each.cpuTicks - (earlier.get(each.pid) ?? 0);
    earlier.delete(each.pid);
  }
  if (earlier.size > 0) throw new Error(`process ${[...earlier.keys()].join(', ')} ended during a timing`);
  return ticks;
}

/** Reads the live processes of the trees under `roots`. */
export function readTree(roots: readonly number[]): ProcessStat[] {
  const all: ProcessStat[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      all.push(parseProcessStat(readFileSync(`/proc/${name}/stat`, 'latin1')));
    } catch (error) {
      // The process ended between the listing and the reading.
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'ENOENT' && code !== 'ESRCH') throw error;
    }
  }
  return selectTree(all, roots);
}

export function readCoreTicks(core: number): CoreTicks {
  return parseCoreTicks(readFileSync('/proc/stat', 'latin1'), core);
}
