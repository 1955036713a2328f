import { createHash, timingSafeEqual } from 'node:crypto';

import type { FastifyPluginCallback } from 'fastify';

import { GatewayError } from '../src/core/errors.ts';

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
  readonly backends: () => Promise<readonly object[]>;
  readonly bandits: () => readonly object[];
  readonly shadows: () => Promise<readonly object[]>;
  readonly config: () => ConfigView;
  /** Throws GatewayError when the description is not a request. */
  readonly explain: (description: unknown) => unknown;
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
      scope.get('/backends', async () => ({ backends: await view.backends() }));
      scope.get('/bandits', () => ({ bandits: view.bandits() }));
      scope.get('/shadows', async () => ({ shadows: await view.shadows() }));
      scope.get('/config', (_request, reply) => {
        const { hash, loadedAtMs, config, lastReloadError } = view.config();
        const loadedAt = new Date(loadedAtMs).toISOString();
        return reply
          .header('etag', `"${hash}"`)
          .send({ hash, loaded_at: loadedAt, last_reload_error: lastReloadError, config });
      });
      scope.post('/explain', (request) => view.explain(request.body));
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
