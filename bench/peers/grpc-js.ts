import { createRequire } from 'node:module';
import type { Peer } from '../peer.ts';
import { startScript } from './node-script.ts';

function version(): string {
  const own: { version: string } = createRequire(import.meta.url)('@grpc/grpc-js/package.json');
  return `node ${process.versions.node}, @grpc/grpc-js ${own.version}`;
}

/** What a person would write on Node for calls of gRPC: messages stay bytes, and nothing is routed but the split. */
export const grpcJs: Peer = {
  name: 'grpc-js',
  version,
  missing: () => null,
  start: (start) => startScript('grpc-js-server.ts', start),
};
