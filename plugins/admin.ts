import { createHash, timingSafeEqual } from 'node:crypto';

import type { FastifyPluginCallback } from 'fastify';

import { GatewayError } from '../src/core/errors.ts';

/** A request as a person describes it, for `explain`. */
export interface RequestDescription {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Text as it is, or a JSON value; undefined: no body. */
  readonly body: unknown;
}

export interface ConfigView {
  readonly hash: string;
  /** Milliseconds since the epoch. */
  readonly loadedAtMs: number;
  /** The effective configuration, secrets masked. */
  readonly config: unknown;
  /** Why the last attempt to load another one failed; null: it did not. */
  readonly lastReloadError: string | null;
}

/** What the admin API shows; everything is ready for JSON. */
export interface AdminView {
  readonly routes: () => readonly object[];
  readonly backends: () => readonly object[];
  readonly bandits: () => readonly object[];
  readonly shadows: () => readonly object[];
  readonly config: () => ConfigView;
  /** Throws GatewayError when the description is not a request. */
  readonly explain: (description: RequestDescription) => unknown;
}

export interface AdminOptions {
  readonly view: AdminView;
  /** Bearer token that `/admin/...` demands; null: none. */
  readonly token: string | null;
}

const PATHS = [
  'GET /metrics',
  'GET /livez',
  'GET /readyz',
  'GET /admin/routes',
  'GET /admin/backends',
  'GET /admin/bandits',
  'GET /admin/shadows',
  'GET /admin/config',
  'POST /admin/explain',
];

/** The admin API: what is configured, what it does now, and why it would do what to a request. */
export const admin: FastifyPluginCallback<AdminOptions> = (fastify, { view, token }, done) => {
  fastify.get('/', () => ({ name: 'makas', paths: PATHS }));
  fastify.register(
    (scope, _options, scopeDone) => {
      if (token !== null) scope.addHook('onRequest', tokenCheck(token));
      scope.addHook('onSend', async (_request, reply) => void reply.header('cache-control', 'no-store'));
      scope.get('/routes', () => ({ routes: view.routes() }));
      scope.get('/backends', () => ({ backends: view.backends() }));
      scope.get('/bandits', () => ({ bandits: view.bandits() }));
      scope.get('/shadows', () => ({ shadows: view.shadows() }));
      scope.get('/config', (_request, reply) => {
        const { hash, loadedAtMs, config, lastReloadError } = view.config();
        const loadedAt = new Date(loadedAtMs).toISOString();
        return reply
          .header('etag', `"${hash}"`)
          .send({ hash, loaded_at: loadedAt, last_reload_error: lastReloadError, config });
      });
      scope.post('/explain', (request) => view.explain(readDescription(request.body)));
      scopeDone();
    },
    { prefix: '/admin' },
  );
  done();
};

/** Refuses requests without the token. Digests are compared, so that the time says nothing about the token. */
function tokenCheck(token: string) {
  const expected = digest(token);
  return async (
    request: { headers: { authorization?: string | undefined } },
    reply: { header(name: string, value: string): unknown },
  ): Promise<void> => {
    const [, given] = /^Bearer +([^ ]+)$/i.exec(request.headers.authorization ?? '') ?? [];
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return;
    reply.header('www-authenticate', 'Bearer realm="makas"');
    throw new GatewayError('UNAUTHORIZED');
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function readDescription(input: unknown): RequestDescription {
  if (!isObject(input)) throw invalid('The description must be a JSON object {"method", "path", "headers", "body"}.');
  const unknown = Object.keys(input).find((key) => !['method', 'path', 'headers', 'body'].includes(key));
  if (unknown !== undefined)
    throw invalid(`"${unknown.slice(0, 64)}" is not a field; there are "method", "path", "headers" and "body".`);
  const { method = 'POST', path, headers = {}, body } = input;
  if (typeof method !== 'string' || !/^[A-Za-z]{1,20}$/.test(method))
    throw invalid('"method" must be a method of HTTP, such as "POST".');
  if (typeof path !== 'string' || !path.startsWith('/')) throw invalid('"path" must be a text that begins with "/".');
  if (!isObject(headers)) throw invalid('"headers" must be an object of texts.');
  return { method: method.toUpperCase(), path, headers: readHeaders(headers), body };
}

function readHeaders(headers: Record<string, unknown>): Record<string, string> {
  const read: [string, string][] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') throw invalid(`"headers.${name.slice(0, 64)}" must be a text.`);
    read.push([name.toLowerCase(), value]);
  }
  return Object.fromEntries(read);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(message: string): GatewayError {
  return new GatewayError('BAD_REQUEST', message);
}
