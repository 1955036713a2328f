import { createRequire } from 'node:module';
import fastify, { type FastifyPluginAsync, type FastifyRequest } from 'fastify';
import { UPSTREAM_HOSTS } from '../upstream/upstream.ts';

// The package may be absent: then this peer does not start, but the project still type-checks.
const httpProxy: FastifyPluginAsync<Readonly<Record<string, unknown>>> = createRequire(import.meta.url)(
  '@fastify/http-proxy',
);

const [port, upstreamPort] = process.argv.slice(2);
const [stable, canary] = UPSTREAM_HOSTS.map((host) => `http://${host}:${upstreamPort}`);

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let n = 0; n < text.length; n += 1) value = Math.imul(value ^ text.charCodeAt(n), 0x01000193);
  return value >>> 0;
}

function getUpstream(request: FastifyRequest): string | undefined {
  return hash(String(request.headers['x-user-id'])) % 100 < 90 ? stable : canary;
}

const app = fastify({ logger: false, keepAliveTimeout: 600_000, bodyLimit: 64 * 1_048_576 });
app.get('/ready', (_, reply) => reply.send());
await app.register(httpProxy, {
  upstream: '',
  prefix: '/v2/models/iris',
  rewritePrefix: '/v2/models/iris',
  httpMethods: ['POST'],
  disableRequestLogging: true,
  undici: { connections: 128, pipelining: 1, keepAliveTimeout: 60_000 },
  replyOptions: { getUpstream },
});
await app.listen({ port: Number(port), host: '127.0.0.1', backlog: 1024 });
process.on('SIGTERM', () => process.exit(0));
