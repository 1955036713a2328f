import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startPinned, waitUntilReady } from '../child.ts';
import type { Peer, PeerStart, RunningPeer } from '../peer.ts';
import { isAnswering } from '../probe.ts';
import { NODE_FLAGS } from './node-flags.ts';

const ROOT = join(import.meta.dirname, '../..');

function version(): string {
  const own: { version: string } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return `${own.version}, node ${process.versions.node}`;
}

async function start({ place, config, cores }: PeerStart): Promise<RunningPeer> {
  const file = join(place.dir, 'makas.yaml');
  mkdirSync(join(place.dir, 'state'), { recursive: true });
  writeFileSync(file, config);
  const args = [...NODE_FLAGS, join(ROOT, 'src/bin.js'), 'serve', '--config', file];
  const child = startPinned({ cores, command: process.execPath, args });
  await waitUntilReady('makas', child, () => isAnswering(place.adminPort, '/readyz'));
  const command = `# node ${NODE_FLAGS.join(' ')} src/bin.js serve --config makas.yaml`;
  return { pids: [child.pid], port: place.port, config: `${command}\n${config}`, stop: child.stop };
}

/** The gateway as a person starts it. */
export const makas: Peer = { name: 'makas', version, missing: () => null, start };

/** The same with the express lane off, so that the main lane serves everything. */
export const makasMain: Peer = { name: 'makas-main', version, missing: () => null, start };
