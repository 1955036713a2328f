import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Reads the hard limit of open files out of the text of /proc/PID/limits. Throws when it is not there. */
export function parseOpenFiles(text: string): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(text)?.[1];
  if (hard === undefined) throw new Error('/proc/self/limits has no line about open files');
  return hard === 'unlimited' ? Infinity : Number(hard);
}

/** Lets this process and its children open `count` files; gives the reason when the system does not allow it. */
export function allowOpenFiles(count: number): string | null {
  const read = (): number => parseOpenFiles(readFileSync('/proc/self/limits', 'utf8'));
  // Node raises its soft limit to the hard one when it starts, and children inherit that.
  if (read() >= count) return null;
  spawnSync('prlimit', ['--pid', String(process.pid), `--nofile=${count}:${count}`]);
  const limit = read();
  return limit >= count ? null : `it needs ${count} open files, the limit is ${limit}; raise ulimit -n`;
}
