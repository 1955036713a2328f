import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';

/** Upstream, load generator, Redis and the harness itself live here. */
export const LOAD_CORE = 1;
const FIRST_GATEWAY_CORE = 0;

/** The cores of a peer: apart from the load core while there are enough of them. */
export function gatewayCores(count: number, available = cpus().length): number[] {
  const free = Array.from({ length: available }, (_, core) => core).filter((core) => core !== LOAD_CORE);
  const cores = [FIRST_GATEWAY_CORE, ...free.filter((core) => core !== FIRST_GATEWAY_CORE), LOAD_CORE];
  return cores.slice(0, count);
}

/** Puts the harness on the load core. Throws when the machine cannot keep gateway and load apart. */
export function pinSelf(): void {
  if (cpus().length < 2) {
    throw new Error('the harness needs two cores, one for the gateway and one for the load');
  }
  const words = ['--all-tasks', '--cpu-list', '--pid', String(LOAD_CORE), String(process.pid)];
  if (spawnSync('taskset', words).status !== 0) throw new Error('the harness needs taskset (util-linux)');
}
