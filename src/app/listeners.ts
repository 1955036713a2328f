import Fastify, { type FastifyInstance } from 'fastify';

import { admin, type AdminView } from '../../plugins/admin.ts';
import { answerClientError, answerFrameworkError, errors } from '../../plugins/errors.ts';
import { health, type Readiness } from '../../plugins/health.ts';
import { inference } from '../../plugins/inference.ts';
import { metrics as metricsPlugin } from '../../plugins/metrics.ts';
import { rewardsPlugin } from '../../plugins/rewards.ts';
import type { ErrorCode } from '../core/errors.ts';
import { inflate } from '../edges/decode-body.ts';
import { ExpressFront } from '../edges/express/front.ts';
import { GrpcFront } from '../edges/grpc/front.ts';
import type { PromMetrics } from '../edges/telemetry/metrics.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { Logger } from '../gateway/ports.ts';
import type { RewardDesk } from '../gateway/rewards.ts';
import type { DataAddresses, Replica } from './data-plane.ts';
import { watchLane, watchSockets } from './drain.ts';
import { RestOverHttp2 } from './rest-over-http2.ts';
import type { Settings } from './settings.ts';
import { readTlsFiles } from './tls-files.ts';

/** Names of models may be long; Fastify's own limit of a path parameter is 100 characters. */
const PARAMETER_MAX = 8192;
const CONNECTION_CHECK_MS = 5_000;
const ADMIN_TIMEOUT_MS = 10_000;
/** Requests at once on one connection of HTTP/2. */
const STREAMS_MAX = 256;

export interface DataParts {
  readonly gateway: Gateway;
  readonly desk: RewardDesk;
  readonly logger: Logger;
  readonly isReady: () => boolean;
  readonly isDraining: () => boolean;
}

/** The data listener: inference paths and rewards. */
export async function createDataListener(settings: Settings, parts: DataParts): Promise<FastifyInstance> {
  const { http } = settings;
  const isTls = http.tls !== null;
  const fastify = Fastify({
    logger: false,
    ...serverSettings(settings),
    requestTimeout: http.requestTimeoutMs,
    keepAliveTimeout: http.keepAliveMs,
    routerOptions: { maxParamLength: PARAMETER_MAX },
    exposeHeadRoutes: false,
    // Requests on open connections are still answered while the gateway drains; the lane then closes the connection.
    return503OnClosing: false,
    clientErrorHandler: answerClientError,
    frameworkErrors: answerFrameworkError,
    rewriteUrl: (request) => originForm(request.url ?? '/'),
  });
  watchSockets(fastify, isTls);
  fastify.addHook('onSend', (_request, reply, payload, done) => {
    const code = reply.getHeader('makas-error');
    if (typeof code === 'string') parts.gateway.countError(code as ErrorCode);
    done(null, payload);
  });
  await fastify.register(errors, { logger: parts.logger });
  await fastify.register(inference, { ...parts, prefix: http.prefix });
  await fastify.register(rewardsPlugin, { desk: parts.desk, maxBatch: settings.maxBatch });
  const { deadlines } = parts.gateway;
  const http2 = new RestOverHttp2({ ...http, isTls, maxStreams: STREAMS_MAX, deadlines });
  http2.attach(fastify.server);
  watchLane(fastify, http2);
  // Plain sockets are what the express lane is for.
  if (http.express && !isTls) {
    const front = new ExpressFront({ ...http, gateway: parts.gateway, isDraining: parts.isDraining });
    front.attach(fastify.server);
    watchLane(fastify, front);
  }
  return fastify;
}

/** What node:http takes, with TLS where the settings say so. Throws when a file cannot be read. */
function serverSettings({ http }: Settings): { http: object } | { https: object } {
  const settings = {
    maxHeaderSize: http.maxHeaderBytes,
    headersTimeout: http.headerTimeoutMs,
    connectionsCheckingInterval: Math.min(CONNECTION_CHECK_MS, http.headerTimeoutMs),
    insecureHTTPParser: false,
    // The lane checks it: node:http would answer in a form of its own.
    requireHostHeader: false,
  };
  if (http.tls === null) return { http: settings };
  const { cert, key, clientCa } = readTlsFiles(http.tls, 'listen.http');
  const demand = clientCa === null ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
  const tls = { cert, key, ...demand, minVersion: 'TLSv1.2', ALPNProtocols: ['h2', 'http/1.1'] };
  return { https: { ...settings, ...tls, handshakeTimeout: http.headerTimeoutMs } };
}

/** The listener of gRPC; null: there is none. */
export function createGrpcFront(
  settings: Settings,
  parts: Pick<DataParts, 'gateway' | 'desk' | 'isReady'>,
): GrpcFront | null {
  const { grpc, http } = settings;
  if (grpc === null) return null;
  return new GrpcFront({
    ...parts,
    services: grpc.services,
    maxStreams: grpc.maxStreams,
    maxHeaderBytes: http.maxHeaderBytes,
    requestMs: http.requestTimeoutMs,
    prefaceMs: http.headerTimeoutMs,
    pingMs: grpc.keepAliveMs,
    maxAgeMs: grpc.maxConnectionAgeMs,
    express: grpc.express,
    inflate,
    tls: grpc.tls === null ? null : readTlsFiles(grpc.tls, 'listen.grpc'),
  });
}

/** Resolves with the addresses when both data listeners listen. */
export async function listen(
  { http, grpc }: Settings,
  data: FastifyInstance,
  front: GrpcFront | null,
  { ports, reusePort }: Parameters<Replica['listen']>[0],
): Promise<DataAddresses> {
  const shared = { reusePort };
  const address = await data.listen({ host: http.host, port: ports.http, ...shared });
  if (front === null || grpc === null) return { http: address, grpc: null };
  return { http: address, grpc: await front.listen({ host: grpc.host, port: ports.grpc, ...shared }) };
}

export interface AdminParts {
  readonly view: AdminView;
  readonly metrics: PromMetrics;
  readonly logger: Logger;
  readonly readiness: () => Readiness;
}

/** The admin listener: metrics, probes, admin API. */
export async function createAdminListener(settings: Settings, parts: AdminParts): Promise<FastifyInstance> {
  const fastify = Fastify({
    logger: false,
    requestTimeout: ADMIN_TIMEOUT_MS,
    clientErrorHandler: answerClientError,
    frameworkErrors: answerFrameworkError,
    exposeHeadRoutes: false,
  });
  await fastify.register(errors, { logger: parts.logger });
  await fastify.register(health, { readiness: parts.readiness });
  await fastify.register(metricsPlugin, { render: (accept) => parts.metrics.render(accept) });
  await fastify.register(admin, { view: parts.view, token: settings.admin.token });
  return fastify;
}

/** Turns a target in absolute form (RFC 9112 3.2.2) into origin form; the authority decides nothing here. */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const match = /^https?:\/\/[^/?#]*(\/[^#]*)?$/i.exec(target);
  return match === null ? target : (match[1] ?? '/');
}
