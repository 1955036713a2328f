import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startPinned, waitUntilReady } from '../child.ts';
import type { Peer } from '../peer.ts';

function version(): string | null {
  return /version (\S+)/.exec(spawnSync('haproxy', ['-v'], { encoding: 'utf8' }).stdout ?? '')?.[1] ?? null;
}

/** The other yardstick in C. */
export const haproxy: Peer = {
  name: 'haproxy',
  version: () => version() ?? '',
  missing: () => (version() === null ? 'haproxy is not installed' : null),
  start: async ({ place, config, cores, isReady }) => {
    const file = join(place.dir, 'haproxy.cfg');
    writeFileSync(file, config);
    const child = startPinned({ cores, command: 'haproxy', args: ['-db', '-f', file] });
    await waitUntilReady('haproxy', child, isReady);
    return { pids: [child.pid], port: place.port, config, stop: child.stop };
  },
};
