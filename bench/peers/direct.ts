import type { Peer } from '../peer.ts';

/** No proxy at all: the ceiling of upstream and load generator, and the latency that the others add to. */
export const direct: Peer = {
  name: 'direct',
  version: () => '',
  missing: () => null,
  start: async ({ place }) => ({ pids: [], port: place.upstreamPort, config: '', stop: async () => {} }),
};
