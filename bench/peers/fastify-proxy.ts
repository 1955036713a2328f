import { createRequire } from 'node:module';
import type { Peer } from '../peer.ts';
import { startScript } from './node-script.ts';

const PACKAGE = '@fastify/http-proxy';

function version(name: string): string | null {
  try {
    const own: { version: string } = createRequire(import.meta.url)(`${name}/package.json`);
    return own.version;
  } catch {
    return null;
  }
}

/** What a person who already has Fastify would take. */
export const fastifyProxy: Peer = {
  name: 'fastify-http-proxy',
  version: () =>
    `node ${process.versions.node}, fastify ${version('fastify') ?? ''}, ${PACKAGE} ${version(PACKAGE) ?? ''}`,
  missing: () => (version(PACKAGE) === null ? `the package ${PACKAGE} is not installed` : null),
  start: (start) => startScript('fastify-proxy-server.ts', start),
};
