import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startPinned, waitUntilReady } from '../child.ts';
import type { Peer } from '../peer.ts';

function version(): string | null {
  const { status, stdout } = spawnSync('caddy', ['version'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

/** The best-known proxy in a language with a garbage collector. */
export const caddy: Peer = {
  name: 'caddy',
  version: () => version() ?? '',
  missing: () => (version() === null ? 'caddy is not installed' : null),
  start: async ({ place, config, cores, isReady }) => {
    const file = join(place.dir, 'Caddyfile');
    writeFileSync(file, config);
    const env = { GOMAXPROCS: String(cores.length), XDG_DATA_HOME: place.dir, XDG_CONFIG_HOME: place.dir };
    const args = ['run', '--config', file, '--adapter', 'caddyfile'];
    const child = startPinned({ cores, command: 'caddy', args, env });
    await waitUntilReady('caddy', child, isReady);
    return { pids: [child.pid], port: place.port, config, stop: child.stop };
  },
};
