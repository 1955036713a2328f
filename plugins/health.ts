import type { FastifyPluginCallback } from 'fastify';

import { errorRegistry, type ErrorCode } from '../src/core/errors.ts';

export interface Readiness {
  /** A configuration is live and the state was read once. */
  readonly isLoaded: boolean;
  /** The process is about to end and takes no new requests. */
  readonly isDraining: boolean;
  /** What Makas works without for now; it is ready all the same. */
  readonly degraded: readonly string[];
}

export interface HealthOptions {
  readonly readiness: () => Readiness;
}

/** The probes of an orchestrator: alive as long as the event loop turns, ready when requests may come. */
export const health: FastifyPluginCallback<HealthOptions> = (fastify, { readiness }, done) => {
  fastify.get('/livez', (_request, reply) => {
    return reply.header('cache-control', 'no-store').send({ live: true });
  });
  fastify.get('/readyz', (_request, reply) => {
    const state = readiness();
    const codes = reasonsOf(state);
    const reasons = codes.map((code) => ({ code, message: errorRegistry[code].message }));
    void reply.header('cache-control', 'no-store');
    const [first] = codes;
    if (first !== undefined) void reply.code(errorRegistry[first].status).header('makas-error', first);
    return reply.send({ ready: codes.length === 0, reasons, degraded: state.degraded });
  });
  done();
};

function reasonsOf({ isLoaded, isDraining }: Readiness): ErrorCode[] {
  const codes: ErrorCode[] = [];
  if (isDraining) codes.push('DRAINING');
  if (!isLoaded) codes.push('NOT_READY');
  return codes;
}
