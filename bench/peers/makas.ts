import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, startPinned, waitUntilReady } from '../child.ts';
import type { Peer } from '../peer.ts';
import { isAnswering } from '../probe.ts';
import { NODE_FLAGS } from './node-flags.ts';

const ROOT = join(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'src/main.ts');

function version(): string {
  const own: { version: string } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return `${own.version}, node ${process.versions.node}`;
}

/** The gateway as a person starts it, with the scenario's configuration. */
export const makas: Peer = {
  name: 'makas',
  version,
  available: (scenario) => {
    if (scenario.configs['makas'] === undefined) return 'the scenario has no configuration for it';
    return existsSync(MAIN) ? null : 'src/main.ts does not exist';
  },
  start: async ({ scenario, upstreamPort, dir, core }) => {
    const port = await freePort();
    const adminPort = await freePort();
    const config = scenario.configs['makas']?.({ port, adminPort, upstreamPort, dir }) ?? '';
    const file = join(dir, 'makas.yaml');
    mkdirSync(join(dir, 'state'), { recursive: true });
    writeFileSync(file, config);
    const child = startPinned(core, process.execPath, [...NODE_FLAGS, MAIN, 'serve', '--config', file]);
    await waitUntilReady('makas', child, () => isAnswering(adminPort, '/readyz'));
    const command = `# node ${NODE_FLAGS.join(' ')} src/main.ts serve --config makas.yaml`;
    return { pid: child.pid, extraPids: [], port, config: `${command}\n${config}`, stop: child.stop };
  },
};
