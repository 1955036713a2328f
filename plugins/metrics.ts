import type { FastifyPluginCallback } from 'fastify';

export interface MetricsOptions {
  /** The metrics in the format that the `Accept` header prefers. */
  readonly render: (
    accept: string | undefined,
  ) => Promise<{ readonly contentType: string; readonly bytes: Uint8Array }>;
}

/** `GET /metrics` for Prometheus. */
export const metrics: FastifyPluginCallback<MetricsOptions> = (fastify, { render }, done) => {
  fastify.get('/metrics', async (request, reply) => {
    const { contentType, bytes } = await render(request.headers.accept);
    return reply.header('cache-control', 'no-store').type(contentType).send(bytes);
  });
  done();
};
