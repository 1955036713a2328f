import { createRequire } from 'node:module';
import type { Peer } from '../peer.ts';
import { startScript } from './node-script.ts';

function version(): string {
  const undici: { version: string } = createRequire(import.meta.url)('undici/package.json');
  return `node ${process.versions.node}, undici ${undici.version}`;
}

/** The leanest honest proxy that Node can be without leaving node:http and undici; it routes nothing. */
export const bare: Peer = {
  name: 'bare',
  version,
  missing: () => null,
  start: (start) => startScript('bare-server.ts', start),
};
