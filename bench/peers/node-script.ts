import { join } from 'node:path';
import { startPinned, waitUntilReady } from '../child.ts';
import type { PeerStart, RunningPeer } from '../peer.ts';
import { NODE_FLAGS } from './node-flags.ts';

/** Starts a proxy that is a script beside this file and takes its own port and the upstream's as arguments. */
export async function startScript(script: string, { place, cores, isReady }: PeerStart): Promise<RunningPeer> {
  const args = [...NODE_FLAGS, join(import.meta.dirname, script), String(place.port), String(place.upstreamPort)];
  const child = startPinned({ cores, command: process.execPath, args });
  await waitUntilReady(script, child, isReady);
  const config = `node ${NODE_FLAGS.join(' ')} bench/peers/${script}`;
  return { pids: [child.pid], port: place.port, config, stop: child.stop };
}
