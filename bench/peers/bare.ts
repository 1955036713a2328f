import { createRequire } from 'node:module';
import { join } from 'node:path';
import { freePort, startPinned, waitUntilReady } from '../child.ts';
import type { Peer } from '../peer.ts';
import { isAnswering } from '../probe.ts';
import { READY_PATH } from '../nginx.ts';
import { NODE_FLAGS } from './node-flags.ts';

function version(): string {
  const undici: { version: string } = createRequire(import.meta.url)('undici/package.json');
  return `node ${process.versions.node}, undici ${undici.version}`;
}

/** The leanest honest proxy that Node can be without leaving node:http and undici; it routes nothing. */
export const bare: Peer = {
  name: 'bare',
  version,
  available: () => null,
  start: async ({ upstreamPort, core }) => {
    const port = await freePort();
    const script = join(import.meta.dirname, 'bare-server.ts');
    const args = [...NODE_FLAGS, script, String(port), `http://127.0.0.1:${upstreamPort}`];
    const child = startPinned(core, process.execPath, args);
    await waitUntilReady('bare', child, () => isAnswering(port, READY_PATH));
    return {
      pid: child.pid,
      extraPids: [],
      port,
      config: `node ${NODE_FLAGS.join(' ')} bench/peers/bare-server.ts`,
      stop: child.stop,
    };
  },
};
