import { freePort } from '../child.ts';
import { nginxVersion, startNginx } from '../nginx.ts';
import type { Peer } from '../peer.ts';

/** The yardstick in C: ratios to it carry over to other machines. */
export const nginx: Peer = {
  name: 'nginx',
  version: () => nginxVersion() ?? '',
  available: (scenario) => {
    if (scenario.configs['nginx'] === undefined) return 'the scenario has no configuration for it';
    return nginxVersion() === null ? 'nginx is not installed' : null;
  },
  start: async ({ scenario, upstreamPort, dir, core }) => {
    const port = await freePort();
    const config = scenario.configs['nginx']?.({ port, adminPort: port, upstreamPort, dir }) ?? '';
    const child = await startNginx(core, dir, port, config);
    return { pid: child.pid, extraPids: [], port, config, stop: child.stop };
  },
};
